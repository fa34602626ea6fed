import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { RttEstimator } from '../../src/tftp/rtt.ts';
import { Transfer, type TransferOptions } from '../../src/tftp/transfer.ts';
import { seededRandom } from '../support/mutate.ts';

function transfer(changes: Partial<TransferOptions> = {}): Transfer {
  const base = { size: 10_000, blockSize: 512, windowSize: 1, timeoutMs: undefined, oack: false, maxTimeouts: 6 };
  return new Transfer({ ...base, ...changes });
}

describe('a transfer', () => {
  it('sends the first block at once without options, the OACK first with them', () => {
    assert.deepEqual(transfer().start(0), { do: 'send', from: 1, to: 1 });
    const t = transfer({ oack: true, windowSize: 4 });
    assert.deepEqual(t.start(0), { do: 'oack' });
    assert.deepEqual(t.onAck(3, 1), { do: 'wait' });
    assert.deepEqual(t.onAck(0, 1), { do: 'send', from: 1, to: 4 });
  });

  it('ends with a short block, an empty one when the size divides', () => {
    assert.equal(transfer({ size: 0 }).lastBlock, 1);
    assert.equal(transfer({ size: 511 }).lastBlock, 1);
    assert.equal(transfer({ size: 512 }).lastBlock, 2);
    const t = transfer({ size: 100 });
    t.start(0);
    assert.deepEqual(t.onAck(1, 1), { do: 'done' });
  });

  it('does not answer repeated acknowledgements of single blocks', () => {
    const t = transfer();
    t.start(0);
    assert.deepEqual(t.onAck(1, 1), { do: 'send', from: 2, to: 2 });
    assert.deepEqual(t.onAck(1, 2), { do: 'wait' });
    assert.deepEqual(t.onAck(0, 3), { do: 'wait' });
    assert.deepEqual(t.onAck(2, 4), { do: 'send', from: 3, to: 3 });
  });

  it('goes on behind a gap and repeats a window whose first block was lost, once per round trip', () => {
    const t = transfer({ windowSize: 4 });
    t.start(0);
    assert.deepEqual(t.onAck(2, 10), { do: 'send', from: 3, to: 6 });
    assert.deepEqual(t.onAck(2, 500), { do: 'send', from: 3, to: 6 });
    assert.deepEqual(t.onAck(2, 501), { do: 'wait' });
    assert.deepEqual(t.onAck(6, 510), { do: 'send', from: 7, to: 10 });
    assert.deepEqual(t.onAck(4, 511), { do: 'wait' }, 'an old one');
    assert.deepEqual(t.onAck(11, 512), { do: 'wait' }, 'one from the future');
  });

  it('repeats after a timeout and gives up after six in a row', () => {
    const t = transfer();
    t.start(0);
    for (let i = 0; i < 6; i++) assert.deepEqual(t.onTimeout(i * 1000), { do: 'send', from: 1, to: 1 });
    assert.deepEqual(t.onTimeout(9000), { do: 'give-up', lastBlockSent: false });
  });

  it('carries any size over any loss, round the 16 bits too', () => {
    const cases = fc.record({
      size: fc.integer({ min: 0, max: 70_000 }),
      windowSize: fc.integer({ min: 1, max: 64 }),
      loss: fc.constantFrom(0, 0.05, 0.3),
      oack: fc.boolean(),
      seed: fc.nat(),
    });
    fc.assert(fc.property(cases, carry), { numRuns: 150 });
    carry({ size: 140_000, windowSize: 16, loss: 0.02, oack: true, seed: 1 });
  });
});

/** Plays a transfer of one-byte blocks against a receiver as RFC 7440 §4 describes it, both ways losing packets. */
function carry(c: { size: number; windowSize: number; loss: number; oack: boolean; seed: number }): void {
  const t = transfer({ ...c, blockSize: 1, maxTimeouts: 1000 });
  const random = seededRandom(c.seed);
  const arrives = () => random() >= c.loss;
  let now = 0;
  let expected = 1;
  let sent = 0;
  let step = t.start(now);
  for (let rounds = 0; step.do !== 'done'; rounds++) {
    assert.ok(rounds < 400_000, 'comes to an end');
    now += 5;
    let ack: number | undefined;
    if (step.do === 'oack' && arrives()) ack = 0;
    if (step.do === 'send') {
      let gap = false;
      sent += step.to - step.from + 1;
      for (let block = step.from; block <= step.to; block++) {
        if (!arrives()) continue;
        if ((block & 0xffff) === (expected & 0xffff)) expected += 1;
        else gap = true;
      }
      if (gap || step.to === expected - 1) ack = (expected - 1) & 0xffff;
    }
    step = ack !== undefined && arrives() ? t.onAck(ack, now) : t.onTimeout(now);
    while (step.do === 'wait') step = t.onTimeout((now += 1000));
    assert.notEqual(step.do, 'give-up');
  }
  assert.equal(expected, c.size + 2, 'every block and the empty last one');
  if (c.loss === 0) assert.equal(sent, c.size + 1, 'nothing twice');
}

describe('the wait', () => {
  it('follows the round trips, within bounds, and doubles', () => {
    const rtt = new RttEstimator();
    assert.equal(rtt.wait, 1000);
    for (let i = 0; i < 50; i++) rtt.sample(1);
    assert.equal(rtt.wait, 200);
    for (let i = 0; i < 50; i++) rtt.sample(600);
    assert.ok(rtt.wait > 600 && rtt.wait < 1000, String(rtt.wait));
    const before = rtt.wait;
    rtt.timedOut();
    assert.equal(rtt.wait, before * 2);
    for (let i = 0; i < 20; i++) rtt.timedOut();
    assert.equal(rtt.wait, 8000);
    rtt.progress();
    assert.equal(rtt.wait, before);
  });

  it('is no longer than the client asked', () => {
    const rtt = new RttEstimator(2000);
    for (let i = 0; i < 5; i++) rtt.timedOut();
    assert.equal(rtt.wait, 2000);
  });
});
