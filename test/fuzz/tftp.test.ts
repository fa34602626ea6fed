/** Captured TFTP packets, broken in a million ways, through the codec, the options and transfers under way. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { IngotError } from '../../src/core/errors.ts';
import { negotiate } from '../../src/tftp/negotiate.ts';
import { type TftpPacket, decodePacket } from '../../src/tftp/packet.ts';
import { cleanPath } from '../../src/tftp/path.ts';
import { Transfer, type TransferStep } from '../../src/tftp/transfer.ts';
import { captures } from '../support/captures.ts';
import { mutator } from '../support/mutate.ts';

const ROUNDS = 1_000_000;

function typed<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    assert.ok(error instanceof IngotError, String(error));
    return undefined;
  }
}

function check(step: TransferStep, transfer: Transfer, windowSize: number): void {
  if (step.do !== 'send') return;
  assert.ok(step.from >= 1 && step.to <= transfer.lastBlock && step.from <= step.to, JSON.stringify(step));
  assert.ok(step.to - step.from < windowSize);
}

it(`understands or drops ${ROUNDS} broken packets`, () => {
  const next = mutator(
    captures('tftp').map((c) => c.bytes),
    20261124,
  );
  let terms = negotiate(new Map(), 100_000);
  let transfer = new Transfer({ ...terms, size: 100_000, oack: false, maxTimeouts: 6 });
  transfer.start(0);
  const seen = new Map<TftpPacket['kind'] | 'broken', number>();
  for (let i = 0; i < ROUNDS; i++) {
    const packet = typed(() => decodePacket(next()));
    const kind = packet?.kind ?? 'broken';
    seen.set(kind, (seen.get(kind) ?? 0) + 1);
    if (packet?.kind === 'ack') {
      const step = transfer.onAck(packet.block, i);
      check(step, transfer, terms.windowSize);
    }
    if (packet?.kind === 'rrq') {
      const path = typed(() => cleanPath(packet.path));
      assert.ok(path === undefined || !path.split('/').includes('..'));
      const size = i % 100_003;
      terms = negotiate(packet.options, size);
      assert.ok(terms.blockSize >= 8 && terms.blockSize * terms.windowSize <= 512 << 10);
      transfer = new Transfer({ ...terms, size, oack: terms.confirmed.size > 0, maxTimeouts: 6 });
      check(transfer.start(i), transfer, terms.windowSize);
    }
    if (i % 11 === 0) check(transfer.onTimeout(i), transfer, terms.windowSize);
  }
  for (const kind of ['rrq', 'ack', 'data', 'error', 'oack', 'broken'] as const) {
    assert.ok((seen.get(kind) ?? 0) > 1000, `${kind}: ${seen.get(kind)}`);
  }
});
