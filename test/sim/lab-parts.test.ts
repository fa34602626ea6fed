import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { FakeClock, systemClock } from '../../src/core/clock.ts';
import { Deadline, deadlineErrors } from '../../src/core/deadline.ts';
import { plainConsole, readConsole, waitForConsole } from '../../src/sim/console-log.ts';
import { simErrors } from '../../src/sim/errors.ts';
import { chooseAccelerator } from '../../src/sim/kvm-probe.ts';
import { labMachine } from '../../src/sim/lab-hosts.ts';
import { hostManifestsYaml } from '../../src/sim/lab-manifests.ts';
import { labAddresses } from '../../src/sim/lab-network.ts';
import { listLabs, processStart, startIn, writeLabRecord } from '../../src/sim/lab-record.ts';
import { NEW_MACHINE_STATE, readMachineState, writeMachineState } from '../../src/sim/machine-state.ts';
import { qemuArgs } from '../../src/sim/qemu-args.ts';

let dir: string;
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ingot-sim-test-'));
});
after(() => rm(dir, { recursive: true, force: true }));

const lab = { name: 'one', dir: '/lab', namespace: 'ingot-one' };

test('names give the same addresses each time and different ones for each machine', () => {
  const a = labMachine(lab, { name: 'a', firmware: 'bios' }, 'tap0');
  const again = labMachine(lab, { name: 'a', firmware: 'bios' }, 'tap0');
  const b = labMachine(lab, { name: 'b', firmware: 'bios' }, 'tap1');
  const elsewhere = labMachine({ ...lab, name: 'two' }, { name: 'a', firmware: 'bios' }, 'tap0');
  assert.deepEqual(a, again);
  assert.equal(new Set([a, b, elsewhere].map((m) => m.nics[0]?.mac)).size, 3);
  assert.equal(new Set([a, b, elsewhere].map((m) => m.uuid)).size, 3);
  assert.match(a.nics[0]?.mac ?? '', /^52:54:00(:[0-9a-f]{2}){3}$/);
  assert.match(a.uuid, /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
});

test('the boot interface comes before or after the disk, as the boot asks', () => {
  const spec = labMachine(lab, { name: 'a', firmware: 'uefi' }, 'tap0');
  const index = (first: 'network' | 'disk', device: string) => {
    const text = qemuArgs(spec, 'tcg', first).find((arg) => arg.includes(`id=${device},`));
    return Number(/bootindex=(\d+)/.exec(text ?? '')?.[1]);
  };
  assert.ok(index('network', 'nic0') < index('network', 'disk0'));
  assert.ok(index('disk', 'nic0') > index('disk', 'disk0'));
});

test('commas in paths do not end an option of QEMU', () => {
  const spec = labMachine({ ...lab, dir: '/a,b' }, { name: 'a', firmware: 'bios' }, 'tap0');
  const drive = qemuArgs(spec, 'tcg', 'disk').find((arg) => arg.includes('id=drive0'));
  assert.match(drive ?? '', /file=\/a,,b\/a\/disk0\.raw,/);
});

test('every slot has addresses of its own inside one /30', () => {
  const all = [...Array(64).keys()].map(labAddresses);
  assert.equal(new Set(all.flatMap((a) => [a.hostAddress, a.insideAddress, a.hostInterface])).size, 192);
  const last = (address: string) => Number(address.split('.')[3]);
  for (const a of all) {
    assert.equal(last(a.hostAddress) >> 2, last(a.insideAddress) >> 2);
    assert.ok(a.hostInterface.length <= 15, 'interface names have at most 15 characters');
  }
});

test('manifests are what Metal3 users write', () => {
  const yaml = hostManifestsYaml({
    name: 'node-0',
    firmware: 'bios',
    mac: '52:54:00:00:00:01',
    bmcAddress: 'ipmi://169.254.77.1:6230',
    username: 'admin',
    password: '0123',
    diskSerial: 'LAB1D0',
  });
  const [secret, host] = parseAllDocuments(yaml).map((d) => d.toJS());
  assert.deepEqual(secret.stringData, { username: 'admin', password: '0123' });
  assert.equal(host.spec.bmc.credentialsName, secret.metadata.name);
  assert.equal(host.spec.bootMode, 'legacy');
  assert.deepEqual(host.spec.rootDeviceHints, { serialNumber: 'LAB1D0' });
  assert.equal(host.spec.externallyProvisioned, undefined);
});

test('machine state survives, and a broken file is named', async () => {
  const path = join(dir, 'state.json');
  assert.deepEqual(await readMachineState(path), NEW_MACHINE_STATE);
  const state = {
    boots: 3,
    powerOns: 2,
    flags: { flags: { valid: true, persistent: true, efi: false, device: 'pxe' as const }, setAt: 5 },
  };
  await writeMachineState(path, state);
  assert.deepEqual(await readMachineState(path), state);
  await writeFile(path, '{"boots": "many"}');
  await assert.rejects(readMachineState(path), (e) => simErrors.is(e, 'SIM_STATE_BROKEN'));
});

test('a lab is alive as long as the very process that owns it', async () => {
  const records = join(dir, 'records');
  const startedTicks = (await processStart(process.pid)) ?? '';
  assert.match(startedTicks, /^\d+$/);
  await writeLabRecord({ name: 'living', namespace: 'n', pid: process.pid, startedTicks }, records);
  await writeLabRecord({ name: 'recycled', namespace: 'n', pid: process.pid, startedTicks: '1' }, records);
  await writeFile(join(records, 'junk.json'), '{');
  const labs = await listLabs(records);
  assert.deepEqual(labs.map((l) => [l.record.name, l.alive]).toSorted(), [
    ['living', true],
    ['recycled', false],
  ]);
});

test('console text is read as a person sees it', async () => {
  assert.equal(plainConsole('\u001b[0;37mDISK-\u001b[1mBOOT\u001b[0mED\r\n'), 'DISK-BOOTED\n');
  const path = join(dir, 'console.log');
  assert.deepEqual(await readConsole(path), { text: '', end: 0 });
  await writeFile(path, 'first\nsecond\n');
  const clock = new FakeClock();
  using deadline = new Deadline(clock, 'a line', 1000);
  assert.equal((await waitForConsole(path, /sec\w+/, { clock, deadline }))[0], 'second');
  const missing = assert.rejects(waitForConsole(path, /first/, { clock, deadline, from: 6 }), (e) =>
    deadlineErrors.is(e, 'DEADLINE_EXCEEDED'),
  );
  // The file is read between two looks at the clock.
  for (let i = 0; i < 20; i++) {
    await clock.advance(100);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await missing;
});

test('without a KVM device nothing is probed; an answer is remembered', async () => {
  const cacheFile = join(dir, 'kvm.json');
  let probes = 0;
  const probeImage = () => {
    probes++;
    return Promise.resolve({ kernel: '/nonexistent', initrd: '/nonexistent' });
  };
  const none = await chooseAccelerator({ clock: systemClock, cacheFile, probeImage, device: join(dir, 'no-kvm') });
  assert.equal(none.accelerator, 'tcg');
  assert.equal(probes, 0);
  // A device that can be opened but whose guest never comes up.
  const device = join(dir, 'fake-kvm');
  await writeFile(device, '');
  for (let i = 0; i < 2; i++) {
    const choice = await chooseAccelerator({ clock: systemClock, cacheFile, probeImage, device });
    assert.equal(choice.accelerator, 'tcg');
    assert.match(choice.reason, /hang or fail/);
  }
  assert.equal(probes, 1);
  assert.equal(Object.keys(JSON.parse(await readFile(cacheFile, 'utf8'))).length, 1);
});

test('a process of which only the remains are left counts as gone', () => {
  const fields = Array.from({ length: 19 }, (_, i) => String(i + 100));
  assert.equal(startIn(`7 (a (b) c) S ${fields.join(' ')} 1 2`), '118');
  assert.equal(startIn(`7 (a (b) c) Z ${fields.join(' ')} 1 2`), undefined);
});
