/** What each vendor's service does otherwise than the specification, at the level of HTTP. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { renderPersonalities } from '../../../hack/personalities-doc.ts';
import { FakeClock } from '../../../src/core/clock.ts';
import { simErrors } from '../../../src/sim/errors.ts';
import { assumed } from '../../../src/sim/redfish/evidence.ts';
import { EXTRA_QUIRKS } from '../../../src/sim/redfish/extra-quirks.ts';
import { PERSONALITIES, personalityNamed } from '../../../src/sim/redfish/personalities/all.ts';
import { pathsOf } from '../../../src/sim/redfish/paths.ts';
import { PERSONALITY_DETAILS, claimsOf } from '../../../src/sim/redfish/personality.ts';
import { PASSWORD, type TestBmc, USER, messageOf, startStill, startTestBmc } from '../../support/redfish-sim.ts';

const IMAGE = 'http://192.0.2.1/ramdisk.iso';
const SESSIONS = '/redfish/v1/SessionService/Sessions';

const start = (name: string) => startStill(personalityNamed(name));
const login = (t: TestBmc, password = PASSWORD) =>
  t.send('POST', SESSIONS, { UserName: USER, Password: password }, { login: false });

function actions(name: string) {
  const paths = pathsOf(personalityNamed(name));
  const slot = (id: string) => ({
    path: `${paths.media}/${id}`,
    insert: `${paths.media}/${id}/Actions/VirtualMedia.InsertMedia`,
    eject: `${paths.media}/${id}/Actions/VirtualMedia.EjectMedia`,
  });
  return { ...paths, slot, reset: `${paths.system}/Actions/ComputerSystem.Reset` };
}

const PXE_ONCE = { BootSourceOverrideTarget: 'Pxe', BootSourceOverrideEnabled: 'Once' };

test('every detail and every quirk of every personality says what it rests on', () => {
  const extra = EXTRA_QUIRKS.map(({ kind, evidence }) => ({ personality: 'extra', claim: kind, evidence }));
  const claims = [...PERSONALITIES.flatMap(claimsOf), ...extra];
  for (const { personality, claim, evidence } of claims) {
    const what = `${personality}: ${claim}`;
    assert.ok(evidence.said.length >= 10, what);
    // Checked here too: the note's sections and public places are told apart from what somebody thought.
    if (evidence.kind === 'reference') assert.match(evidence.section, /^\d\.\d$/, what);
    if (evidence.kind === 'public') {
      assert.match(
        evidence.source,
        /^(github\.com\/[\w.-]+\/[\w.-]+|openstack\/[\w-]+: |Launchpad \d+|DMTF DSP|docs\.)/,
        what,
      );
    }
  }
  for (const { name, quirks, evidence } of PERSONALITIES) {
    assert.deepEqual(Object.keys(evidence).toSorted(), PERSONALITY_DETAILS.toSorted(), name);
    assert.equal(new Set(quirks.map((q) => q.kind)).size, quirks.length, `${name}: a quirk twice`);
  }
  const kinds = new Set(claims.map(({ evidence }) => evidence.kind));
  assert.deepEqual([...kinds].toSorted(), ['assumption', 'public', 'reference']);
});

test('docs/personalities.md says what the personalities say', () => {
  const page = readFileSync(path.resolve(import.meta.dirname, '../../../docs/personalities.md'), 'utf8');
  assert.equal(page, renderPersonalities(), 'run: npm run docs:personalities && npm run format');
});

test('every personality is walked in full', async () => {
  for (const personality of PERSONALITIES) {
    await using t = await startTestBmc({ personality });
    const seen = new Set(['/redfish/v1/']);
    const queue = ['/redfish/v1/'];
    for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
      const got = await t.get(path);
      const early = got.status === 400 && path.includes('NetworkAdapters');
      assert.ok(got.status === 200 || early, `${personality.name} ${path}: ${got.status}`);
      if (personality.name === 'fujitsu-irmc' && seen.size > 12) break; // slow on purpose
      for (const [, link] of got.text.matchAll(/"@odata.id":"([^"#]+)"/g)) {
        if (link === undefined || seen.has(link)) continue;
        seen.add(link);
        queue.push(link);
      }
    }
  }
  assert.throws(
    () => personalityNamed('nonsense'),
    (e) => simErrors.is(e, 'SIM_PERSONALITY_UNKNOWN'),
  );
});

test('dell-idrac9: the service tag is the SKU; ExtendedInfo is an object', async () => {
  await using t = await start('dell-idrac9');
  const view = (await t.get(actions('dell-idrac9').system)).body;
  assert.equal(view.SKU, t.machine.facts.serial);
  assert.notEqual(view.SerialNumber, t.machine.facts.serial);
  const error = (await t.get('/redfish/v1/Nothing')).body.error;
  assert.equal(Array.isArray(error['@Message.ExtendedInfo']), false);
  assert.match(error['@Message.ExtendedInfo'].MessageId, /ResourceMissingAtURI/);
});

test('dell-idrac9: configuration is busy after a write, and Inserted is stale after an eject', async () => {
  await using t = await start('dell-idrac9');
  const { system, slot } = actions('dell-idrac9');
  assert.equal((await t.send('PATCH', system, { Boot: PXE_ONCE })).status, 204);
  const busy = await t.send('PATCH', system, { Boot: PXE_ONCE });
  assert.deepEqual([busy.status, messageOf(busy)], [503, 'SYS518']);
  await t.clock.advance(500);
  assert.equal((await t.send('PATCH', system, { Boot: PXE_ONCE })).status, 204);
  const cd = slot('CD');
  await t.send('POST', cd.insert, { Image: IMAGE });
  await t.send('POST', cd.eject, {});
  assert.deepEqual([(await t.get(cd.path)).body.Inserted, (await t.get(cd.path)).body.Image], [true, IMAGE]);
  assert.equal((await t.send('POST', cd.insert, { Image: IMAGE })).status, 204, 'it is empty all the same');
  await t.send('POST', cd.eject, {});
  await t.clock.advance(1100);
  assert.equal((await t.get(cd.path)).body.Inserted, false);
});

test('dell-idrac9: BIOS settings and the boot mode are jobs for the next start; tasks begin New and are purged', async () => {
  await using t = await start('dell-idrac9');
  const { system, bios, reset } = actions('dell-idrac9');
  const wanted = { Attributes: { ProcVirtualization: 'Disabled' } };
  assert.equal((await t.send('PATCH', `${bios}/Settings`, wanted)).status, 204, 'staged, and without a job');
  await t.send('POST', reset, { ResetType: 'On' });
  await t.clock.advance(2000);
  assert.equal((await t.get(bios)).body.Attributes.ProcVirtualization, 'Enabled');
  await t.send('POST', reset, { ResetType: 'ForceOff' });
  await t.clock.advance(2000);
  const applyTime = { '@Redfish.SettingsApplyTime': { ApplyTime: 'OnReset' } };
  const set = await t.send('PATCH', `${bios}/Settings`, { ...wanted, ...applyTime });
  assert.equal(set.status, 202);
  const task = String(set.body['@odata.id']);
  assert.match(task, /JID_/);
  await t.clock.advance(500);
  const mode = await t.send('PATCH', system, { Boot: { BootSourceOverrideMode: 'Legacy' } });
  assert.equal(mode.status, 202);
  assert.equal((await t.get(system)).body.Boot.BootSourceOverrideMode, 'UEFI');
  await t.send('POST', reset, { ResetType: 'On' });
  assert.equal((await t.send('POST', reset, { ResetType: 'ForceOff' })).status, 409, 'just after the last');
  await t.clock.advance(100);
  assert.equal((await t.get(task)).body.TaskState, 'Completed');
  assert.equal((await t.get(bios)).body.Attributes.ProcVirtualization, 'Disabled');
  assert.equal((await t.get(system)).body.Boot.BootSourceOverrideMode, 'Legacy');
  await t.clock.advance(61_000);
  assert.equal((await t.get(task)).status, 404);
  const url = 'http://127.0.0.1:1/x.bin';
  const update = await t.send('POST', '/redfish/v1/UpdateService/Actions/UpdateService.SimpleUpdate', {
    ImageURI: url,
  });
  assert.equal(update.body.TaskState, 'New');
});

test('dell-idrac9: RAID mode, foreign and passed-through drives stand in the way of volumes until Dell’s actions', async () => {
  const clock = new FakeClock();
  const storage = { mode: 'HBA', foreign: ['Disk.Bay.2'], nonRaid: ['Disk.Bay.0'] } as const;
  await using t = await startTestBmc({ personality: personalityNamed('dell-idrac9'), clock, storage });
  const { system, storage: controller, reset } = actions('dell-idrac9');
  const raid = (await t.get(system)).body.Links.Oem.Dell.DellRaidService['@odata.id'];
  const act = (name: string, body: object) => t.send('POST', `${raid}/Actions/DellRaidService.${name}`, body);
  const drive = (n: number) => ({ '@odata.id': `${controller}/Drives/Disk.Bay.${n}` });
  const create = async (type: string, ...drives: number[]) => {
    await clock.advance(500);
    return t.send('POST', `${controller}/Volumes`, { RAIDType: type, Links: { Drives: drives.map(drive) } });
  };
  const status = async (n: number) =>
    (await t.get(drive(n)['@odata.id'])).body.Oem.Dell.DellPhysicalDisk.RaidStatus as string;
  assert.deepEqual([await status(0), await status(1), await status(2)], ['NonRAID', 'NonRAID', 'Foreign']);
  assert.equal(messageOf(await create('RAID1', 0, 1)), 'STOR060', 'HBA makes no volumes');

  const link = (await t.get(controller)).body.Controllers['@odata.id'];
  const [member] = (await t.get(link)).body.Members;
  const view = (await t.get(member['@odata.id'])).body;
  assert.equal(view.Oem.Dell.DellStorageController.ControllerMode, 'HBA');
  const settings = view['@Redfish.Settings'].SettingsObject['@odata.id'];
  const wanted = { Oem: { Dell: { DellStorageController: { ControllerMode: 'RAID' } } } };
  const made = await t.send('PATCH', settings, {
    ...wanted,
    '@Redfish.SettingsApplyTime': { ApplyTime: 'OnReset' },
  });
  assert.equal(made.status, 202);
  assert.equal(made.body.Oem.Dell.JobType, 'RAIDConfiguration');
  assert.equal(messageOf(await create('RAID1', 1, 3)), 'STOR060', 'not before the next start');
  await t.send('POST', reset, { ResetType: 'On' });
  await clock.advance(2000);
  assert.equal((await t.get(String(made.body['@odata.id']))).body.TaskState, 'Completed');

  assert.equal(messageOf(await create('RAID1', 0, 1)), 'STOR009', 'passed through');
  assert.equal((await act('ConvertToRAID', { PDArray: ['Disk.Bay.0'] })).status, 202);
  await clock.advance(500);
  assert.equal(await status(0), 'Ready');
  assert.equal(messageOf(await act('ConvertToRAID', { PDArray: ['Disk.Bay.0'] })), 'STOR009', 'is one already');
  assert.equal(messageOf(await create('RAID1', 2, 3)), 'STOR009', 'foreign');
  assert.equal((await act('ClearForeignConfig', { TargetFQDD: 'RAID.Integrated.1-1' })).status, 202);
  await clock.advance(500);
  assert.equal(messageOf(await act('ClearForeignConfig', { TargetFQDD: 'RAID.Integrated.1-1' })), 'STOR018');

  const first = await create('RAID1', 0, 1);
  assert.deepEqual([first.status, first.body.Oem.Dell.JobType], [202, 'RealTimeNoRebootConfiguration']);
  await clock.advance(200);
  const second = await t.send('POST', `${controller}/Volumes`, {
    RAIDType: 'RAID1',
    Links: { Drives: [drive(2), drive(3)] },
  });
  assert.equal(messageOf(second), 'STOR023', 'one job at a time');
  await clock.advance(500);
  assert.equal((await create('RAID1', 2, 3)).status, 202);
});

test('dell-idrac9: a purged task is still a job; clearing the queue forgets what waits for the next start', async () => {
  const clock = new FakeClock();
  const personality = personalityNamed('dell-idrac9');
  await using t = await startTestBmc({ personality, clock, storage: { realTime: false } });
  const { bios, storage: controller, manager, reset } = actions('dell-idrac9');
  const links = (await t.get(manager)).body.Links.Oem.Dell;
  const created = await t.send('POST', `${controller}/Volumes`, {
    RAIDType: 'RAID0',
    Links: { Drives: [{ '@odata.id': `${controller}/Drives/Disk.Bay.0` }] },
  });
  const job = `${links.Jobs['@odata.id']}/${created.body.Id}`;
  assert.equal((await t.get(job)).body.JobState, 'Scheduled');
  await t.send('POST', reset, { ResetType: 'On' });
  await clock.advance(62_000);
  assert.equal((await t.get(String(created.body['@odata.id']))).status, 404, 'purged');
  assert.deepEqual([(await t.get(job)).status, (await t.get(job)).body.JobState], [200, 'Completed']);

  await t.send('DELETE', `${controller}/Volumes/1`);
  await clock.advance(500);
  await t.send('PATCH', `${bios}/Settings`, { Attributes: { ProcVirtualization: 'Disabled' } });
  const clear = `${links.DellJobService['@odata.id']}/Actions/DellJobService.DeleteJobQueue`;
  assert.equal((await t.send('POST', clear, { JobID: 'JID_CLEARALL' })).status, 204);
  await t.send('POST', reset, { ResetType: 'ForceRestart' });
  await clock.advance(500);
  assert.equal((await t.get(`${controller}/Volumes`)).body['Members@odata.count'], 1);
  assert.equal((await t.get(bios)).body.Attributes.ProcVirtualization, 'Enabled');
  assert.equal((await t.get(links.Jobs['@odata.id'])).body['Members@odata.count'], 0);
});

for (const name of ['hpe-ilo5', 'hpe-ilo6']) {
  test(`${name}: no identity for registries, {} to eject, nothing during POST, no network adapters before the system ran`, async () => {
    await using t = await start(name);
    const { system, chassis, slot, reset } = actions(name);
    const registry = '/redfish/v1/Registries/BiosAttributeRegistry';
    assert.equal((await t.get(registry, { headers: { 'Accept-Encoding': 'identity' } })).status, 406);
    assert.equal((await t.get(registry, { headers: { 'Accept-Encoding': 'gzip, identity' } })).status, 200);
    assert.equal((await t.get(system, { headers: { 'Accept-Encoding': 'identity' } })).status, 200);
    await t.send('POST', slot('2').insert, { Image: IMAGE });
    assert.equal((await t.send('POST', slot('2').eject)).status, 415);
    assert.equal((await t.send('POST', slot('2').eject, {})).status, 204);
    assert.equal((await t.get(`${chassis}/NetworkAdapters`)).status, 400);
    await t.send('POST', reset, { ResetType: 'On' });
    await t.clock.advance(30);
    const during = await t.send('PATCH', system, { Boot: PXE_ONCE });
    assert.deepEqual([during.status, messageOf(during)], [400, 'UnableToModifyDuringSystemPOST']);
    await t.clock.advance(100);
    assert.equal((await t.send('PATCH', system, { Boot: PXE_ONCE })).status, 204);
    assert.equal((await t.get(`${chassis}/NetworkAdapters`)).status, 200);
    const raid = (await t.get(`${system}/Storage/RAID1`)).body;
    assert.equal(raid.Volumes === undefined, name === 'hpe-ilo5');
    const mode = await t.send('PATCH', system, { Boot: { BootSourceOverrideMode: 'Legacy' } });
    assert.equal(mode.status, name === 'hpe-ilo5' ? 400 : 204);
  });
}

test('supermicro-x12: Enabled with Target, UsbCd, image alone, mode reset, no Task, 200 for failed logins', async () => {
  await using t = await start('supermicro-x12');
  const { system, slot } = actions('supermicro-x12');
  assert.equal(
    messageOf(await t.send('PATCH', system, { Boot: { BootSourceOverrideTarget: 'Pxe' } })),
    'PropertyMissing',
  );
  const cd = { BootSourceOverrideTarget: 'Cd', BootSourceOverrideEnabled: 'Once' };
  assert.equal((await t.send('PATCH', system, { Boot: cd })).status, 400);
  assert.equal((await t.send('PATCH', system, { Boot: { ...cd, BootSourceOverrideTarget: 'UsbCd' } })).status, 204);
  const boot = (await t.get(system)).body.Boot;
  assert.deepEqual(
    [boot.BootSourceOverrideTarget, boot.BootSourceOverrideMode],
    ['UsbCd', 'Legacy'],
    'no mode given: reset',
  );
  await t.send('PATCH', system, { Boot: { ...PXE_ONCE, BootSourceOverrideMode: 'UEFI' } });
  assert.equal((await t.get(system)).body.Boot.BootSourceOverrideMode, 'UEFI');
  const { insert } = slot('VirtualMedia1');
  assert.equal((await t.send('POST', insert, { Image: IMAGE, Inserted: true, WriteProtected: true })).status, 400);
  assert.equal((await t.send('POST', insert, { Image: IMAGE })).status, 204);
  const update = { ImageURI: 'http://127.0.0.1:1/x.bin' };
  const accepted = await t.send('POST', '/redfish/v1/UpdateService/Actions/UpdateService.SimpleUpdate', update);
  assert.deepEqual([accepted.status, accepted.body['@odata.type']], [202, undefined]);
  assert.ok(accepted.body.Accepted);
  const failed = await login(t, 'wrong-pass');
  assert.deepEqual([failed.status, failed.headers['x-auth-token']], [200, undefined]);
  assert.equal((await login(t)).status, 201);
  assert.equal((await t.get(system)).body.Model, '');
});

test('lenovo-xcc: sixteen sessions, and a logout makes room', async () => {
  await using t = await start('lenovo-xcc');
  const made = [];
  for (let i = 0; i < 16; i++) made.push(await login(t));
  assert.ok(made.every((m) => m.status === 201));
  const refused = await login(t);
  assert.deepEqual([refused.status, messageOf(refused)], [503, 'SessionLimitExceeded']);
  await t.send('DELETE', String(made[0]?.headers['location']));
  assert.equal((await login(t)).status, 201);
});

test('lenovo-xcc: media by PATCH in Remote slots, Once alone, no apply time, a monitor read ends its task', async () => {
  await using t = await start('lenovo-xcc');
  const { system, bios, biosSettings, slot } = actions('lenovo-xcc');
  const remote = slot('Remote1');
  assert.equal((await t.get(remote.path)).body.Actions, undefined);
  assert.equal((await t.send('POST', remote.insert, { Image: IMAGE })).status, 404);
  const insert = { Image: IMAGE, Inserted: true, WriteProtected: true };
  assert.equal((await t.send('PATCH', slot('RDOC1').path, insert)).status, 400);
  assert.equal((await t.send('PATCH', remote.path, insert)).status, 204);
  assert.equal((await t.get(remote.path)).body.Inserted, true);
  assert.equal((await t.send('PATCH', remote.path, { Image: null, Inserted: false })).status, 204);
  assert.equal((await t.get(remote.path)).body.Inserted, false);
  const always = await t.send('PATCH', system, { Boot: { ...PXE_ONCE, BootSourceOverrideEnabled: 'Continuous' } });
  assert.deepEqual([always.status, messageOf(always)], [400, 'PropertyValueNotInList']);
  assert.equal((await t.send('PATCH', system, { Boot: PXE_ONCE })).status, 204);
  const attributes = { Attributes: { NumLock: false } };
  const timed = { ...attributes, '@Redfish.SettingsApplyTime': { ApplyTime: 'OnReset' } };
  assert.equal((await t.get(bios)).body['@Redfish.Settings'].SupportedApplyTimes, undefined);
  assert.equal((await t.send('PATCH', biosSettings, timed)).status, 400);
  assert.equal((await t.send('PATCH', biosSettings, attributes)).status, 204);
  const drives = (await t.get(`${system}/Storage/RAID1`)).body.Drives;
  const volume = { RAIDType: 'RAID0', Links: { Drives: drives.slice(0, 1) } };
  const made = await t.send('POST', `${system}/Storage/RAID1/Volumes`, volume);
  const [task, monitor] = [String(made.body['@odata.id']), String(made.headers['location'])];
  await t.clock.advance(1000);
  assert.equal((await t.get(task)).body.TaskState, 'Completed');
  assert.equal((await t.get(monitor)).status, 200);
  assert.equal((await t.get(task)).status, 404);
});

test('fujitsu-irmc: https alone, slow, ETags demanded, pages for errors', async () => {
  await using t = await startTestBmc({ personality: personalityNamed('fujitsu-irmc') });
  const { system } = actions('fujitsu-irmc');
  assert.match(t.bmc.url, /^https:/);
  const begin = performance.now();
  const got = await t.get(system);
  assert.ok(performance.now() - begin >= 55);
  assert.equal((await t.send('PATCH', system, { Boot: PXE_ONCE })).status, 428);
  const match = { headers: { 'If-Match': String(got.headers['etag']) } };
  assert.equal((await t.send('PATCH', system, { Boot: PXE_ONCE }, match)).status, 204);
  const missing = await t.get('/redfish/v1/Nothing');
  assert.match(String(missing.headers['content-type']), /html/);
  assert.equal(missing.body, undefined);
});

test('ami: boot order in the settings object, whole, with its ETag in the strong form', async () => {
  await using t = await start('ami');
  const { system, reset } = actions('ami');
  const all = { ...PXE_ONCE, BootSourceOverrideMode: 'UEFI' };
  const settings = String((await t.get(system)).body['@Redfish.Settings'].SettingsObject['@odata.id']);
  const send = async (path: string, boot: object, strip = true) => {
    const etag = String((await t.get(path)).headers['etag']);
    assert.match(etag, /^W\//);
    return t.send('PATCH', path, { Boot: boot }, { headers: { 'If-Match': strip ? etag.slice(2) : etag } });
  };
  assert.equal((await send(settings, all, false)).status, 412);
  assert.equal(messageOf(await send(settings, PXE_ONCE)), 'PropertyMissing');
  assert.equal((await send(system, all)).status, 400, 'not on the system itself');
  assert.equal((await send(settings, all)).status, 204);
  assert.equal((await t.get(settings)).body.Boot.BootSourceOverrideTarget, 'Pxe');
  assert.equal((await t.get(system)).body.Boot.BootSourceOverrideTarget, 'None');
  await t.send('POST', reset, { ResetType: 'On' });
  await t.clock.advance(200);
  assert.equal(t.machine.boots.at(-1)?.from, 'network');
});

test('openbmc: slots of the proxy without action, /Monitor, what Reset allows in an ActionInfo, no RAID', async () => {
  await using t = await start('openbmc');
  const { system, slot, storage } = actions('openbmc');
  for (const id of ['Slot_0', 'Slot_1']) assert.equal((await t.get(slot(id).path)).body.Actions, undefined);
  const { insert, path } = slot('Slot_2');
  assert.equal((await t.send('POST', insert, { Image: IMAGE })).status, 204);
  assert.equal((await t.get(path)).body.Inserted, true);
  const action = (await t.get(system)).body.Actions['#ComputerSystem.Reset'];
  assert.equal(action['ResetType@Redfish.AllowableValues'], undefined);
  const info = (await t.get(action['@Redfish.ActionInfo'])).body;
  assert.ok(info.Parameters[0].AllowableValues.includes('ForceOff'));
  assert.equal((await t.get(storage)).body.Volumes, undefined);
  const update = { ImageURI: 'http://127.0.0.1:1/x.bin' };
  const made = await t.send('POST', '/redfish/v1/UpdateService/Actions/UpdateService.SimpleUpdate', update);
  assert.match(String(made.headers['location']), /\/Tasks\/1\/Monitor$/);
});

test('nvidia-dgx: credentials for media, a second system, boot overrides in SD', async () => {
  await using t = await start('nvidia-dgx');
  const { system, slot } = actions('nvidia-dgx');
  const { insert, path } = slot('CD1');
  assert.equal(messageOf(await t.send('POST', insert, { Image: IMAGE })), 'ActionParameterMissing');
  const all = {
    Image: IMAGE,
    TransferProtocolType: 'HTTP',
    TransferMethod: 'Stream',
    UserName: 'none',
    Password: 'none',
  };
  assert.equal((await t.send('POST', insert, all)).status, 204);
  assert.equal((await t.get(path)).body.Inserted, true);
  const members = (await t.get('/redfish/v1/Systems')).body.Members.map((m: Record<string, string>) => m['@odata.id']);
  assert.deepEqual(members, [system, '/redfish/v1/Systems/HGX_Baseboard_0']);
  assert.equal((await t.get('/redfish/v1/Systems/HGX_Baseboard_0')).body.Actions, undefined);
  const settings = (await t.get(system)).body['@Redfish.Settings'].SettingsObject['@odata.id'];
  assert.equal(settings, `${system}/SD`);
  const boot = { ...PXE_ONCE, BootSourceOverrideMode: 'UEFI' };
  assert.equal((await t.send('PATCH', settings, { Boot: boot })).status, 428);
});

test('cisco-cimc: DVD slots of which some refuse; no EthernetInterfaces; dates as OpenSSL prints them', async () => {
  await using t = await startTestBmc({ personality: personalityNamed('cisco-cimc'), tls: true });
  const { system, slot, manager } = actions('cisco-cimc');
  assert.deepEqual((await t.get(slot('0').path)).body.MediaTypes, ['DVD']);
  for (const id of ['0', '2']) assert.equal((await t.send('POST', slot(id).insert, { Image: IMAGE })).status, 400);
  assert.equal((await t.send('POST', slot('3').insert, { Image: IMAGE })).status, 204);
  assert.equal((await t.get(system)).body.EthernetInterfaces, undefined);
  assert.equal((await t.get(`${system}/EthernetInterfaces`)).status, 404);
  const certificate = (await t.get(`${manager}/NetworkProtocol/HTTPS/Certificates/1`)).body;
  assert.match(certificate.ValidNotAfter, /^[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4} GMT$/);
});

test('huawei-ibmc: media by one action of its own, with a task; ETags demanded; Enabled with Target', async () => {
  await using t = await start('huawei-ibmc');
  const { system, slot } = actions('huawei-ibmc');
  const view = (await t.get(slot('CD').path)).body;
  assert.equal(view.Actions, undefined);
  const target = view.Oem.Huawei.Actions['#VirtualMedia.VmmControl'].target;
  assert.equal((await t.send('POST', slot('CD').insert, { Image: IMAGE })).status, 404);
  const made = await t.send('POST', target, { VmmControlType: 'Connect', Image: IMAGE });
  assert.equal(made.status, 202);
  assert.deepEqual((await t.get(slot('CD').path)).body.Image, IMAGE);
  assert.equal((await t.send('POST', target, { VmmControlType: 'Disconnect' })).status, 202);
  assert.equal((await t.get(slot('CD').path)).body.Inserted, false);
  assert.equal((await t.send('POST', target, { VmmControlType: 'Shake' })).status, 400);
  assert.equal((await t.send('PATCH', system, { Boot: PXE_ONCE })).status, 428);
  const etag = { headers: { 'If-Match': String((await t.get(system)).headers['etag']) } };
  const bare = { BootSourceOverrideTarget: 'Pxe' };
  assert.equal(messageOf(await t.send('PATCH', system, { Boot: bare }, etag)), 'PropertyMissing');
  assert.equal((await t.send('PATCH', system, { Boot: PXE_ONCE }, etag)).status, 204);
});

test('certificates that a BMC lists say whose they are, by whom and until when', async () => {
  await using t = await startTestBmc({ tls: true });
  const { manager } = actions('plain');
  const certificate = (await t.get(`${manager}/NetworkProtocol/HTTPS/Certificates/1`)).body;
  const parsed = new X509Certificate(certificate.CertificateString);
  assert.deepEqual(certificate.Subject, { Organization: 'Ingot simulator', CommonName: 'bmc.sim' });
  assert.deepEqual(certificate.Issuer, certificate.Subject, 'self-signed');
  assert.equal(Date.parse(certificate.ValidNotAfter), Date.parse(parsed.validTo));
  assert.match(certificate.ValidNotAfter, /^\d{4}-\d\d-\d\dT/);
  assert.equal(certificate.Fingerprint, parsed.fingerprint256);
});

test('quirks can be added to any: silent reverts, delayed apply, refused If-Match, no sessions', async () => {
  const evidence = assumed('of the test');
  const clockless = personalityNamed('plain');
  await using t = await startTestBmc({
    personality: clockless,
    quirks: [
      { kind: 'boot-silently-reverts', afterMs: 30, evidence },
      { kind: 'etags', form: 'refuses-if-match', evidence },
      { kind: 'unknown-reset-accepted', evidence },
    ],
  });
  const { system, reset } = actions('plain');
  await t.send('PATCH', system, { Boot: PXE_ONCE });
  assert.equal((await t.get(system)).body.Boot.BootSourceOverrideTarget, 'Pxe');
  await t.until(system, (b) => b.Boot.BootSourceOverrideTarget === 'None');
  assert.equal((await t.send('PATCH', system, { Boot: PXE_ONCE }, { headers: { 'If-Match': '*' } })).status, 412);
  assert.equal((await t.send('POST', reset, { ResetType: 'Explode' })).status, 204);
  await using late = await startTestBmc({ quirks: [{ kind: 'delayed-apply', ms: 40, evidence }] });
  await late.send('PATCH', system, { Boot: PXE_ONCE });
  assert.equal((await late.get(system)).body.Boot.BootSourceOverrideTarget, 'None');
  await late.until(system, (b) => b.Boot.BootSourceOverrideTarget === 'Pxe');
  await using none = await startTestBmc({ personality: { ...clockless, quirks: [{ kind: 'no-sessions', evidence }] } });
  assert.equal((await none.get('/redfish/v1/')).body.Links.Sessions, undefined);
  assert.equal((await login(none)).status, 401);
});
