/** Services of a machine against a BMC made of resources: what is read, what is sent, and that nothing false is believed. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { FakeClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/log.ts';
import { Bios } from '../../src/redfish/bios.ts';
import { redfishErrors } from '../../src/redfish/errors.ts';
import { Events } from '../../src/redfish/events.ts';
import { Firmware, decodeHandle, updateState } from '../../src/redfish/firmware.ts';
import { OutOfBandInventory } from '../../src/redfish/inventory.ts';
import { Logs } from '../../src/redfish/logs.ts';
import { Management } from '../../src/redfish/management.ts';
import { Sensors } from '../../src/redfish/sensors.ts';
import type { ServiceDoors } from '../../src/redfish/service-doors.ts';
import { Storage } from '../../src/redfish/storage.ts';
import { type Body, FakeCalls, refused } from '../support/redfish-calls.ts';
import { runClock } from '../support/run-clock.ts';

// Unit tests share one process: the time counts from when it started.
const signal = AbortSignal.timeout(900_000);
const SYSTEM = '/redfish/v1/Systems/1';
const MANAGER = '/redfish/v1/Managers/1';
const link = (path: string) => ({ '@odata.id': path });

function bmc(
  system: Body = {},
  more: Record<string, Body> = {},
): { calls: FakeCalls; doors: ServiceDoors & { clock: FakeClock } } {
  const calls = new FakeCalls({
    '/redfish/v1/': {
      UpdateService: link('/redfish/v1/UpdateService'),
      EventService: link('/redfish/v1/EventService'),
      AccountService: link('/redfish/v1/AccountService'),
      Registries: link('/redfish/v1/Registries'),
    },
    [SYSTEM]: { Links: { ManagedBy: [link(MANAGER)], Chassis: [link('/redfish/v1/Chassis/1')] }, ...system },
    [MANAGER]: { FirmwareVersion: '6.10' },
    '/redfish/v1/Chassis/1': {},
    ...more,
  });
  const doors = { calls, system: () => calls.get(SYSTEM), clock: new FakeClock(), log: silentLogger };
  return { calls, doors };
}

const BIOS = `${SYSTEM}/Bios`;
const biosBmc = (bios: Body, settings?: Body) =>
  bmc(
    { Bios: link(BIOS) },
    {
      [BIOS]: {
        Attributes: { Hyper: 'Off', Cores: 4 },
        AttributeRegistry: 'Reg.1',
        ...(settings === undefined ? {} : { '@Redfish.Settings': { SettingsObject: link(`${BIOS}/Settings`) } }),
        ...bios,
      },
      ...(settings === undefined ? {} : { [`${BIOS}/Settings`]: settings }),
    },
  );

test('redfish 7: BIOS changes go to the settings object, with an apply time only where one is advertised', async () => {
  const { calls, doors } = biosBmc({}, { Attributes: {}, '@Redfish.SettingsApplyTime': {} });
  assert.equal(await new Bios(doors).set({ Hyper: 'On' }, signal), 'pending');
  assert.equal(
    calls.log[0],
    `PATCH ${BIOS}/Settings {"Attributes":{"Hyper":"On"},"@Redfish.SettingsApplyTime":{"ApplyTime":"OnReset"}}`,
  );
  // Where the standard has it: beside the link (iDRAC, iLO).
  const settings = { SettingsObject: link(`${BIOS}/Settings`), SupportedApplyTimes: ['Immediate', 'OnReset'] };
  const idrac = biosBmc({ '@Redfish.Settings': settings }, { Attributes: {} });
  assert.equal(await new Bios(idrac.doors).set({ Hyper: 'On' }, signal), 'pending');
  assert.equal(idrac.calls.log[0], calls.log[0]);
  const plain = biosBmc({}, { Attributes: {} });
  assert.equal(await new Bios(plain.doors).set({ Hyper: 'On' }, signal), 'pending');
  assert.equal(plain.calls.log[0], `PATCH ${BIOS}/Settings {"Attributes":{"Hyper":"On"}}`);
});

test('redfish 7: an apply time that is advertised and refused is left out (Lenovo)', async () => {
  const { calls, doors } = biosBmc({}, { Attributes: {}, '@Redfish.SettingsApplyTime': {} });
  calls.on('PATCH', `${BIOS}/Settings`, (body) => {
    if (body?.['@Redfish.SettingsApplyTime'] !== undefined) throw refused(400, 'Base.PropertyUnknown');
    Object.assign(calls.resources.get(`${BIOS}/Settings`)!, body);
  });
  assert.equal(await new Bios(doors).set({ Hyper: 'On' }, signal), 'pending');
  assert.equal(calls.log.length, 2);
});

test('redfish 7: what is in force at once is done; what is nowhere to be seen is an error that names it', async () => {
  const direct = biosBmc({});
  direct.calls.on('PATCH', BIOS, () => {
    Object.assign(direct.calls.resources.get(BIOS)!, { Attributes: { Hyper: 'On', Cores: 4 } });
  });
  assert.equal(await new Bios(direct.doors).set({ Hyper: 'On' }, signal), 'done');
  const liar = biosBmc({}, { Attributes: {} });
  liar.calls.on('PATCH', `${BIOS}/Settings`, () => {});
  await assert.rejects(new Bios(liar.doors).set({ Hyper: 'On' }, signal), (error) => {
    assert.ok(redfishErrors.is(error, 'REDFISH_NOT_APPLIED'));
    return error.message.includes('Hyper');
  });
});

test('redfish 7: settings objects that mirror everything have nothing pending', async () => {
  const { doors } = biosBmc({}, { Attributes: { Hyper: 'Off', Cores: 4 } });
  assert.deepEqual((await new Bios(doors).state(signal)).pending, {});
});

test('the registry in English says what may be set', async () => {
  const { calls, doors } = biosBmc({});
  calls.collection('/redfish/v1/Registries', {
    Base: { Registry: 'Base.1' },
    Reg: {
      Registry: 'Reg.1',
      Location: [
        { Language: 'de', Uri: '/de' },
        { Language: 'en', Uri: '/en' },
      ],
    },
  });
  calls.resources.set('/en', {
    RegistryEntries: {
      Attributes: [
        { AttributeName: 'Hyper', Type: 'Enumeration', Value: [{ ValueName: 'On' }, { ValueName: 'Off' }] },
        { AttributeName: 'Cores', Type: 'Integer', LowerBound: 1, UpperBound: 64, ReadOnly: false },
        { Type: 'String' },
      ],
    },
  });
  assert.deepEqual(await new Bios(doors).registry(signal), [
    { name: 'Hyper', type: 'Enumeration', allowableValues: ['On', 'Off'] },
    { name: 'Cores', type: 'Integer', lowerBound: 1, upperBound: 64, readOnly: false },
  ]);
});

function updateBmc(): ReturnType<typeof bmc> {
  const made = bmc(
    { BiosVersion: '1.0' },
    {
      '/redfish/v1/UpdateService': {
        FirmwareInventory: link('/fw'),
        Actions: { '#UpdateService.SimpleUpdate': { target: '/update' } },
      },
    },
  );
  made.calls.collection('/fw', {
    BIOS: { Id: 'BIOS', Version: '1.0', RelatedItem: [link(`${SYSTEM}/Bios`)], Updateable: true },
    BMC: { Id: 'BMC', Version: '6.10', RelatedItem: [link(MANAGER)] },
    PSU1: { Id: 'PSU1', Name: 'Power supply', Version: '3', Updateable: false },
  });
  made.calls.resources.set('/redfish/v1/Chassis/1', { NetworkAdapters: link('/nics') });
  made.calls.collection('/nics', {
    NIC1: { Id: 'NIC1', Model: 'X710', Controllers: [{ FirmwarePackageVersion: '22.1' }] },
  });
  return made;
}

test('firmware components have the names of Metal3', async () => {
  const components = await new Firmware(updateBmc().doors).components(signal);
  assert.deepEqual(
    components.map((c) => [c.component, c.version, c.updateable]),
    [
      ['bios', '1.0', true],
      ['bmc', '6.10', true],
      ['nic:NIC1', '22.1', true],
      ['PSU1', '3', false],
    ],
  );
});

test('redfish 8: an update is followed by its task, over a BMC that restarts, to its end', async () => {
  const { calls, doors } = updateBmc();
  calls.on('POST', '/update', () => ({ status: 202, task: { task: '/tasks/1' } }));
  const firmware = new Firmware(doors);
  const handle = await firmware.start({ component: 'bmc', url: 'http://192.0.2.9/fw.bin' }, signal);
  assert.equal(calls.log[0], 'POST /update {"ImageURI":"http://192.0.2.9/fw.bin","TransferProtocol":"HTTP"}');
  calls.tasks.set('/tasks/1', [
    { kind: 'running', state: 'Running', percent: 40, messages: [] },
    { kind: 'gone', state: '', messages: [] },
  ]);
  assert.deepEqual(await firmware.state(handle, signal), { kind: 'running', text: 'Running', percent: 40 });
  assert.equal((await firmware.state(handle, signal)).kind, 'running', 'gone, and the version is the old one');
  calls.resources.get(MANAGER)!['FirmwareVersion'] = '6.20';
  assert.deepEqual(await firmware.state(handle, signal), { kind: 'done', text: 'bmc is at 6.20, was 6.10' });
  const silent: ServiceDoors = {
    ...doors,
    calls: Object.assign(new FakeCalls(), {
      task: () => Promise.reject(redfishErrors.make('REDFISH_UNREACHABLE', 'refused')),
    }),
  };
  assert.match((await new Firmware(silent).state(handle, signal)).text, /restarting/);
});

test('redfish 8: targets are named to BMCs that want them; unknown components and protocols are refused by name', async () => {
  const { calls, doors } = updateBmc();
  calls.on('POST', '/update', (body) => {
    if (JSON.stringify(body?.['Targets']) !== `["${SYSTEM}"]`) throw refused(400, 'Base.PropertyMissing');
    return { status: 204 };
  });
  const handle = await new Firmware(doors).start({ component: 'bios', url: 'https://192.0.2.9/b' }, signal);
  assert.equal(decodeHandle(handle).from, '1.0');
  await assert.rejects(
    new Firmware(doors).start({ component: 'gpu', url: 'http://a/b' }, signal),
    /no firmware component "gpu"; there are bios, bmc, nic:NIC1, PSU1/,
  );
  assert.throws(() => decodeHandle('{"task":"/x"}'), /no handle/);
});

test('redfish 8: a staged update says that it waits for a restart', () => {
  const staged = updateState({ kind: 'running', state: 'Pending', messages: ['A reboot is required'] });
  assert.equal(staged.kind, 'needs-restart');
  for (const message of ['The update is applied at the next start of the machine.', 'Task successfully scheduled.']) {
    assert.equal(updateState({ kind: 'running', state: 'Scheduled', messages: [message] }).kind, 'needs-restart');
  }
  assert.equal(updateState({ kind: 'running', state: 'New', messages: ['downloading'] }).kind, 'running');
});

const STORAGE = `${SYSTEM}/Storage`;
function raidBmc(): ReturnType<typeof bmc> {
  const made = bmc({ Storage: link(STORAGE) });
  made.calls.collection(STORAGE, {
    RAID: {
      Id: 'RAID',
      StorageControllers: [{ Name: 'PERC', SupportedRAIDTypes: ['RAID0', 'RAID1'] }],
      Drives: [link('/d/0'), link('/d/1'), link('/d/gone')],
      Volumes: link('/volumes'),
    },
  });
  made.calls.collection('/volumes', { V0: { Name: 'old', RAIDType: 'RAID10', CapacityBytes: 5 } });
  made.calls.resources.set('/d/0', { Name: 'disk 0', MediaType: 'HDD', CapacityBytes: 100, Status: { Health: 'OK' } });
  made.calls.resources.set('/d/1', { Name: 'disk 1', MediaType: 'SSD', Protocol: 'NVMe' });
  return made;
}

test('controllers with their drives and volumes; levels in the spelling of Metal3', async () => {
  const [controller] = await new Storage(raidBmc().doors).controllers(signal);
  assert.equal(controller?.name, 'PERC');
  assert.deepEqual(
    controller?.drives.map((d) => [d.name, d.media, d.rotational]),
    [
      ['disk 0', 'HDD', true],
      ['disk 1', 'NVME', false],
    ],
  );
  assert.equal(controller?.volumes[0]?.level, '1+0');
});

test('a volume that is made is looked for; all there is when no size is given', async () => {
  const { calls, doors } = raidBmc();
  calls.on('POST', '/volumes', (body) => {
    if (body?.['Links'] !== undefined) throw refused(400, 'Base.PropertyUnknown');
    calls.collection('/volumes', { V0: { Name: 'old' }, V1: { Name: 'new', RAIDType: 'RAID1' } });
  });
  const storage = new Storage(doors);
  const wanted = { controller: 'RAID', level: '1', drives: ['/d/0', '/d/1'] };
  assert.equal(await storage.createVolume(wanted, signal), 'done');
  assert.equal(
    calls.log.at(-1),
    'POST /volumes {"RAIDType":"RAID1","Drives":[{"@odata.id":"/d/0"},{"@odata.id":"/d/1"}]}',
  );
  calls.on('POST', '/volumes', () => ({ status: 202, task: { task: '/t' } }));
  calls.tasks.set('/t', [{ kind: 'running', state: 'New', messages: [] }]);
  assert.equal(await storage.createVolume(wanted, signal), 'pending');
  calls.on('POST', '/volumes', () => {});
  await assert.rejects(runClock(doors.clock, storage.createVolume(wanted, signal)), /not to be seen/);
  await assert.rejects(storage.createVolume({ ...wanted, controller: 'X' }, signal), /there are RAID/);
  await assert.rejects(storage.createVolume({ ...wanted, level: '7' }, signal), /"7" is not known/);
});

test('a deleted volume must be gone', async () => {
  const { calls, doors } = raidBmc();
  assert.equal(await new Storage(doors).deleteVolume('/volumes/V0', signal), 'done');
  calls.on('DELETE', '/volumes/V9', () => {});
  calls.resources.set('/volumes/V9', {});
  await assert.rejects(runClock(doors.clock, new Storage(doors).deleteVolume('/volumes/V9', signal)), /not to be seen/);
  assert.equal(await new Storage(doors).deleteVolume('/volumes/V10', signal), 'done', 'what is not there is gone');
  assert.ok(!calls.log.includes('DELETE /volumes/V10'));
});

test('event subscriptions: the form the BMC likes, once per destination, read back', async () => {
  const { calls, doors } = bmc({}, { '/redfish/v1/EventService': { Subscriptions: link('/subs') } });
  calls.collection('/subs', {});
  calls.on('POST', '/subs', (body) => {
    if (body?.['EventTypes'] === undefined) throw refused(400, 'Base.PropertyMissing');
    calls.collection('/subs', { '1': { Destination: body['Destination'], Context: body['Context'] } });
    return { status: 201, location: '/subs/1' };
  });
  const events = new Events(doors);
  const wanted = { destination: 'https://192.0.2.1/e', context: 'c' };
  assert.equal(await events.subscribe(wanted, signal), '/subs/1');
  const sent = calls.log.length;
  assert.equal(await events.subscribe(wanted, signal), '/subs/1');
  assert.equal(calls.log.length, sent, 'nothing subscribed twice');
  await events.unsubscribe('/subs/1', signal);
  await assert.rejects(new Events(bmc().doors).subscriptions(signal), /no EventService/);
});

test('inventory out of band: bad MACs, missing parts and broken lists spoil nothing', async () => {
  const { calls, doors } = bmc({
    Manufacturer: 'Dell Inc.',
    Model: 'R650',
    SerialNumber: 'CN1234',
    SKU: 'ABC1234',
    UUID: '4C4C4544-0000-1000-8000-000000000001',
    BiosVersion: '1.2',
    MemorySummary: { TotalSystemMemoryGiB: 128 },
    ProcessorSummary: { Count: 2, LogicalProcessorCount: 64, Model: 'Xeon' },
    Processors: link('/cpus'),
    EthernetInterfaces: link('/eth'),
    Status: { HealthRollup: 'Critical' },
    SimpleStorage: link('/simple'),
  });
  calls.collection('/cpus', { '1': { InstructionSet: 'x86-64', MaxSpeedMHz: 3000, Model: 'Xeon Gold' }, '2': {} });
  calls.collection('/eth', {
    NIC1: { Id: 'NIC1', MACAddress: 'AA-BB-CC-00-11-22', SpeedMbps: 25000 },
    NIC2: { Id: 'NIC2', MACAddress: '00:00:00:00:00:00' },
    NIC3: { Id: 'NIC3', MACAddress: 'Not Available' },
  });
  calls.collection('/simple', { '1': { Devices: [{ Name: 'disk', CapacityBytes: 10 }, { Name: 'empty bay' }] } });
  const found = await new OutOfBandInventory(doors).inventory(signal);
  assert.deepEqual(found, {
    manufacturer: 'Dell Inc.',
    product: 'R650',
    serialNumber: 'ABC1234',
    systemUuid: '4c4c4544-0000-1000-8000-000000000001',
    bios: { version: '1.2' },
    ramMebibytes: 131072,
    cpu: { arch: 'x86_64', model: 'Xeon Gold', megahertz: 3000, threads: 64 },
    nics: [{ mac: 'aa:bb:cc:00:11:22', name: 'NIC1', speedMbps: 25000 }],
    drives: [{ id: '/simple/1#0', name: 'disk', bytes: 10 }],
    health: 'critical',
  });
});

test('a list that is sold separately is as good as none (Supermicro without SFT-DCMS-SINGLE)', async () => {
  const { calls, doors } = bmc({ EthernetInterfaces: link('/nics'), Storage: link('/storage') });
  calls.collection('/nics', { '1': { MACAddress: 'aa:bb:cc:00:00:01' } });
  calls.resources.set('/storage', {});
  const { members } = calls;
  calls.members = (path) => {
    if (path === '/storage') throw redfishErrors.make('REDFISH_LICENSE', 'Not licensed to perform this request');
    return members.call(calls, path);
  };
  const { nics, drives } = await new OutOfBandInventory(doors).inventory(signal);
  assert.deepEqual([nics.length, drives.length], [1, 0]);
});

test('inventory of a BMC without EthernetInterfaces or Model: cards by function or port, the box for the model', async () => {
  const { calls, doors } = bmc({ Model: ' ' });
  calls.resources.set('/redfish/v1/Chassis/1', { Model: 'SYS-1029', NetworkAdapters: link('/nics') });
  calls.collection('/nics', {
    A: { Model: 'VIC 1455', NetworkDeviceFunctions: link('/nics/A/functions'), Ports: link('/nics/A/ports') },
    B: { NetworkPorts: link('/nics/B/ports') },
  });
  calls.collection('/nics/A/functions', {
    eth0: { Id: 'eth0', Ethernet: { MACAddress: 'AA-BB-CC-00-00-01' } },
    fc0: { Id: 'fc0', NetDevFuncType: 'FibreChannel' },
  });
  calls.collection('/nics/B/ports', { '1': { Id: '1', AssociatedNetworkAddresses: ['aa:bb:cc:00:00:02'] } });
  const { product, nics } = await new OutOfBandInventory(doors).inventory(signal);
  assert.equal(product, 'SYS-1029');
  assert.deepEqual(nics, [
    { mac: 'aa:bb:cc:00:00:01', name: 'eth0', model: 'VIC 1455' },
    { mac: 'aa:bb:cc:00:00:02', name: '1' },
  ]);
  calls.resources.set('/redfish/v1/Chassis/1', { Oem: { Supermicro: { BoardID: '0x1b0b' } } });
  assert.equal((await new OutOfBandInventory(doors).inventory(signal)).product, '0x1b0b');
});

test('sensors: the collection where there is one, thermal and power elsewhere, empty sockets left out', async () => {
  const old = bmc({}, { '/redfish/v1/Chassis/1': { Thermal: link('/thermal'), Power: link('/power') } });
  old.calls.resources.set('/thermal', {
    Temperatures: [
      { Name: 'CPU', ReadingCelsius: 41 },
      { Name: 'CPU2', Status: { State: 'Absent' } },
    ],
    Fans: [{ FanName: 'F1', Reading: 40, ReadingUnits: 'Percent' }],
  });
  old.calls.resources.set('/power', { PowerControl: [{ Name: 'System', PowerConsumedWatts: '180' }] });
  assert.deepEqual(await new Sensors(old.doors).sensors(signal), [
    { name: 'CPU', kind: 'temperature', unit: '°C', reading: 41 },
    { name: 'F1', kind: 'fan', unit: '%', reading: 40 },
    { name: 'System', kind: 'power', unit: 'W', reading: 180 },
  ]);
  const modern = bmc({}, { '/redfish/v1/Chassis/1': { Sensors: link('/s'), Thermal: link('/thermal') } });
  modern.calls.collection('/s', {
    a: { Name: 'Inlet', ReadingType: 'Temperature', Reading: 22.5, ReadingUnits: 'Cel' },
  });
  assert.deepEqual(await new Sensors(modern.doors).sensors(signal), [
    { name: 'Inlet', kind: 'temperature', unit: '°C', reading: 22.5 },
  ]);
});

test('the log that is the SEL, newest last; cleared means read back empty', async () => {
  const { calls, doors } = bmc({}, { [MANAGER]: { LogServices: link('/logs') } });
  calls.collection('/logs', {
    Lclog: { Id: 'Lclog', Name: 'Lifecycle' },
    Sel: { Id: 'Sel', Entries: link('/sel'), Actions: { '#LogService.ClearLog': { target: '/clear' } } },
  });
  calls.collection('/sel', {
    '2': { Id: '2', Created: '2026-01-02T00:00:00Z', Message: 'fan failed', Severity: 'Critical' },
    '1': { Id: '1', Created: '2026-01-01T00:00:00Z', Message: 'power on', Severity: 'OK' },
  });
  const logs = new Logs(doors);
  assert.deepEqual(
    (await logs.entries(1, signal)).map((e) => e.text),
    ['fan failed'],
  );
  calls.on('POST', '/clear', () => {});
  await assert.rejects(logs.clear(signal), /still has 2 entries/);
  calls.on('POST', '/clear', () => void calls.collection('/sel', {}));
  await logs.clear(signal);
});

test('the BMC itself: restart, light, accounts, network', async () => {
  const { calls, doors } = bmc({ IndicatorLED: 'Off' });
  Object.assign(calls.resources.get(MANAGER)!, {
    Actions: { '#Manager.Reset': { target: '/reset', 'ResetType@Redfish.AllowableValues': ['GracefulRestart'] } },
    EthernetInterfaces: link('/meth'),
  });
  calls.collection('/meth', {
    '1': { MACAddress: 'AA:00:00:00:00:01', IPv4Addresses: [{ Address: '192.0.2.5', AddressOrigin: 'DHCP' }] },
  });
  calls.resources.set('/redfish/v1/AccountService', { Accounts: link('/accounts') });
  calls.collection('/accounts', {
    '1': { Id: '1', UserName: 'root', RoleId: 'Administrator', Enabled: true },
    '2': { Id: '2', UserName: '' },
  });
  const management = new Management(doors);
  calls.on('POST', '/reset', () => {
    throw redfishErrors.make('REDFISH_UNREACHABLE', 'connection reset');
  });
  await management.resetBmc('cold', signal);
  assert.equal(calls.log[0], 'POST /reset {"ResetType":"GracefulRestart"}');
  await management.identify(15, signal);
  assert.equal(calls.resources.get(SYSTEM)!['IndicatorLED'], 'Blinking');
  calls.on('PATCH', SYSTEM, () => {});
  await assert.rejects(management.identify(0, signal), /unchanged/);
  assert.deepEqual(await management.accounts(signal), [
    { id: '1', name: 'root', role: 'Administrator', enabled: true },
  ]);
  assert.deepEqual(await management.network(signal), {
    addresses: ['192.0.2.5'],
    mac: 'aa:00:00:00:00:01',
    source: 'DHCP',
  });
});

test('certificates: those that the BMC lists, also when one cannot be read', async () => {
  const { calls, doors } = bmc({}, {});
  Object.assign(calls.resources.get('/redfish/v1/')!, { CertificateService: link('/cs') });
  calls.resources.set('/cs', { CertificateLocations: link('/locations') });
  calls.resources.set('/locations', { Links: { Certificates: [link('/c/1'), link('/c/gone')] } });
  calls.resources.set('/c/1', {
    CertificateString: 'no certificate',
    Subject: { CommonName: 'bmc.example' },
    Issuer: { CommonName: 'a CA' },
    ValidNotAfter: '2030-01-01T00:00:00Z',
  });
  assert.deepEqual(await new Management(doors).certificates(signal), [
    { subject: 'bmc.example', issuer: 'a CA', notAfter: '2030-01-01T00:00:00Z' },
  ]);
});
