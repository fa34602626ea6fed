/** What a BMC knows beside power and boot: ipmitool and FreeIPMI read ours, we read that of OpenIPMI's ipmi_sim. */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import type { Bmc } from '../../src/bmc/bmc.ts';
import { openBmc } from '../../src/bmc/open.ts';
import { systemClock } from '../../src/core/clock.ts';
import { exec } from '../../src/core/exec.ts';
import { silentLogger } from '../../src/core/log.ts';
import { encodeFru } from '../../src/ipmi/fru/encode.ts';
import { type SdrRecord, encodeSdr } from '../../src/ipmi/sdr/record.ts';
import type { Satellite } from '../../src/ipmi/server-satellites.ts';
import { type BmcModel, plausibleModel } from '../../src/ipmi/server-model.ts';
import { type IpmiServer, startIpmiServer } from '../../src/ipmi/server.ts';
import { FakeChassis } from '../support/fake-chassis.ts';
import { type SimPeer, ipmitool, startIpmiSim, startPyghmi } from '../support/ipmi-peers.ts';

const users = [
  { name: 'admin', password: 'secret', privilege: 'administrator' },
  { name: 'oper', password: 'operpass', privilege: 'operator' },
] as const;
/** Otherwise the SDRs of another test would be used. */
const CACHE = ['--sdr-cache-recreate', '--quiet-cache'];
const within = (ms: number) => AbortSignal.timeout(ms);

/** A controller that says what it is by its product id, its address in decimal digits. */
const behind = (address: number, channel: number): Satellite => ({
  channel,
  address,
  deviceId: { deviceId: 1, manufacturerId: 674, productId: Number(address.toString(16)) },
  model: plausibleModel({ clock: systemClock, users }),
});

suite('ipmitool and FreeIPMI read our server', () => {
  const chassis = new FakeChassis();
  let model: BmcModel;
  let server: IpmiServer;
  before(async () => {
    chassis.power = 'on';
    model = plausibleModel({
      clock: systemClock,
      users,
      manufacturer: 'Acme',
      product: 'Anvil 3',
      serialNumber: 'ACME42',
      lan: { address: Uint8Array.of(192, 0, 2, 7), source: 'dhcp', mac: Uint8Array.of(2, 0, 0, 0, 0, 9) },
    });
    server = await startIpmiServer({
      address: '127.0.0.1',
      port: 0,
      users,
      guid: Buffer.from('00112233445566778899aabbccddeeff', 'hex'),
      chassis,
      deviceId: { deviceId: 0x20, manufacturerId: 674, productId: 256, firmwareVersion: '2.48' },
      clock: systemClock,
      random: Math.random,
      log: silentLogger,
      model,
      satellites: [
        { ...behind(0x72, 7), channel: 7 },
        { ...behind(0x82, 0), satellites: [behind(0x74, 0)] },
      ],
    });
  });
  after(() => server.close());

  async function ask(command: string): Promise<string> {
    const { code, text } = await ipmitool(server.port, command, { suite: 17 });
    assert.equal(code, 0, `${command}: ${text}`);
    return text;
  }

  test('sel info, list, elist, time, clear', async () => {
    model.sel.event({ sensorType: 4, sensor: 3, eventType: 1, data: Uint8Array.of(0x02, 0, 0) });
    model.sel.event({ sensorType: 0x0c, sensor: 0x77, eventType: 0x6f, data: Uint8Array.of(0x01, 0xff, 0xff) });
    model.sel.add((id) => ({
      kind: 'oem-stamped',
      id,
      type: 0xc1,
      time: 1_800_000_000,
      manufacturer: 674,
      data: new Uint8Array(6),
    }));
    model.sel.add((id) => ({ kind: 'oem', id, type: 0xe1, data: new Uint8Array(13).fill(0xab) }));
    assert.match(await ask('sel info'), /Entries +: 5[\s\S]*Free Space +: 8112 bytes/);
    const list = await ask('sel elist');
    assert.match(list, /Fan Fan 1 \| Lower Critical going low/);
    assert.match(list, /Memory #0x77 \| Uncorrectable ECC/);
    assert.match(list, /OEM record c1/);
    assert.match(list, /OEM record e1 \| abababab/);
    await ask('sel time set now');
    const time = await ask('sel time get');
    assert.match(time, /^\d\d\/\d\d\/\d\d/);
    await ask('sel clear');
    assert.deepEqual(
      model.sel.records.map((r) => r.kind === 'event' && r.sensorType),
      [0x10],
    );
    assert.match(await ask('sel list'), /Log area reset\/cleared/);
  });

  test('sdr list, sensor list, dcmi power reading', async () => {
    const sdr = await ask('sdr elist all');
    assert.match(sdr, /CPU Temp +\| 01h \| ok +\| +3\.1 \| 46 degrees C/);
    assert.match(sdr, /PSU 1 +\| 20h \| ok +\| 10\.1 \| Presence detected/);
    assert.match(sdr, /BMC +\| 00h \| ok +\| +6\.1 \| Dynamic MC @ 20h/);
    const sensors = await ask('sensor list');
    assert.match(sensors, /Fan 1 +\| 5400\.000 +\| RPM +\| ok +\| na +\| 480\.000 +\| 720\.000/);
    assert.match(sensors, /12V +\| 12\.096 +\| Volts/);
    assert.match(await ask('dcmi power reading'), /Instantaneous power reading: +184 Watts/);
  });

  test('fru print', async () => {
    const fru = await ask('fru print');
    assert.match(fru, /Chassis Type +: Rack Mount Chassis/);
    assert.match(fru, /Board Mfg Date +: Mon Jan +5 00:00:00 2026/);
    assert.match(fru, /Product Manufacturer +: Acme[\s\S]*Product Name +: Anvil 3[\s\S]*Product Serial +: ACME42/);
    assert.doesNotMatch(fru, /checksum/i);
  });

  test('chassis identify, policy, restart cause, status', async () => {
    await ask('chassis identify 30');
    assert.match(await ask('chassis policy list'), /always-off always-on previous/);
    await ask('chassis policy previous');
    assert.match(await ask('chassis status'), /Power Restore Policy : previous/);
    await ask('chassis policy always-off');
    await ask('power off');
    await ask('power on');
    assert.match(await ask('chassis restart_cause'), /chassis power control command/);
  });

  test('mc info, guid, reset; lan print; user list', async () => {
    assert.match(await ask('mc info'), /SDR Repository Device[\s\S]*SEL Device[\s\S]*FRU Inventory Device/);
    assert.match(await ask('mc guid'), /00112233445566778899AABBCCDDEEFF/i);
    await ask('mc reset warm');
    const lan = await ask('lan print 1');
    assert.match(lan, /IP Address Source +: DHCP Address[\s\S]*IP Address +: 192\.0\.2\.7/);
    assert.match(lan, /MAC Address +: 02:00:00:00:00:09[\s\S]*RMCP\+ Cipher Suites +: 17,3/);
    const list = await ask('user list 1');
    assert.match(list, /2 +admin +true +true +true +ADMINISTRATOR/);
    assert.match(list, /3 +oper +true +true +true +OPERATOR/);
  });

  test('ipmitool through Send Message, single and dual, to controllers behind it', async () => {
    assert.match(await ask('-t 0x72 -b 7 mc info'), /Product ID +: 72 /);
    assert.match(await ask('-t 0x72 -b 7 raw 4 0x2d 1'), /^ 2e /);
    assert.match(await ask('-T 0x82 -B 0 -t 0x74 -b 0 mc info'), /Product ID +: 74 /);
    const absent = await ipmitool(server.port, '-t 0x10 -b 0 raw 6 1', { suite: 17 });
    assert.match(absent.text, /rsp=0x83/);
  });

  test('FreeIPMI: sensors, event log and inventory', async () => {
    const login = ['-D', 'LAN_2_0', '-h', `127.0.0.1:${server.port}`, '-u', 'admin', '-p', 'secret', '-I', '17'];
    const run = async (tool: string, ...args: string[]) =>
      (await exec(tool, [...login, ...args], { signal: within(30_000) })).stdout;
    const sensors = await run('ipmi-sensors', ...CACHE);
    assert.match(sensors, /CPU Temp +\| Temperature +\| 46\.00 +\| C/);
    assert.match(await run('ipmi-sel', ...CACHE), /Event Logging Disabled/);
    assert.match(await run('ipmi-fru', ...CACHE), /FRU Product Serial Number: ACME42/);
  });
});

suite('our client reads ipmi_sim', () => {
  const hex = (bytes: Uint8Array) => Array.from(bytes, (b) => `0x${b.toString(16).padStart(2, '0')}`).join(' ');
  const model = plausibleModel({ clock: systemClock, users });
  const fru = encodeFru({ product: { fields: ['OpenMaker', 'Sim 9', 'P-1', '2', 'SN-9', '', ''] } });
  const psu = encodeFru({ product: { fields: ['OpenMaker', 'PSU', 'P-2', '2', 'SN-30', '', ''] } });
  const [first] = model.sdrs;
  assert.ok(first?.kind === 'full');
  const place = { channel: 0, lun: 0, entity: 10, entityInstance: 1 };
  const satellite: readonly SdrRecord[] = [
    { ...first, id: 3, owner: 0x30, sensor: 5, name: 'PSU Temp' },
    { ...first, id: 4, owner: 0x32, sensor: 5, name: 'Absent Temp' },
    { kind: 'fru-locator', id: 5, address: 0x30, device: 0, logical: true, ...place, name: 'PSU board' },
  ];
  const emulator = [
    'sensor_add 0x20 0 1 0x01 0x01',
    'sensor_set_event_support 0x20 0 1 enable scanning per-state 000111111000000 000111111000000 000111111000000 000111111000000',
    'sensor_set_value 0x20 0 1 0x2a 0',
    // A satellite controller on the bus: a sensor of its own, an inventory, both in the repository of the BMC.
    'mc_add 0x30 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf03',
    'sensor_add 0x30 0 5 0x01 0x01',
    'sensor_set_event_support 0x30 0 5 enable scanning per-state 000111111000000 000111111000000 000111111000000 000111111000000',
    'sensor_set_value 0x30 0 5 0x37 0',
    `mc_add_fru_data 0x30 0 ${psu.length} data ${hex(psu)}`,
    'mc_enable 0x30',
    ...[...model.sdrs.slice(0, 2), ...satellite].map((sdr) => `main_sdr_add 0x20 ${hex(encodeSdr(sdr))}`),
    `mc_add_fru_data 0x20 0 ${fru.length} data ${hex(fru)}`,
    `sel_add 0x20 0x02 ${hex(Uint8Array.of(0, 0x2f, 0x6d, 0x65, 0x20, 0, 4, 1, 1, 1, 0x59, 90, 80))}`,
  ];
  let peer: SimPeer;
  let bmc: Bmc;
  before(async () => {
    peer = await startIpmiSim(emulator);
    bmc = openBmc({
      address: `ipmi://127.0.0.1:${peer.port}`,
      credentials: { username: 'admin', password: 'secret' },
      disableCertificateVerification: false,
      doors: { clock: systemClock, random: Math.random, log: silentLogger },
      preferredSuite: 3,
    });
  });
  after(async () => {
    await bmc.close();
    await peer.close();
  });

  test('sensors, event log, inventory', async () => {
    const sensors = await bmc.sensing?.sensors(within(60_000));
    assert.deepEqual(
      sensors?.map((s) => [s.name, s.reading, s.unit]),
      [
        ['CPU Temp', 42, '°C'],
        ['Inlet Temp', undefined, '°C'],
        ['PSU Temp', 55, '°C'],
        ['Absent Temp', undefined, '°C'],
      ],
    );
    const entries = await bmc.eventLog?.entries(10, within(60_000));
    assert.deepEqual(
      // ipmi_sim stamps it with its own clock, which nobody has set.
      entries?.map((e) => [e.time, e.text, e.severity]),
      [[undefined, 'CPU Temp (Temperature): above upper critical', 'critical']],
    );
    const fields = await bmc.frus?.fru(within(60_000));
    assert.ok(fields?.some((f) => f.area === 'Product' && f.name === 'name' && f.value === 'Sim 9'));
    assert.ok(
      fields?.some((f) => f.area === 'PSU board: Product' && f.value === 'SN-30'),
      'bridged',
    );
    await bmc.eventLog?.clear(within(60_000));
    assert.equal((await bmc.eventLog?.entries(10, within(60_000)))?.length, 0);
  });

  test('a machine whose controller is behind it: ?bridging=single', async () => {
    const behind = openBmc({
      address: `ipmi://127.0.0.1:${peer.port}?bridging=single&targetaddress=0x30`,
      credentials: { username: 'admin', password: 'secret' },
      disableCertificateVerification: false,
      doors: { clock: systemClock, random: Math.random, log: silentLogger },
      preferredSuite: 3,
    });
    assert.equal((await behind.verify(within(60_000))).product, '0x0f03');
    assert.ok((await behind.frus?.fru(within(60_000)))?.some((f) => f.value === 'SN-30'));
    await behind.close();
  });

  test('accounts and network', async () => {
    const accounts = await bmc.management?.accounts(within(60_000));
    assert.ok(accounts?.some((a) => a.name === 'admin' && a.role === 'administrator' && a.enabled));
    const network = await bmc.management?.network(within(60_000));
    assert.ok(network !== undefined);
  });
});

test('pyghmi’s server, which virtualbmc is built on, has none of it: told as such, each by its name', async () => {
  const peer = await startPyghmi();
  const bmc = openBmc({
    address: `ipmi://127.0.0.1:${peer.port}`,
    credentials: { username: 'admin', password: 'secret' },
    disableCertificateVerification: false,
    doors: { clock: systemClock, random: Math.random, log: silentLogger },
    preferredSuite: 3,
  });
  try {
    const signal = within(60_000);
    await assert.rejects(async () => bmc.sensing?.sensors(signal), { code: 'BMC_UNSUPPORTED', message: /SDR/ });
    await assert.rejects(async () => bmc.eventLog?.entries(1, signal), { code: 'BMC_UNSUPPORTED', message: /SEL/ });
    await assert.rejects(async () => bmc.frus?.fru(signal), { code: 'BMC_UNSUPPORTED', message: /FRU/ });
    await assert.rejects(async () => bmc.console?.open(signal), /gives no console/);
  } finally {
    await bmc.close();
    await peer.close();
  }
});
