/** Controllers behind the BMC: their sensors and inventories, and machines whose own controller is one of them. */
import assert from 'node:assert/strict';
import test from 'node:test';
import type { Bmc } from '../../src/bmc/bmc.ts';
import { openBmc } from '../../src/bmc/open.ts';
import { wayTo } from '../../src/bmc/ipmi-way.ts';
import { FakeClock } from '../../src/core/clock.ts';
import { memoryLogger } from '../../src/core/log.ts';
import { encodeFru } from '../../src/ipmi/fru/encode.ts';
import type { SdrRecord } from '../../src/ipmi/sdr/record.ts';
import { type BmcModel, plausibleModel } from '../../src/ipmi/server-model.ts';
import type { Satellite } from '../../src/ipmi/server-satellites.ts';
import { FakeChassis } from '../support/fake-chassis.ts';
import { runClock } from '../support/run-clock.ts';
import { type VirtualBmc, virtualBmc } from '../support/virtual-bmc.ts';

const never = new AbortController().signal;
const clock = new FakeClock();

function open(virtual: VirtualBmc, query = ''): Bmc {
  return openBmc({
    address: `ipmi://192.0.2.1${query}`,
    credentials: { username: 'admin', password: 'secret' },
    disableCertificateVerification: false,
    doors: { clock: virtual.clock, random: () => 0.5, log: memoryLogger(virtual.lines), connect: virtual.net.connect },
  });
}

async function done(virtual: VirtualBmc, ...bmcs: Bmc[]): Promise<void> {
  for (const bmc of bmcs) await runClock(virtual.clock, bmc.close());
  assert.equal(virtual.server.sessions, 0);
  await virtual.server.close();
}

/** The first sensor of the plausible server (°C, raw is the value), as that of another controller. */
function sensorOf(owner: number, id: number, name: string, more: { channel?: number; lun?: number } = {}): SdrRecord {
  const [first] = plausibleModel({ clock, users: [] }).sdrs;
  assert.ok(first?.kind === 'full');
  return { ...first, id, owner, name, sensor: 9, ...more };
}

const locator = (id: number, address: number, device: number, name: string): SdrRecord => {
  const place = { address, channel: 0, lun: 0, device, logical: true, entity: 7, entityInstance: 1 };
  return { kind: 'fru-locator', id, ...place, name };
};

/** A model whose repository and inventories are these. */
function model(sdrs: readonly SdrRecord[], degrees: number, frus: Record<number, string> = {}): BmcModel {
  const inventories = Object.entries(frus).map(
    ([device, serial]) =>
      [Number(device), encodeFru({ product: { fields: ['Maker', 'Thing', '', '', serial, '', ''] } })] as const,
  );
  return {
    ...plausibleModel({ clock, users: [] }),
    sdrs,
    frus: new Map(inventories),
    reading: (sensor) =>
      sensor === 9 ? { raw: degrees, scanning: true, unavailable: false, states: 0xc0 } : undefined,
  };
}

const satellite = (address: number, own: BmcModel, more: Partial<Satellite> = {}): Satellite => ({
  channel: 0,
  address,
  deviceId: { deviceId: 1, manufacturerId: 343, productId: address },
  model: own,
  ...more,
});

test('the way to a sensor: of the BMC, of another logical unit, of a satellite, of software, of a satellite behind one', () => {
  const place = { address: 0x20, channel: 0, lun: 0 };
  assert.deepEqual(wayTo(place, 0x20), {});
  assert.deepEqual(wayTo({ ...place, lun: 1 }, 0x20), { lun: 1 });
  const route = [{ channel: 6, address: 0x72 }];
  assert.deepEqual(wayTo({ address: 0x72, channel: 6, lun: 1 }, 0x20), { lun: 1, route });
  assert.equal(wayTo({ ...place, address: 0x41 }, 0x20), undefined);
  assert.deepEqual(wayTo({ ...place, address: 0x72 }, 0x72), {});
  assert.equal(wayTo({ ...place, address: 0x74 }, 0x72), undefined);
});

test('sensors of satellites are read over the bus; one that is absent or silent is asked once and no more', async () => {
  const records = [
    sensorOf(0x20, 1, 'BMC'),
    sensorOf(0x72, 2, 'PSU board'),
    sensorOf(0x74, 3, 'fan board', { channel: 6 }),
    sensorOf(0x70, 4, 'absent 1'),
    sensorOf(0x70, 5, 'absent 2'),
    sensorOf(0x78, 6, 'silent 1'),
    sensorOf(0x78, 7, 'silent 2'),
    sensorOf(0x41, 8, 'software'),
  ];
  const virtual = await virtualBmc({
    model: model(records, 20),
    satellites: [
      satellite(0x72, model([], 72)),
      satellite(0x74, model([], 74), { channel: 6 }),
      satellite(0x78, model([], 78), { silent: true }),
    ],
  });
  const bmc = open(virtual);
  const sensors = (await runClock(virtual.clock, bmc.sensing?.sensors(never) ?? Promise.reject())).value;
  assert.deepEqual(
    sensors.filter((s) => s.name !== 'DCMI power').map((s) => [s.name, s.reading]),
    [
      ['BMC', 20],
      ['PSU board', 72],
      ['fan board', 74],
      ['absent 1', undefined],
      ['absent 2', undefined],
      ['silent 1', undefined],
      ['silent 2', undefined],
      ['software', undefined],
    ],
  );
  const notes = virtual.lines.filter((l) => l.message.startsWith('sensors of a controller behind'));
  assert.equal(notes.length, 2, 'one line for each controller that cannot be reached');
  assert.equal(virtual.net.clientPorts.length, 1, 'the session is none the worse');
  await done(virtual, bmc);
});

test('a BMC without Send Message: its own sensors are read, those of others are listed', async () => {
  const virtual = await virtualBmc({
    model: model([sensorOf(0x20, 1, 'BMC'), sensorOf(0x72, 2, 'PSU board')], 20),
    satellites: [satellite(0x72, model([], 72))],
    faults: { bridging: 'none' },
  });
  const bmc = open(virtual);
  const sensors = (await runClock(virtual.clock, bmc.sensing?.sensors(never) ?? Promise.reject())).value;
  assert.deepEqual(
    sensors.slice(0, 2).map((s) => s.reading),
    [20, undefined],
  );
  await done(virtual, bmc);
});

test('inventories of satellites are read over the bus', async () => {
  const records = [locator(1, 0x20, 1, 'riser'), locator(2, 0x72, 0, 'PSU'), locator(3, 0x70, 0, 'absent')];
  const virtual = await virtualBmc({
    model: model(records, 20, { 0: 'SYSTEM', 1: 'RISER' }),
    satellites: [satellite(0x72, model([], 72, { 0: 'POWER' }))],
  });
  const bmc = open(virtual);
  const fields = (await runClock(virtual.clock, bmc.frus?.fru(never) ?? Promise.reject())).value;
  const serials = fields.filter((f) => f.name === 'serial number').map((f) => [f.area, f.value]);
  assert.deepEqual(serials, [
    ['Product', 'SYSTEM'],
    ['riser: Product', 'RISER'],
    ['PSU: Product', 'POWER'],
  ]);
  await done(virtual, bmc);
});

test('?bridging=single and dual: the machine is the one behind; session and console stay with the BMC', async () => {
  const [blade, far] = [new FakeChassis(), new FakeChassis()];
  const own = model([sensorOf(0x72, 1, 'CPU')], 72, { 0: 'BLADE' });
  const virtual = await virtualBmc({
    satellites: [
      satellite(0x72, own, { channel: 7, chassis: blade }),
      satellite(0x82, model([], 82), { satellites: [satellite(0x74, model([], 74), { chassis: far })] }),
    ],
  });
  const single = open(virtual, '?bridging=single&targetaddress=0x72&targetchannel=7');
  const dual = open(virtual, '?bridging=dual&transitaddress=130&targetaddress=116');
  for (const [bmc, chassis, product] of [
    [single, blade, '0x0072'],
    [dual, far, '0x0074'],
  ] as const) {
    const run = async <T>(promise: Promise<T>) => (await runClock(virtual.clock, promise)).value;
    assert.equal((await run(bmc.verify(never))).product, product);
    await run(bmc.setBootOverride({ device: 'pxe', persistence: 'once', firmware: 'uefi' }, never));
    assert.equal(chassis.flags.device, 'pxe');
    for (const action of ['on', 'cycle', 'reset'] as const) await run(bmc.setPower(action, never));
    assert.deepEqual(chassis.controls, ['power-up', 'power-down', 'power-up', 'hard-reset']);
    // An hour of keep-alives: they are for the session, so the BMC answers them itself.
    await virtual.clock.advance(90_000);
    await assert.rejects(bmc.console?.open(never) ?? Promise.resolve(), { code: 'BMC_UNSUPPORTED' });
  }
  assert.deepEqual(virtual.chassis.controls, [], 'the machine of the BMC itself is left alone');
  const sensors = (await runClock(virtual.clock, single.sensing?.sensors(never) ?? Promise.reject())).value;
  assert.deepEqual([sensors[0]?.name, sensors[0]?.reading], ['CPU', 72]);
  const fields = (await runClock(virtual.clock, single.frus?.fru(never) ?? Promise.reject())).value;
  assert.ok(fields.some((f) => f.value === 'BLADE'));
  await done(virtual, single, dual);
});

test('?bridging= that cannot be: told by its name before anything is sent', async () => {
  const virtual = await virtualBmc();
  for (const [query, words] of [
    ['?bridging=triple', /none of no, single, dual/],
    ['?bridging=single', /needs targetaddress/],
    ['?bridging=single&targetaddress=0x73', /odd/],
    ['?bridging=single&targetaddress=0x172', /at most 254/],
    ['?bridging=single&targetaddress=0x72&targetchannel=16', /targetchannel/],
    ['?bridging=dual&targetaddress=0x72', /needs transitaddress/],
  ] as const) {
    assert.throws(
      () => open(virtual, query),
      (e: Error & { code?: string }) => e.code === 'BMC_ADDRESS_INVALID' && words.test(e.message),
    );
  }
  open(virtual, '?bridging=no');
  await virtual.server.close();
});
