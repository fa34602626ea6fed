import assert from 'node:assert/strict';
import test from 'node:test';
import type { Lease } from '../../src/api/core-types.ts';
import { decideLease } from '../../src/store/lease.ts';

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
