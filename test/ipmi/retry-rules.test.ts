/** Completion codes by what is done about them, and the numbers of requests that were sent again. */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { getDeviceId } from '../../src/ipmi/commands/app/device-id.ts';
import { chassisControl } from '../../src/ipmi/commands/chassis/control.ts';
import { getChassisStatus } from '../../src/ipmi/commands/chassis/status.ts';
import { getSdr } from '../../src/ipmi/commands/sdr/get-record.ts';
import { reserveSdr } from '../../src/ipmi/commands/sdr/reserve.ts';
import { decodeDatagram } from '../../src/ipmi/packet.ts';
import { RequestNumbers } from '../../src/ipmi/request-numbers.ts';
import { retryRule } from '../../src/ipmi/retry-rules.ts';
import { done, failure, inSession, never } from '../support/ipmi-kit.ts';
import type { Tap } from '../support/memory-udp.ts';
import { runClock } from '../support/run-clock.ts';
import { virtualBmc } from '../support/virtual-bmc.ts';

/** Offsets in an unsigned RMCP+ packet of a session: command and completion code. */
const [COMMAND, COMPLETION] = [21, 22];
const STATUS = 0x01;
const CONTROL = 0x02;

test('only codes that may go away by themselves are met by another try', () => {
  const tries = Array.from({ length: 256 }, (_, code) => [code, retryRule(code)?.tries ?? 1] as const);
  assert.deepEqual(
    tries.filter(([, n]) => n > 1),
    [
      [0xc0, 4],
      [0xc3, 4],
      [0xc4, 2],
      [0xce, 2],
      [0xd2, 4],
      [0xff, 2],
    ],
  );
});

for (const [code, sends, error, control] of [
  [0xc0, 4, 'IPMI_BUSY', 4],
  [0xc3, 4, 'IPMI_BUSY', 1],
  [0xd2, 4, 'IPMI_BUSY', 4],
  [0xc4, 2, 'IPMI_BUSY', 2],
  [0xff, 2, 'IPMI_COMPLETION', 1],
  [0xce, 2, 'IPMI_COMPLETION', 1],
  [0xc1, 1, 'IPMI_COMPLETION', 1],
  [0xcb, 1, 'IPMI_COMPLETION', 1],
  [0xd4, 1, 'IPMI_COMPLETION', 1],
  [0xd5, 1, 'IPMI_COMPLETION', 1],
] as const) {
  test(`completion ${code.toString(16)}: ${sends} sends, then ${error}; one that passes is not seen at all`, async () => {
    const bmc = await virtualBmc({ suites: [1] });
    bmc.chassis.power = 'on';
    let [asked, answers] = [0, Number.POSITIVE_INFINITY];
    bmc.net.tap = (bytes, direction) => {
      if (direction === 'to-client' && inSession(bytes) && bytes[COMMAND] === STATUS) {
        asked++;
        if (asked <= answers) bytes[COMPLETION] = code;
      }
      return 'pass';
    };
    const client = bmc.client({ suites: [1], quirks: { ignoreChecksums: true } });
    const refused = await failure(bmc, client.run(getChassisStatus(), never));
    assert.deepEqual([refused.code, refused.seen['completion'], asked], [error, code, sends]);
    [asked, answers] = [0, sends - 1];
    await runClock(bmc.clock, client.run(getChassisStatus(), never));
    assert.equal(asked, sends);

    // A command that must not run twice is sent again only when the BMC says that it did not begin.
    bmc.net.tap = replaced(CONTROL, code);
    bmc.chassis.controls.length = 0;
    assert.equal((await failure(bmc, client.run(chassisControl('hard-reset'), never))).code, error);
    assert.equal(bmc.chassis.controls.length, control);
    bmc.net.tap = () => 'pass';
    await done(bmc, client);
  });
}

/** Answers to one command get another completion code. */
function replaced(command: number, code: number): Tap {
  return (bytes, direction) => {
    if (direction === 'to-client' && inSession(bytes) && bytes[COMMAND] === command) bytes[COMPLETION] = code;
    return 'pass';
  };
}

test('request numbers: one after the other, those to avoid left out until their time is over', () => {
  const numbers = new RequestNumbers();
  assert.deepEqual(
    Array.from({ length: 66 }, () => numbers.next(0)),
    [...Array.from({ length: 63 }, (_, i) => i + 1), 0, 1, 2],
  );
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(63), { maxLength: 63 }), (avoided) => {
      const some = new RequestNumbers();
      for (const n of avoided) some.avoid(n, 1000);
      const used = new Set(Array.from({ length: 200 }, () => some.next(30_999)));
      assert.equal(used.size, 64 - avoided.length);
      assert.ok(avoided.every((n) => !used.has(n)));
      assert.equal(new Set(Array.from({ length: 64 }, () => some.next(31_000))).size, 64);
    }),
  );
  const none = new RequestNumbers();
  for (let n = 0; n < 64; n++) none.avoid(n, 0);
  const next = none.next(0);
  assert.ok(next >= 0 && next < 64, 'it goes on all the same');
});

test('ipmi 3: a late second answer is not taken for that to another request with the same number', async () => {
  const bmc = await virtualBmc({ suites: [1] });
  const client = bmc.client({ suites: [1], quirks: { anySequence: true } });
  await runClock(bmc.clock, client.run(getDeviceId(), never));
  const { value: reservationId } = await runClock(bmc.clock, client.run(reserveSdr(), never));
  const read = (recordId: number) => client.run(getSdr({ reservationId, recordId, offset: 0, count: 5 }), never);
  // The answer for record 1 is late: it is asked for twice, and both answers are kept.
  const kept: Uint8Array[] = [];
  let late = 0;
  bmc.net.tap = (bytes, direction) => {
    const datagram = decodeDatagram(bytes);
    if (direction === 'to-client' && datagram.kind === 'v2.0' && datagram.payload[5] === 0x23 && late++ === 0) {
      kept.push(bytes.slice());
      return 'drop';
    }
    return 'pass';
  };
  await runClock(bmc.clock, read(1));
  const first = kept[0];
  assert.ok(first);
  // From now on it comes just before every answer, as if the network had held it back.
  let replayed = 0;
  bmc.net.tap = (bytes, direction) => {
    if (direction === 'to-server' && inSession(bytes)) {
      replayed++;
      queueMicrotask(() => bmc.net.inject(first));
    }
    return 'pass';
  };
  for (let i = 0; i < 130; i++) {
    const { value } = await runClock(bmc.clock, read(2));
    assert.equal(value.data[0], 2, `request ${i}: record 2`);
  }
  assert.equal(replayed, 130);
  await done(bmc, client);
});
