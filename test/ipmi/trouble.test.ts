/** A network and a BMC that do what they like, at every step of a login and of two commands. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { IngotError } from '../../src/core/errors.ts';
import { getDeviceId } from '../../src/ipmi/commands/app/device-id.ts';
import { chassisControl } from '../../src/ipmi/commands/chassis/control.ts';
import { getChassisStatus } from '../../src/ipmi/commands/chassis/status.ts';
import type { Fate } from '../../src/ipmi/server-faults.ts';
import { done, failure, inSession, never } from '../support/ipmi-kit.ts';
import { runClock } from '../support/run-clock.ts';
import { virtualBmc } from '../support/virtual-bmc.ts';

/** Datagrams of one direction: capabilities, Open Session, RAKP, RAKP, privilege, three commands. */
const STEPS = 8;
const FATES: readonly [string, Fate][] = [
  ['lost', 'drop'],
  ['twice', 'twice'],
  ['after the next one', { delayMs: 1050 }],
  ['after its second copy was answered', { delayMs: 2400 }],
];
/** Offsets in an unsigned RMCP+ packet: session id, sequence, message. */
const [ID, SEQUENCE, MESSAGE] = [6, 10, 16];

for (const [name, fate] of FATES) {
  for (const direction of ['received', 'sent'] as const) {
    test(`ipmi 3: each datagram in turn ${direction} ${name}: every command takes effect once, or is told as uncertain`, async () => {
      for (let step = 0; step < STEPS; step++) {
        const faults = { [direction]: (n: number): Fate => (n === step ? fate : 'pass') };
        const bmc = await virtualBmc({ faults });
        const client = bmc.client();
        await runClock(bmc.clock, client.run(chassisControl('power-up'), never));
        const cycle = client.run(chassisControl('power-cycle'), never).then(
          () => 'done',
          (e: unknown) => (e instanceof IngotError ? e.code : String(e)),
        );
        const { value: outcome } = await runClock(bmc.clock, cycle);
        assert.ok(['done', 'IPMI_UNCERTAIN'].includes(outcome), `step ${step}: ${outcome}`);
        const { value: status } = await runClock(bmc.clock, client.run(getChassisStatus(), never));
        assert.equal(status.powerOn, true);
        await bmc.clock.advance(3000);
        const cycles = bmc.chassis.controls.filter((c) => c === 'power-cycle').length;
        assert.ok(outcome === 'done' ? cycles === 1 : cycles <= 1, `step ${step}: ${cycles} cycles, ${outcome}`);
        assert.equal(bmc.chassis.controls.filter((c) => c === 'power-up').length, 1, `step ${step}`);
        await done(bmc, client);
      }
    });
  }
}

test('ipmi 3: "duplicated request" is waited out: the answer of the first copy is what counts', async () => {
  const bmc = await virtualBmc({ suites: [1] });
  const client = bmc.client({ suites: [1] });
  await runClock(bmc.clock, client.run(getDeviceId(), never));
  let replies = 0;
  bmc.net.tap = (bytes, direction) => {
    if (direction === 'to-client' && inSession(bytes) && replies++ === 0) {
      const [completion, sum] = [MESSAGE + 6, bytes.length - 1];
      bytes[completion] = 0xcf;
      bytes[sum] = ((bytes[sum] ?? 0) - 0xcf) & 0xff;
    }
    return 'pass';
  };
  await runClock(bmc.clock, client.run(chassisControl('power-up'), never));
  assert.deepEqual(bmc.chassis.controls, ['power-up']);
  assert.equal(replies, 2);
  await done(bmc, client);
});

test('ipmi 3: numbers far outside the window are not taken; the session is opened again', async () => {
  const bmc = await virtualBmc({ suites: [1] });
  const client = bmc.client({ suites: [1] });
  await runClock(bmc.clock, client.run(getDeviceId(), never));
  const lost = bmc.net.clientPorts.length;
  bmc.net.tap = (bytes, direction) => {
    if (bmc.net.clientPorts.length === lost && direction === 'to-client' && inSession(bytes)) {
      const view = new DataView(bytes.buffer, bytes.byteOffset);
      view.setUint32(SEQUENCE, view.getUint32(SEQUENCE, true) + 1000, true);
    }
    return 'pass';
  };
  await runClock(bmc.clock, client.run(getChassisStatus(), never));
  assert.equal(bmc.net.clientPorts.length, lost + 1);
  await done(bmc, client);
});

test('ipmi 4: a session id used again after a restart: what was signed for the old session is not taken', async () => {
  const bmc = await virtualBmc();
  const client = bmc.client();
  let old: Uint8Array | undefined;
  bmc.net.tap = (bytes, direction) => {
    if (direction === 'to-client' && inSession(bytes)) old = bytes.slice();
    return 'pass';
  };
  await runClock(bmc.clock, client.run(getChassisStatus(), never));
  assert.ok(old);
  bmc.chassis.power = 'on';
  await bmc.restart();
  let forged = 0;
  const recorded = old;
  bmc.net.tap = (bytes, direction) => {
    if (direction === 'to-client' && inSession(bytes) && bytes.length === recorded.length && forged < 3) {
      const id = bytes.slice(ID, ID + 4);
      bytes.set(recorded);
      bytes.set(id, ID);
      forged++;
    }
    return 'pass';
  };
  const { value } = await runClock(bmc.clock, client.run(getChassisStatus(), never));
  assert.equal(value.powerOn, true, 'not the old answer, which said off');
  assert.equal(forged, 3);
  await done(bmc, client);
});

test('ipmi 4: a BMC that says nothing to Close Session is left within the time for it', async () => {
  const bmc = await virtualBmc();
  const client = bmc.client();
  await runClock(bmc.clock, client.run(getDeviceId(), never));
  bmc.net.tap = (_, direction) => (direction === 'to-client' ? 'drop' : 'pass');
  const { ms } = await runClock(bmc.clock, client.close());
  assert.ok(ms <= 525, `${ms} ms`);
  assert.equal(bmc.server.sessions, 0, 'it heard it');
  await done(bmc);
});

test('ipmi 4: a BMC silent for a minute: the session that it dropped is opened again', async () => {
  const bmc = await virtualBmc();
  const client = bmc.client();
  await runClock(bmc.clock, client.run(getDeviceId(), never));
  bmc.net.tap = () => 'drop';
  await bmc.clock.advance(70_000);
  bmc.net.tap = () => 'pass';
  await runClock(bmc.clock, client.run(getChassisStatus(), never));
  await done(bmc, client);
});

test('ipmi 4: half-open: RAKP 4 never arrives; nothing of it is left behind on the BMC', async () => {
  const bmc = await virtualBmc();
  bmc.net.tap = (bytes) => (bytes[5] === 0x15 ? 'drop' : 'pass');
  const client = bmc.client();
  assert.equal((await failure(bmc, client.run(getDeviceId(), never))).code, 'IPMI_AUTH_FAILED');
  bmc.net.tap = () => 'pass';
  await bmc.clock.advance(80_000);
  assert.equal(bmc.server.sessions, 0);
  await runClock(bmc.clock, client.run(getDeviceId(), never));
  await done(bmc, client);
});
