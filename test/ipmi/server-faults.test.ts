/** Faults of the simulated BMC that are switched on at run time, as our client meets them. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { getDeviceId } from '../../src/ipmi/commands/app/device-id.ts';
import { chassisControl } from '../../src/ipmi/commands/chassis/control.ts';
import { getChassisStatus } from '../../src/ipmi/commands/chassis/status.ts';
import type { ServerFaults } from '../../src/ipmi/server-faults.ts';
import { done, never } from '../support/ipmi-kit.ts';
import { runClock } from '../support/run-clock.ts';
import { virtualBmc } from '../support/virtual-bmc.ts';

const seeded = () => {
  let seed = 11;
  return () => (seed = (seed * 48271) % 0x7fffffff) / 0x7fffffff;
};

test('ipmi 3: late, doubled and overtaken answers change nothing', async () => {
  const faults: ServerFaults = { delayMs: 30, duplicates: 0.4, reordered: 0.4 };
  const bmc = await virtualBmc({ faults, random: seeded() });
  const client = bmc.client();
  const { ms } = await runClock(bmc.clock, client.run(chassisControl('power-up'), never));
  assert.ok(ms >= 30, `${ms} ms`);
  for (let i = 0; i < 10; i++) {
    assert.equal((await runClock(bmc.clock, client.run(getChassisStatus(), never))).value.powerOn, true);
  }
  assert.deepEqual(bmc.chassis.controls, ['power-up']);
  faults.delayMs = 0;
  faults.reordered = 0;
  assert.ok((await runClock(bmc.clock, client.run(getChassisStatus(), never))).ms < 1000, 'switched off while it runs');
  await done(bmc, client);
});

test('ipmi 4: a BMC that hangs after a burst is waited for', async () => {
  const faults: ServerFaults = {};
  const bmc = await virtualBmc({ faults });
  const client = bmc.client();
  await runClock(bmc.clock, client.run(getDeviceId(), never));
  faults.burst = { requests: 3, withinMs: 60_000, forMs: 1500 };
  for (let i = 0; i < 3; i++) await runClock(bmc.clock, client.run(getDeviceId(), never));
  const { ms } = await runClock(bmc.clock, client.run(getDeviceId(), never));
  assert.ok(ms >= 1000, `${ms} ms`);
  await done(bmc, client);
});

test('ipmi 4: a BMC that restarts forgets its sessions, not the machine; the client logs in again', async () => {
  const bmc = await virtualBmc();
  const client = bmc.client();
  await runClock(bmc.clock, client.run(chassisControl('power-up'), never));
  bmc.server.restart(2000);
  assert.equal(bmc.server.sessions, 0);
  const { value } = await runClock(bmc.clock, client.run(getChassisStatus(), never));
  assert.equal(value.powerOn, true);
  assert.equal(bmc.server.sessions, 1);
  await done(bmc, client);
});
