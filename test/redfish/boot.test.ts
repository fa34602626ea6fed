import assert from 'node:assert/strict';
import test from 'node:test';
import { FakeClock } from '../../src/core/clock.ts';
import { type LogLine, memoryLogger } from '../../src/core/log.ts';
import { BootModes } from '../../src/redfish/boot-mode.ts';
import { SystemBoot } from '../../src/redfish/boot.ts';
import type { BootOverride } from '../../src/redfish/boot-override.ts';
import type { JsonObject } from '../../src/redfish/calls.ts';
import { redfishErrors } from '../../src/redfish/errors.ts';
import { personalityOf } from '../../src/redfish/quirks.ts';
import { type Body, FakeCalls, refused } from '../support/redfish-calls.ts';
import { runClock } from '../support/run-clock.ts';

const SYSTEM = '/redfish/v1/Systems/1';
const SETTINGS = `${SYSTEM}/Settings`;
const never = new AbortController().signal;
const PXE: BootOverride = { device: 'pxe', persistence: 'once', firmware: 'uefi' };
const DISK: BootOverride = { device: 'disk', persistence: 'persistent', firmware: 'uefi' };

type Boot = Record<string, unknown>;

interface Vendor {
  root?: Body;
  system?: Body;
  boot?: Boot;
  /** Annotation. */
  changes?: string[];
  httpBoot?: boolean;
  /** Called with what is to be set; throws a refusal, or returns what becomes of the Boot object. */
  take?: (wanted: Boot, now: Boot) => Boot | void;
}

function machine({ root = {}, system = {}, boot = {}, changes = [], httpBoot = false, take }: Vendor) {
  const now: Boot = {
    BootSourceOverrideTarget: 'None',
    BootSourceOverrideEnabled: 'Disabled',
    BootSourceOverrideMode: 'UEFI',
    ...boot,
  };
  const body: Body = { ...system, Boot: now };
  const calls = new FakeCalls({ [SYSTEM]: body });
  const patches: Boot[] = [];
  const patch = (request: JsonObject | undefined) => {
    const wanted = request?.['Boot'] as Boot;
    patches.push(wanted);
    Object.assign(now, take === undefined ? wanted : (take(wanted, now) ?? {}));
  };
  calls.on('PATCH', SYSTEM, patch);
  const clock = new FakeClock();
  const lines: LogLine[] = [];
  const doors = {
    calls,
    system: () => calls.get(SYSTEM),
    personality: () => Promise.resolve(personalityOf(root as JsonObject, body as JsonObject, changes)),
    clock,
    log: memoryLogger(lines),
    httpBoot,
  };
  const control = new SystemBoot(doors);
  return {
    calls,
    now,
    body,
    patches,
    lines,
    modes: new BootModes(doors),
    set: (wanted: BootOverride) => runClock(clock, control.set(wanted, never)),
    read: () => control.override(never),
    clock,
    hold: async () => runClock(clock, control.hold(await calls.get(SYSTEM), never)),
    started: () => control.started(),
    run: <T>(work: Promise<T>) => runClock(clock, work).then(({ value }) => value),
  };
}

const once = { BootSourceOverrideTarget: 'Pxe', BootSourceOverrideEnabled: 'Once' };
const full = { ...once, BootSourceOverrideMode: 'UEFI' };

test('redfish 4: Target and Enabled together; Mode only where it changes', async () => {
  const plain = machine({});
  await plain.set(PXE);
  assert.deepEqual(plain.patches, [once]);
  assert.deepEqual(await plain.read(), PXE);
  const legacy = machine({ boot: { BootSourceOverrideMode: 'Legacy' } });
  await legacy.set(PXE);
  assert.deepEqual(legacy.patches, [full]);
});

test('redfish 4: AMI and ASRockRack get the full triple each time', async () => {
  for (const maker of ['AMI', 'American Megatrends', 'ASRockRack']) {
    const bmc = machine({
      root: { Vendor: maker },
      take: (wanted) => {
        if (Object.keys(wanted).length < 3) throw refused(400, 'Base.PropertyMissing');
        return wanted;
      },
    });
    await bmc.set(PXE);
    assert.deepEqual(bmc.patches, [full], maker);
  }
});

test('redfish 4: the ladder finds the form that an unknown BMC takes', async () => {
  const triple = machine({
    take: (wanted) => {
      if (Object.keys(wanted).length < 3) throw refused(400, 'Base.PropertyMissing');
      return wanted;
    },
  });
  await triple.set(PXE);
  assert.deepEqual(triple.patches, [once, full]);
  const changedOnly = machine({
    boot: { BootSourceOverrideEnabled: 'Once' },
    take: (wanted) => {
      if (Object.keys(wanted).length > 1) throw refused(400, 'Base.PropertyNotWritable');
      return wanted;
    },
  });
  await changedOnly.set(PXE);
  assert.deepEqual(changedOnly.patches.at(-1), { BootSourceOverrideTarget: 'Pxe' });
  const noMode = machine({
    boot: { BootSourceOverrideMode: 'Legacy' },
    take: (wanted) => {
      if ('BootSourceOverrideMode' in wanted) throw refused(500);
      return wanted;
    },
  });
  await noMode.set(PXE);
  assert.deepEqual(noMode.patches, [full, once]);
  assert.match(noMode.lines.find((l) => l.level === 'warn')?.fields['why'] as string, /boot mode uefi/);
});

test('redfish 4: HPE DL160 Gen10 is never sent a Mode', async () => {
  const bmc = machine({
    root: { Vendor: 'HPE' },
    system: { Model: 'ProLiant DL160 Gen10' },
    boot: { BootSourceOverrideMode: 'Legacy' },
  });
  await bmc.set(PXE);
  assert.deepEqual(bmc.patches, [once]);
});

test('redfish 4: Continuous that is refused becomes Once; Lenovo is not asked', async () => {
  const take = (wanted: Boot) => {
    if (wanted['BootSourceOverrideEnabled'] === 'Continuous') throw refused(400, 'Base.PropertyValueNotInList');
    return wanted;
  };
  const unknown = machine({ take });
  await unknown.set(DISK);
  assert.equal(unknown.now['BootSourceOverrideEnabled'], 'Once');
  assert.match(unknown.lines.at(-1)?.fields['why'] as string, /persistent/);
  const lenovo = machine({ root: { Vendor: 'Lenovo' }, take });
  await lenovo.set(DISK);
  assert.equal(lenovo.patches.length, 1);
});

test('redfish 4: Supermicro: UsbCd for a CD, and the boot mode is set again when the override changed it', async () => {
  const bmc = machine({
    system: { Manufacturer: 'Supermicro' },
    boot: { 'BootSourceOverrideTarget@Redfish.AllowableValues': ['Pxe', 'UsbCd', 'Cd', 'Hdd'] },
    take: (wanted) => ({
      ...wanted,
      ...('BootSourceOverrideMode' in wanted ? {} : { BootSourceOverrideMode: 'Legacy' }),
    }),
  });
  await bmc.set({ ...PXE, device: 'cdrom' });
  assert.equal(bmc.now['BootSourceOverrideTarget'], 'UsbCd');
  assert.equal(bmc.now['BootSourceOverrideMode'], 'UEFI');
  const exception = machine({ system: { Manufacturer: 'Supermicro', Model: 'ARS-111GL-NHR' } });
  await exception.set({ ...PXE, device: 'cdrom' });
  assert.equal(exception.now['BootSourceOverrideTarget'], 'Cd');
});

test('redfish 4: the settings object is written where there is one, with its own ETag', async () => {
  const bmc = machine({ system: { '@Redfish.Settings': { SettingsObject: { '@odata.id': SETTINGS } } } });
  bmc.calls.resources.set(SETTINGS, {
    Boot: { BootSourceOverrideTarget: 'None', BootSourceOverrideEnabled: 'Disabled' },
  });
  await bmc.set(PXE);
  assert.deepEqual(bmc.patches, [], 'the System is not touched');
  assert.match(bmc.calls.log[0] ?? '', new RegExp(`^PATCH ${SETTINGS} `));
  assert.match(
    (bmc.lines.at(-2)?.fields['why'] as string) ?? bmc.lines.at(-1)?.fields['why'],
    /applies at the next start/,
  );
  // What waits there is what must hold until the start.
  const { length } = bmc.calls.log;
  await bmc.hold();
  assert.equal(bmc.calls.log.length, length);
  bmc.calls.resources.set(SETTINGS, { Boot: { BootSourceOverrideTarget: 'None' } });
  await bmc.hold();
  assert.equal(bmc.calls.log.length, length + 1);
});

test('redfish 4: sushy-tools always says Continuous; of others that is not believed', async () => {
  const take = (wanted: Boot) => ({ ...wanted, BootSourceOverrideEnabled: 'Continuous' });
  const sushy = machine({ system: { Manufacturer: 'Sushy Emulator' }, boot: { HttpBootUri: 'None' }, take });
  await sushy.set(PXE);
  const other = machine({ take });
  await assert.rejects(other.set(PXE), (error: Error) => {
    assert.ok(redfishErrors.is(error, 'REDFISH_NOT_APPLIED'));
    assert.match(error.message, /asked for once, reads back Continuous/);
    return true;
  });
});

test('redfish 4: silently reverted, refused in every form, or not offered: each is an error that says what was met', async () => {
  await assert.rejects(machine({ take: () => undefined }).set(PXE), /asked for pxe, reads back none/);
  const refusing = machine({
    take: () => {
      throw refused(400, 'Base.Nope');
    },
  });
  await assert.rejects(refusing.set(PXE), /answered 400 Base\.Nope/);
  assert.ok(refusing.patches.length <= 4);
  const poor = machine({ boot: { 'BootSourceOverrideTarget@Redfish.AllowableValues': ['Hdd'] } });
  await assert.rejects(poor.set(PXE), (error) => redfishErrors.is(error, 'REDFISH_UNSUPPORTED'));
  assert.deepEqual(poor.patches, []);
  // Trouble with the BMC is not one with the form.
  const ill = machine({
    take: () => {
      throw redfishErrors.make('REDFISH_UNREACHABLE', 'gone');
    },
  });
  await assert.rejects(ill.set(PXE), /gone/);
  assert.equal(ill.patches.length, 1);
});

test('redfish 4: UEFI HTTP boot with its URI, and no override at all', async () => {
  const bmc = machine({});
  const http: BootOverride = {
    device: 'http',
    persistence: 'once',
    firmware: 'uefi',
    httpUri: 'http://192.0.2.2/a.efi',
  };
  await bmc.set(http);
  assert.deepEqual(await bmc.read(), http);
  assert.equal(bmc.now['BootSourceOverrideTarget'], 'UefiHttp');
  const liar = machine({ take: (wanted) => ({ ...wanted, HttpBootUri: 'http://192.0.2.66/' }) });
  await assert.rejects(liar.set(http), /another HttpBootUri/);
  await bmc.set({ ...PXE, device: 'none' });
  assert.equal((await bmc.read()).device, 'none');
});

test('redfish 4: quirks are added and left out by annotation; names that are not ours are passed over', async () => {
  const added = machine({ changes: ['boot-full', 'ipmi-something'] });
  await added.set(PXE);
  assert.deepEqual(added.patches, [full]);
  const removed = machine({ root: { Vendor: 'Lenovo' }, changes: ['-boot-once-only'] });
  await removed.set(DISK);
  assert.equal(removed.now['BootSourceOverrideEnabled'], 'Continuous');
});

test('boot mode: done, pending on Dell, refused on Gen9, and not believed elsewhere', async () => {
  const plain = machine({});
  assert.equal(await plain.run(plain.modes.bootMode(never)), 'uefi');
  assert.equal(await plain.run(plain.modes.setBootMode('uefi', never)), 'done');
  assert.deepEqual(plain.patches, []);
  assert.equal(await plain.run(plain.modes.setBootMode('legacy', never)), 'done');
  const dell = machine({ root: { Vendor: 'Dell' }, take: () => undefined });
  assert.equal(await dell.run(dell.modes.setBootMode('legacy', never)), 'pending');
  const gen9 = machine({ root: { Vendor: 'HPE' }, system: { Model: 'ProLiant DL380 Gen9' } });
  await assert.rejects(gen9.modes.setBootMode('legacy', never), (e) => redfishErrors.is(e, 'REDFISH_UNSUPPORTED'));
  const liar = machine({ take: () => undefined });
  await assert.rejects(liar.modes.setBootMode('legacy', never), (e) => redfishErrors.is(e, 'REDFISH_NOT_APPLIED'));
});

test('Secure Boot: what is set and what runs are two things', async () => {
  const path = `${SYSTEM}/SecureBoot`;
  const bmc = machine({ system: { SecureBoot: { '@odata.id': path } } });
  assert.equal(await bmc.run(bmc.modes.secureBoot(never)), undefined);
  await assert.rejects(bmc.modes.setSecureBoot(true, never), (e) => redfishErrors.is(e, 'REDFISH_UNSUPPORTED'));
  bmc.calls.resources.set(path, { SecureBootEnable: false, SecureBootCurrentBoot: 'Disabled' });
  assert.equal(await bmc.run(bmc.modes.secureBoot(never)), false);
  assert.equal(await bmc.run(bmc.modes.setSecureBoot(false, never)), 'done');
  assert.equal(await bmc.run(bmc.modes.setSecureBoot(true, never)), 'pending');
  bmc.calls.resources.get(path)!['SecureBootCurrentBoot'] = 'Enabled';
  assert.equal(await bmc.run(bmc.modes.setSecureBoot(true, never)), 'done');
  bmc.calls.on('PATCH', path, () => {});
  await assert.rejects(bmc.modes.setSecureBoot(false, never), (e) => redfishErrors.is(e, 'REDFISH_NOT_APPLIED'));
});

const HTTP: BootOverride = { device: 'http', persistence: 'once', firmware: 'uefi', httpUri: 'http://192.0.2.1/a.iso' };

test('redfish 4: the address of a UEFI HTTP boot is cleared by the next override, as null or as nothing', async () => {
  const plain = machine({ boot: { HttpBootUri: null } });
  await plain.set(HTTP);
  assert.equal(plain.now['HttpBootUri'], HTTP.httpUri);
  await plain.set(DISK);
  assert.equal(plain.now['HttpBootUri'], null);
  assert.deepEqual(await plain.read(), DISK, 'and the target is put back');
  const { length } = plain.patches;
  await plain.set(PXE);
  assert.equal(plain.patches.length, length + 1, 'nothing to clear, nothing sent');

  const noNull = machine({
    httpBoot: true,
    boot: { HttpBootUri: 'http://192.0.2.1/old.iso' },
    take: (wanted) => {
      if (wanted['HttpBootUri'] === null) throw refused(400, 'Base.PropertyValueTypeError');
      return wanted;
    },
  });
  await noNull.set(DISK);
  assert.equal(noNull.now['HttpBootUri'], '');

  const theirs = machine({ boot: { HttpBootUri: 'http://192.0.2.9/theirs.efi' } });
  await theirs.set(DISK);
  assert.equal(theirs.now['HttpBootUri'], 'http://192.0.2.9/theirs.efi', 'what a person keeps there is not ours');

  const old = { HttpBootUri: 'http://192.0.2.1/old.iso' };
  const ami = machine({ httpBoot: true, system: { Manufacturer: 'AMI' }, boot: old });
  await ami.set(DISK);
  const last = ami.patches.at(-1) ?? {};
  const triple = { BootSourceOverrideTarget: 'Hdd', BootSourceOverrideEnabled: 'Continuous' };
  assert.deepEqual(last, { ...triple, BootSourceOverrideMode: 'UEFI', HttpBootUri: null });
});

test('redfish 4: an address that cannot be cleared is told, without its text; the override itself holds', async () => {
  const secret = 'http://192.0.2.1/signed-token/a.iso';
  const stuck = machine({
    httpBoot: true,
    boot: { HttpBootUri: secret },
    take: (wanted) => ({ ...wanted, HttpBootUri: secret }),
  });
  await stuck.set(DISK);
  const warned = stuck.lines.filter((line) => line.level === 'warn').map((line) => JSON.stringify(line));
  assert.equal(warned.length, 1);
  assert.match(warned[0] ?? '', /cannot be cleared/);
  assert.ok(!JSON.stringify(stuck.lines).includes('signed-token'));
});

test('redfish 4: an override that is dropped before the start is set again, a bounded number of times', async () => {
  const drop = { BootSourceOverrideTarget: 'None', BootSourceOverrideEnabled: 'Disabled' };
  const bmc = machine({});
  await bmc.set(PXE);
  await bmc.hold();
  assert.equal(bmc.patches.length, 1, 'it holds: nothing is sent');
  // Minutes later, after the self test.
  Object.assign(bmc.now, drop);
  await bmc.hold();
  assert.deepEqual(await bmc.read(), PXE);
  assert.equal(bmc.patches.length, 2);

  // Shown to whoever wrote it, and to nobody after that.
  let looks = 0;
  const never2 = machine({ take: (wanted) => ((looks = 0), wanted) });
  const { calls } = never2;
  const find = calls.find.bind(calls);
  calls.find = (path) => {
    if (path === SYSTEM && looks++ > 0) Object.assign(never2.now, drop);
    return find(path);
  };
  await never2.set(PXE);
  Object.assign(never2.now, drop);
  await assert.rejects(never2.hold(), (error: Error) => {
    assert.ok(redfishErrors.is(error, 'REDFISH_NOT_APPLIED'), String(error));
    assert.match(error.message, /pxe does not hold: set and read back 4 times.*asked for pxe, reads back none/);
    return true;
  });
  assert.equal(never2.patches.length, 4);
  // Its disk a machine finds by itself.
  await never2.set(DISK);
  Object.assign(never2.now, drop);
  await never2.hold();
  assert.match(JSON.stringify(never2.lines.at(-1)), /disk does not hold/);
});

test('redfish 4: what is no wish of ours any more is not set again', async () => {
  const drop = { BootSourceOverrideTarget: 'None', BootSourceOverrideEnabled: 'Disabled' };
  for (const end of ['started', 'long ago', 'none'] as const) {
    const bmc = machine({});
    await bmc.set(PXE);
    if (end === 'started') bmc.started();
    if (end === 'long ago') await bmc.clock.advance(700_000);
    if (end === 'none') await bmc.set({ ...PXE, device: 'none' });
    const { length } = bmc.patches;
    Object.assign(bmc.now, drop);
    await bmc.hold();
    assert.equal(bmc.patches.length, length, end);
  }
  // Taken for one start, wished for all: set again before each.
  const lenovo = machine({ root: { Vendor: 'Lenovo' } });
  await lenovo.set(DISK);
  for (const start of [2, 3]) {
    lenovo.started();
    await lenovo.clock.advance(86_400_000);
    Object.assign(lenovo.now, drop);
    await lenovo.hold();
    assert.equal(lenovo.patches.length, start);
    assert.equal(lenovo.now['BootSourceOverrideTarget'], 'Hdd');
  }
});

test('redfish 4: AMI takes no override away without the full triple either, and keeps its mode', async () => {
  const legacy = {
    BootSourceOverrideTarget: 'Pxe',
    BootSourceOverrideEnabled: 'Once',
    BootSourceOverrideMode: 'Legacy',
  };
  const ami = machine({ system: { Manufacturer: 'AMI' }, boot: legacy });
  await ami.set({ ...PXE, device: 'none' });
  const none = { BootSourceOverrideTarget: 'None', BootSourceOverrideEnabled: 'Disabled' };
  assert.deepEqual(ami.patches, [{ ...none, BootSourceOverrideMode: 'Legacy' }]);
});

test('redfish 4: a change of mode that is a BIOS job for the next start is not waited for (iDRAC)', async () => {
  const idrac = machine({ root: { Vendor: 'Dell' }, boot: { BootSourceOverrideMode: 'Legacy' } });
  const monitor = '/redfish/v1/TaskService/TaskMonitors/JID_1';
  idrac.calls.on('PATCH', SYSTEM, (body) => {
    const wanted = (body ?? {})['Boot'] as Boot;
    Object.assign(idrac.now, { ...wanted, BootSourceOverrideMode: 'Legacy' });
    return { status: 202, task: { monitor } };
  });
  idrac.calls.tasks.set(monitor, [{ kind: 'running', state: 'New', messages: [] }]);
  await idrac.set(PXE);
  assert.match(JSON.stringify(idrac.lines), /not read back: boot mode uefi/);
  idrac.calls.tasks.set(monitor, [{ kind: 'failed', state: 'Failed', messages: ['SYS011: job exists'] }]);
  await assert.rejects(idrac.set(PXE), /boot override: SYS011/);
});

test('Secure Boot keys are reset in the ways that the machine offers', async () => {
  const secure = `${SYSTEM}/SecureBoot`;
  const made = machine({ system: { SecureBoot: { '@odata.id': secure } } });
  const action = { target: `${secure}/reset`, 'ResetKeysType@Redfish.AllowableValues': ['ResetAllKeysToDefault'] };
  made.calls.resources.set(secure, { SecureBootEnable: false, Actions: { '#SecureBoot.ResetKeys': action } });
  made.calls.on('POST', `${secure}/reset`, () => {});
  await made.modes.resetKeys('default', never);
  assert.deepEqual(made.calls.log, [`POST ${secure}/reset {"ResetKeysType":"ResetAllKeysToDefault"}`]);
  await assert.rejects(made.modes.resetKeys('none', never), /it offers ResetAllKeysToDefault/);
  await assert.rejects(machine({}).modes.resetKeys('default', never), /it offers nothing of the kind/);
});
