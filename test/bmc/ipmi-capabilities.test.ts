import assert from 'node:assert/strict';
import test from 'node:test';
import { IpmiBmc } from '../../src/bmc/ipmi-bmc.ts';
import { memoryLogger } from '../../src/core/log.ts';
import { plausibleModel } from '../../src/ipmi/server-model.ts';
import { runClock } from '../support/run-clock.ts';
import { BMC_PORT, type VirtualBmc, virtualBmc } from '../support/virtual-bmc.ts';

const never = new AbortController().signal;

function open(virtual: VirtualBmc): IpmiBmc {
  return new IpmiBmc({
    address: 'ipmi://192.0.2.1',
    target: { host: '192.0.2.1', port: BMC_PORT, username: 'admin', password: 'secret' },
    doors: {
      clock: virtual.clock,
      random: () => 0.5,
      log: memoryLogger(virtual.lines),
      connect: virtual.net.connect,
    },
  });
}

async function close(virtual: VirtualBmc, bmc: IpmiBmc): Promise<void> {
  await runClock(virtual.clock, bmc.close());
  await virtual.server.close();
}

test('sensors: readings with units, states, and nothing from a machine that is off', async () => {
  const virtual = await virtualBmc();
  const bmc = open(virtual);
  virtual.chassis.power = 'on';
  const { value: on } = await runClock(virtual.clock, bmc.sensing.sensors(never));
  assert.deepEqual(
    on.map((s) => `${s.name} ${s.reading ?? s.states?.join('+') ?? '-'} ${s.unit} ${s.health ?? '-'}`),
    [
      'CPU Temp 46 °C ok',
      'Inlet Temp 23 °C ok',
      'Fan 1 5400 RPM ok',
      '12V 12.096 V ok',
      'System Power 184 W ok',
      'PSU 1 present  ok',
      'DCMI power 184 W ok',
    ],
  );
  virtual.chassis.power = 'off';
  const { value: off } = await runClock(virtual.clock, bmc.sensing.sensors(never));
  assert.equal(off.find((s) => s.name === 'CPU Temp')?.reading, undefined);
  assert.equal(off.find((s) => s.name === 'Fan 1')?.reading, 0);
  await close(virtual, bmc);
});

test('the event log: 400 entries in seconds, newest last, with the names of sensors; cleared and read back', async () => {
  const model = plausibleModel({ clock: (await virtualBmc()).clock, users: [] });
  const virtual = await virtualBmc({ model });
  for (let i = 0; i < 400; i++) {
    model.sel.event({ sensorType: 4, sensor: 3, eventType: 1, data: Uint8Array.of(0x02, 0, 0) });
  }
  const bmc = open(virtual);
  const { value: entries, ms } = await runClock(virtual.clock, bmc.eventLog.entries(2, never));
  assert.deepEqual(
    entries.map((e) => [e.id, e.text, e.severity]),
    [
      ['400', 'Fan 1 (Fan): below lower critical', 'critical'],
      ['401', 'Fan 1 (Fan): below lower critical', 'critical'],
    ],
  );
  assert.ok(ms < 5000, `${ms} ms`);
  await runClock(virtual.clock, bmc.eventLog.clear(never));
  const { value: left } = await runClock(virtual.clock, bmc.eventLog.entries(10, never));
  assert.deepEqual(
    left.map((e) => e.text),
    ['Event log 0xf1: log cleared'],
  );
  await close(virtual, bmc);
});

test('a log that does not get empty is an error that says so', async () => {
  const model = plausibleModel({ clock: (await virtualBmc()).clock, users: [] });
  model.sel.clear = () => {};
  for (let i = 0; i < 5; i++) model.sel.event({ sensorType: 4, sensor: 3, eventType: 1, data: new Uint8Array(3) });
  const virtual = await virtualBmc({ model });
  const bmc = open(virtual);
  await assert.rejects(runClock(virtual.clock, bmc.eventLog.clear(never)), { code: 'BMC_LOG_NOT_CLEARED' });
  await close(virtual, bmc);
});

test('power changes by command are in the event log', async () => {
  const virtual = await virtualBmc();
  const bmc = open(virtual);
  await runClock(virtual.clock, bmc.setPower('on', never));
  const { value: entries } = await runClock(virtual.clock, bmc.eventLog.entries(1, never));
  assert.equal(entries[0]?.text, 'ACPI State (ACPI state): S0/G0 working');
  await close(virtual, bmc);
});

test('inventory, accounts, network, identify', async () => {
  const virtual = await virtualBmc();
  const bmc = open(virtual);
  const { value: fru } = await runClock(virtual.clock, bmc.frus.fru(never));
  assert.ok(fru.some((f) => f.area === 'Product' && f.name === 'serial number' && f.value === 'SIM0001'));
  const { value: accounts } = await runClock(virtual.clock, bmc.management.accounts(never));
  assert.deepEqual(
    accounts.map((a) => `${a.name} ${a.role} ${a.enabled}`),
    ['admin administrator true', 'oper operator true', 'viewer user true'],
  );
  const { value: network } = await runClock(virtual.clock, bmc.management.network(never));
  assert.deepEqual(network, { mac: '52:54:00:00:00:01', addresses: ['127.0.0.1'], source: 'static' });
  await runClock(virtual.clock, bmc.management.identify(5, never));
  await assert.rejects(bmc.management.identify(256, never), { code: 'BMC_UNSUPPORTED' });
  await close(virtual, bmc);
});

test('ipmi 6: a reset of the BMC that is never answered is no failure', async () => {
  const virtual = await virtualBmc();
  const bmc = open(virtual);
  await runClock(virtual.clock, bmc.powerState(never));
  virtual.net.tap = (_, direction) => (direction === 'to-client' ? 'drop' : 'pass');
  await runClock(virtual.clock, bmc.management.resetBmc('cold', never));
  virtual.net.tap = () => 'pass';
  await runClock(virtual.clock, bmc.management.resetBmc('warm', never));
  await close(virtual, bmc);
});
