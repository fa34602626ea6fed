/** A host's whole life on machines in QEMU, by BIOS and by UEFI, beside machines that must be left alone. */
import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import { after, before, describe } from 'node:test';
import type { BareMetalHost, HardwareData } from '../../src/api/baremetalhost.ts';
import type { Firmware } from '../../src/sim/machine-spec.ts';
import type { MachineObservation } from '../../src/sim/machine.ts';
import { configDriveFile } from '../support/disk-content.ts';
import { FullLab, buildForTests } from '../support/full-lab.ts';
import { consoleMark, until, waitConsole } from '../support/lab.ts';
import { assertNoSecrets, enrolAndDisturb, recorded } from '../support/recorded-console.ts';
import { deprovisionAndFindWiped, provisionAndCallBack } from '../support/life.ts';

const MEMORY_MIB = 768;
const DISK_BYTES = 4 * 2 ** 30;

let lab: FullLab | undefined;
let existing: MachineObservation;

const part = (story: string, name: string, seconds: number, work: (lab: FullLab) => Promise<void>) =>
  FullLab.test(() => lab, story, `${story}: ${name}`, seconds, work);

before(async () => {
  const built = await buildForTests();
  const disks = [{ sizeBytes: DISK_BYTES }];
  lab = await FullLab.start(built, {
    hosts: [
      { name: 'bios', firmware: 'bios', memoryMiB: MEMORY_MIB, disks },
      { name: 'uefi', firmware: 'uefi', memoryMiB: MEMORY_MIB, disks },
      { name: 'existing', firmware: 'bios', memoryMiB: 256, disk: built.tinyRaw },
      { name: 'stranger', firmware: 'bios', memoryMiB: 256 },
    ],
    images: { first: built.tinyQcow2, second: built.tinyRaw },
    // With its messages the kernel also prints its command line, which has the one-time token.
    up: ['--record-console', '--kernel-arguments', 'loglevel=7'],
  });
});

after(async () => {
  if (lab !== undefined) console.log(lab.story);
  await lab?.close();
});

describe('machines that must be left alone', () => {
  part('existing', 'a machine that runs is enrolled as externally provisioned', 120, async (lab) => {
    const { machine } = lab.host('existing');
    await machine.powerOn();
    await waitConsole(lab.host('existing'), /TINY: ready/, 90);
    existing = machine.observe();
    await lab.enrol('existing', { externallyProvisioned: true });
    const host = await lab.until('existing', 'externally provisioned and on', 60, (h) => {
      return h.status?.provisioning.state === 'externally provisioned' && h.status.poweredOn;
    });
    assert.equal(host.status?.operationalStatus, 'OK');
  });

  part('stranger', 'a machine that nobody enrolled gets silence', 120, async (lab) => {
    const { machine, mac } = lab.host('stranger');
    const heard = await listen(lab, mac);
    await machine.setBootFlags({ valid: true, persistent: false, efi: false, device: 'pxe' });
    await machine.powerOn();
    await until('three requests of its', 60, () => heard.filter((l) => l.includes('BOOTP/DHCP, Request')).length >= 3);
    await machine.powerOff();
    assert.deepEqual(
      heard.filter((l) => !l.includes('BOOTP/DHCP, Request')),
      [],
    );
    const why = new RegExp(`"${mac}".*no BareMetalHost has the boot MAC address ${mac}.*no answer`);
    assert.equal((await lab.engineLog()).split('\n').filter((l) => why.test(l)).length, 1, 'the reason, said once');
  });
});

// Side by side, as machines of a real site are: one engine works for both.
describe('a whole life', { concurrency: 2 }, () => {
  for (const firmware of ['bios', 'uefi'] as const) {
    describe(`a whole life, ${firmware}`, { concurrency: 1 }, () => wholeLife(firmware));
  }
});

describe('the end', () => {
  part('existing', 'the machine that ran all along was never touched', 30, async (lab) => {
    assert.deepEqual(lab.host('existing').machine.observe(), existing);
    const { stdout } = { stdout: await lab.kubectl.run(['get', 'bmh', 'existing', '-o', 'json']) };
    const host = JSON.parse(stdout) as BareMetalHost;
    assert.equal(host.status?.provisioning.state, 'externally provisioned');
    assert.equal(host.status?.errorMessage, '');
  });

  part('engine', 'each image was fetched once, for both machines', 30, async (lab) => {
    for (const image of lab.images.values()) assert.equal(image.bytesSent, (await stat(image.file)).size, image.file);
  });

  part('engine', 'the engine ends by a signal, with code 0', 30, async (lab) => {
    assert.equal(await lab.stopEngine(), 0);
  });
});

function wholeLife(name: Firmware): void {
  part(name, 'registered, inspected, available', 300, async (lab) => {
    await (name === 'bios' ? enrolAndDisturb(lab, name) : lab.enrol(name));
    await lab.untilState(name, 'available', 280);
    await hardwareIsRight(lab, name);
    assert.match(await lab.explain(name), /is available, powered on\. Nothing is under way\./);
  });

  part(name, 'its console is recorded from the firmware to the agent, without secrets', 30, async (lab) => {
    const agent = /ingot-agent: registered as host[^]*ingot-agent: task done/;
    await until('the agent in the recording', 10, async () => agent.test(await recorded(lab, name)));
    const boot = await recorded(lab, name);
    assert.match(boot, /iPXE 1\.[^]*script\.ipxe[^]*Linux version[^]*command line:[^]*ingot-ramdisk: kernel/);
    if (name === 'bios') {
      assert.match(boot, /^\[ingot \S+: the machine has started again by itself\]\n+SeaBIOS/);
      assert.match(await recorded(lab, name, 1), /^\[ingot \S+: boot 1 into the ramdisk\]\n+SeaBIOS[^]*iPXE 1\./);
    } else assert.match(boot, /^\[ingot \S+: boot 1 into the ramdisk\]\n/);
    await assertNoSecrets(lab, name);
    assert.match(
      await lab.explain(name),
      /End of its recorded console, \d+ s ago:\n(?: {2}.*\n)* {2}ingot-agent: task done/,
    );
  });

  part(name, 'provisioned; its own system calls back with what it was given', 240, async (lab) => {
    const metaData = 'role: e2e\nlocal-hostname: renamed\n';
    const networkData = 'links:\n  - id: eth0\n    type: phy\n    mtu: 1450\n';
    const { host, userData } = await provisionAndCallBack(lab, name, 'first', { metaData, networkData });
    const uuid = host.metadata.uid;
    const file = (path: string) => configDriveFile(lab.disk(name), `openstack/latest/${path}`);
    assert.equal(await file('user_data'), userData);
    assert.deepEqual(JSON.parse(await file('network_data.json')), { links: [{ id: 'eth0', type: 'phy', mtu: 1450 }] });
    assert.deepEqual(JSON.parse(await file('meta_data.json')), {
      uuid,
      'metal3-namespace': 'default',
      'metal3-name': name,
      'local-hostname': 'renamed',
      local_hostname: name,
      name,
      role: 'e2e',
    });
  });

  part(name, 'a reboot by annotation', 120, async (lab) => {
    const host = lab.host(name);
    const { powerOns } = host.machine.observe();
    const from = await consoleMark(host);
    await lab.kubectl.run(['annotate', 'bmh', name, 'reboot.metal3.io=']);
    await waitConsole(host, /TINY: ready/, 100, from);
    const after = await lab.until(name, 'the annotation to go', 20, (h) => {
      return h.metadata.annotations?.['reboot.metal3.io'] === undefined && h.status?.poweredOn === true;
    });
    assert.equal(host.machine.observe().powerOns, powerOns + 1);
    assert.equal(after.status?.provisioning.state, 'provisioned');
  });

  part(name, 'its firmware asks the network first for ever, and it boots its disk', 180, async (lab) => {
    const host = lab.host(name);
    const before = await lab.progress(name);
    const from = await consoleMark(host);
    await host.machine.setBootFlags({ valid: true, persistent: true, efi: name === 'uefi', device: 'pxe' });
    await host.machine.cycle();
    await waitConsole(host, new RegExp(`Ingot: default/${name} boots its disk`), 90, from);
    await waitConsole(host, /TINY: ready/, 90, from);
    assert.equal((await lab.progress(name)).attempt, before.attempt, 'it was not booted into the ramdisk');
  });

  part(name, 'another image takes its place', 300, async (lab) => {
    const host = lab.host(name);
    const from = await consoleMark(host);
    await lab.patch(name, { image: lab.spec('second') });
    await lab.until(name, 'the second image', 280, (h) => {
      return (
        h.status?.provisioning.state === 'provisioned' && h.status.provisioning.image?.url === lab.image('second').url
      );
    });
    await waitConsole(host, /TINY: called back[^]*TINY: ready/, 90, from);
  });

  part(name, 'without an image its disk is wiped', 200, async (lab) => {
    const { operationHistory } = (await deprovisionAndFindWiped(lab, name)).status ?? {};
    for (const kind of ['register', 'inspect', 'provision', 'deprovision'] as const) {
      assert.ok(operationHistory?.[kind]?.end, `operationHistory.${kind}.end`);
    }
  });

  part(name, 'offline means off, and a deleted host is gone', 90, async (lab) => {
    const { machine } = lab.host(name);
    await lab.patch(name, { online: false });
    await lab.until(name, 'power off', 40, (h) => h.status?.poweredOn === false);
    assert.equal(machine.observe().power, 'off');
    await lab.kubectl.run(['delete', 'bmh', name, '--timeout=40s']);
    for (const kind of ['bmh', 'hostprogress', 'hardwaredata']) {
      await until(
        `${kind} to be collected`,
        15,
        async () => !(await lab.kubectl.run(['get', kind])).includes(`${name} `),
      );
    }
    assert.equal(machine.observe().power, 'off');
  });
}

async function hardwareIsRight(lab: FullLab, name: Firmware): Promise<void> {
  const machine = lab.host(name);
  const host = await lab.kubectl.get<BareMetalHost>('bmh', name);
  const hardware = host.status?.hardware;
  const data = await lab.kubectl.get<HardwareData>('hardwaredata', name);
  assert.deepEqual(data.spec.hardware, hardware);
  assert.equal(hardware?.ramMebibytes, MEMORY_MIB);
  assert.equal(hardware.cpu.arch, 'x86_64');
  assert.equal(hardware.cpu.count, 1);
  assert.match(hardware.cpu.model ?? '', /./);
  assert.ok(hardware.cpu.flags?.includes('sse2'));
  assert.deepEqual(hardware.systemVendor, {
    manufacturer: 'Ingot',
    productName: 'Virtual machine',
    serialNumber: name,
  });
  assert.match(hardware.firmware.bios.vendor ?? '', name === 'uefi' ? /EFI Development Kit/ : /SeaBIOS/);
  const nics = hardware.nics ?? [];
  assert.ok(nics.length > 0 && nics.every((nic) => nic.mac === machine.mac && nic.pxe === true), JSON.stringify(nics));
  assert.ok(
    nics.some((nic) => /^10\.77\.0\.(1\d\d|200)$/.test(nic.ip ?? '')),
    JSON.stringify(nics),
  );
  assert.match(nics[0]?.model ?? '', /^0x1af4 0x/);
  const [disk, ...others] = hardware.storage ?? [];
  assert.equal(others.length, 0);
  assert.equal(disk?.serialNumber, machine.diskSerial);
  assert.equal(disk.sizeBytes, DISK_BYTES);
}

/** DHCP packets about one machine, in both directions, as tcpdump tells them. */
async function listen(lab: FullLab, mac: string): Promise<string[]> {
  const lines: string[] = [];
  const hex = mac.replaceAll(':', '');
  // chaddr is at byte 28 of the DHCP message, after 8 bytes of UDP header (RFC 2131, section 2).
  const about = `udp and (port 67 or port 68) and udp[36:4] = 0x${hex.slice(0, 8)} and udp[40:2] = 0x${hex.slice(8)}`;
  const said = lab.run('tcpdump', ['-n', '-l', '-i', lab.lab.network.bridge, about], (line) => lines.push(line));
  await until('tcpdump to listen', 10, () => said().includes('listening on'));
  return lines;
}
