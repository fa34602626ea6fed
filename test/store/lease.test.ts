import assert from 'node:assert/strict';
import test from 'node:test';
import type { Lease } from '../../src/api/core-types.ts';
import { FakeClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/log.ts';
import { LEASE_TIMES, decideLease, leadWhileHeld } from '../../src/store/lease.ts';
import { MemoryStore } from '../support/memory-store.ts';

const held = (holderIdentity: string): Lease => ({
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: { namespace: 'x', name: 'ingot' },
  spec: { holderIdentity },
});

test('a lease is created, renewed, respected while fresh, and taken over when stale or released', () => {
  const decide = (lease: Lease | undefined, seenAt: number, now: number) =>
    decideLease({ lease, seenAt }, 'me', 15_000, now).kind;
  assert.equal(decide(undefined, 0, 0), 'create');
  assert.equal(decide(held('me'), 0, 1e9), 'renew');
  assert.equal(decide(held('other'), 0, 14_999), 'wait');
  assert.equal(decide(held('other'), 0, 15_000), 'take-over');
  assert.equal(decide(held(''), 0, 0), 'take-over');
});

test('leading ends in time when the API server takes requests and never answers', async () => {
  const clock = new FakeClock();
  const store = new MemoryStore(['x']);
  const options = { key: { namespace: 'x', name: 'ingot' }, identity: 'me', ...LEASE_TIMES };
  let leading: AbortSignal | undefined;
  const done = leadWhileHeld(
    { store, clock, random: () => 0, log: silentLogger },
    options,
    AbortSignal.any([]),
    (s) => {
      leading = s;
      return new Promise((resolve) => s.addEventListener('abort', () => resolve()));
    },
  );
  await clock.advance(8000);
  assert.equal(leading?.aborted, false);
  store.get = () => new Promise(() => {});
  await clock.advance(LEASE_TIMES.renewDeadlineMs + LEASE_TIMES.retryMs);
  assert.equal(leading?.aborted, true);
  await done;
});
