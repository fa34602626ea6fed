import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import test from 'node:test';
import fc from 'fast-check';
import { byPathNames } from '../../src/agent/inspect/disk-path.ts';
import { readDisks } from '../../src/agent/inspect/disks.ts';
import { inspectMachine, registerRequest } from '../../src/agent/inspect/inspect.ts';
import { predictableName } from '../../src/agent/inspect/nic-name.ts';
import { nicDetails, readNics } from '../../src/agent/inspect/nics.ts';
import { installedMebibytes, parseSmbios } from '../../src/agent/inspect/smbios.ts';
import { parseCpuinfo, readSystemVendor } from '../../src/agent/inspect/system.ts';
import { systemTree } from '../../src/agent/inspect/tree.ts';
import { parseVpd80, parseVpd83 } from '../../src/agent/inspect/wwn.ts';
import { systemClock } from '../../src/core/clock.ts';
import { type SysfsCapture, capturedTree } from '../support/sysfs.ts';

const capture = (name: string): SysfsCapture =>
  JSON.parse(readFileSync(new URL(`../fixtures/sysfs/${name}.json`, import.meta.url), 'utf8'));

const doors = (name: string) => ({
  tree: capturedTree(capture(name)),
  addresses: () => ({
    lo: [{ family: 'IPv4', address: '127.0.0.1' }],
    eth1: [
      { family: 'IPv6', address: 'fe80::5054:ff:fe12:0' },
      { family: 'IPv6', address: '2001:db8::15' },
      { family: 'IPv4', address: '10.0.2.15' },
    ],
  }),
  hostname: () => 'node-0.lab',
  arch: 'x86_64',
  clock: systemClock,
});

test('a captured machine with every kind of disk is inspected in full', async () => {
  const { hardware, disks } = await inspectMachine(
    doors('q35-all-disks'),
    '52:54:00:12:00:00',
    AbortSignal.timeout(5000),
  );
  assert.deepEqual(hardware.systemVendor, { manufacturer: 'Ingot', productName: 'Virtual', serialNumber: 'SN0001' });
  assert.equal(hardware.firmware.bios.vendor, 'SeaBIOS');
  assert.equal(hardware.ramMebibytes, 768);
  assert.equal(hardware.hostname, 'node-0.lab');
  assert.equal(hardware.cpu.count, 1);
  assert.ok(hardware.cpu.flags?.includes('sse2'));
  assert.deepEqual(
    hardware.nics?.map((n) => [n.name, n.ip, n.pxe ?? false, n.model, n.pciAddress]),
    [
      ['enp0s1', '10.0.2.15', true, '0x1af4 0x0001', '0000:00:01.0'],
      ['enp0s1', '2001:db8::15', true, '0x1af4 0x0001', '0000:00:01.0'],
      ['enp0s10', undefined, false, '0x8086 0x10d3', '0000:00:0a.0'],
    ],
  );
  assert.deepEqual(
    disks.map((d) => [d.name, d.byPath?.slice(18), d.serial, d.sizeBytes, d.hctl]),
    [
      ['/dev/nvme0n1', 'pci-0000:00:08.0-nvme-1', 'NVME0001', 64 << 20, undefined],
      ['/dev/sda', 'pci-0000:00:1f.2-ata-3.0', 'ATA0001', 64 << 20, '2:0:0:0'],
      ['/dev/sdb', 'pci-0000:00:09.0-scsi-0:0:0:0', 'SCSI0001', 64 << 20, '6:0:0:0'],
      ['/dev/vda', 'pci-0000:00:02.0', 'DISK0001', 256 << 20, undefined],
    ],
  );
  assert.deepEqual(
    hardware.storage?.map((d) => [d.type, d.alternateNames?.length, d.name === d.alternateNames?.[1]]),
    [
      ['NVME', 2, true],
      ['HDD', 3, true],
      ['HDD', 2, true],
      ['HDD', 3, true],
    ],
  );
  assert.deepEqual(
    disks.map((d) => d.byPathAlternates?.map((path) => path.slice(18))),
    [undefined, ['pci-0000:00:1f.2-ata-3'], undefined, ['virtio-pci-0000:00:02.0']],
  );
});

test('the CD drive, removable and read-only disks are not offered', async () => {
  const machine = capture('q35-all-disks');
  assert.ok(machine.lists['/sys/block']?.includes('sr0'), 'the capture has a CD drive');
  const names = async () => (await readDisks(capturedTree(machine))).map((d) => d.name);
  assert.deepEqual(await names(), ['/dev/nvme0n1', '/dev/sda', '/dev/sdb', '/dev/vda']);
  const change = (suffix: string, text: string) => {
    const path = Object.keys(machine.files).find((p) => p.endsWith(suffix));
    assert.ok(path !== undefined, suffix);
    machine.files[path] = Buffer.from(text).toString('base64');
  };
  change('/block/sda/removable', '1\n');
  change('/block/vda/ro', '1\n');
  change('/nvme0/nvme0n1/size', '0\n');
  assert.deepEqual(await names(), ['/dev/sdb']);
});

test('the register message carries identity, cards and addresses', async () => {
  const boot = { token: 't', bootMac: undefined, agentVersion: '1' };
  const request = await registerRequest(doors('q35-all-disks'), boot);
  assert.equal(request.bootMac, '52:54:00:12:00:00', 'without BOOTIF: the card with an address');
  assert.equal(request.smbios.uuid, '11111111-2222-4333-8444-555555555555');
  assert.equal(request.firmware, 'bios');
  assert.deepEqual(request.nics[0], { name: 'enp0s1', mac: '52:54:00:12:00:00', ips: ['10.0.2.15', '2001:db8::15'] });
  assert.deepEqual(request.nics[1]?.ips, []);
  assert.equal(request.bootId, undefined, 'the capture has none');
});

test('the register message tells one boot from another', async () => {
  const machine = capture('q35-all-disks');
  const path = '/proc/sys/kernel/random/boot_id';
  machine.links[path] = path;
  machine.files[path] = Buffer.from('0f3c9a52-7f0e-4a45-8f0b-5d2c0c1d7e01\n').toString('base64');
  const boot = { token: 't', bootMac: undefined, agentVersion: '1' };
  const request = await registerRequest({ ...doors('q35-all-disks'), tree: capturedTree(machine) }, boot);
  assert.equal(request.bootId, '0f3c9a52-7f0e-4a45-8f0b-5d2c0c1d7e01');
});

test('a card without an address has one entry; speed is whole Gbit/s', () => {
  const nic = { name: 'eno1', kernelName: 'eth0', mac: '02:00:00:00:00:01' };
  const entry = (speedMbps: number) => nicDetails([{ ...nic, speedMbps }], {}, undefined);
  assert.deepEqual(entry(2500), [{ name: 'eno1', mac: nic.mac, speedGbps: 2 }]);
  assert.deepEqual(entry(100), [{ name: 'eno1', mac: nic.mac }]);
});

test('cards made of software are left out', async () => {
  const nics = await readNics(capturedTree(capture('q35-all-disks')));
  assert.deepEqual(
    nics.map((n) => n.name),
    ['enp0s1', 'enp0s10'],
  );
});

test('a product with a SKU carries it in brackets; placeholders count as nothing', async () => {
  const root = mkdtempSync(join(tmpdir(), 'ingot-sysfs-'));
  try {
    const put = (path: string, text: string) => {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    };
    put('sys/devices/virtual/dmi/id/sys_vendor', 'HPE\n');
    put('sys/devices/virtual/dmi/id/product_name', 'ProLiant DL380 Gen10\n');
    put('sys/devices/virtual/dmi/id/product_sku', '868703-B21 \n');
    put('sys/devices/virtual/dmi/id/product_serial', 'To be filled by O.E.M.\n');
    mkdirSync(join(root, 'sys/class/dmi'), { recursive: true });
    symlinkSync('../../devices/virtual/dmi/id', join(root, 'sys/class/dmi/id'));
    assert.deepEqual(await readSystemVendor(systemTree(root)), {
      manufacturer: 'HPE',
      productName: 'ProLiant DL380 Gen10 (868703-B21)',
    });
    assert.equal(await systemTree(root).real('/sys/class/dmi/id'), '/sys/devices/virtual/dmi/id');
  } finally {
    rmSync(root, { recursive: true });
  }
});

test('network names follow udev: onboard, slot, path', () => {
  const name = (pciAddress: string, more: object = {}) =>
    predictableName({ pciAddress, multifunction: false, ...more });
  assert.equal(name('0000:01:00.0'), 'enp1s0');
  assert.equal(name('0000:3b:00.1', { multifunction: true, portName: 'p1' }), 'enp59s0f1np1');
  assert.equal(name('0000:3b:00.0', { multifunction: true }), 'enp59s0f0');
  assert.equal(name('0000:00:03.0', { slot: 3 }), 'ens3');
  assert.equal(name('0000:02:00.0', { onboardIndex: 1, slot: 7 }), 'eno1');
  assert.equal(name('0000:02:00.0', { onboardIndex: 20000, devPort: 1 }), 'enp2s0d1');
  assert.equal(name('0001:02:00.0'), 'enP1p2s0');
  assert.equal(name('0000:02:00.0', { portName: 'a-very-long-port' }), undefined, 'longer than the kernel takes');
  assert.equal(name('usb1'), undefined);
});

test('by-path names follow udev', () => {
  const pci = '/sys/devices/pci0000:00/0000:00:1c.0/0000:03:00.0';
  const names = (below: string, more: object = {}) => byPathNames({ sysPath: `${pci}/${below}`, ...more });
  assert.deepEqual(names('virtio1/block/vda'), ['pci-0000:03:00.0', 'virtio-pci-0000:03:00.0']);
  assert.deepEqual(names('nvme/nvme0/nvme0n2', { namespaceId: 2 }), ['pci-0000:03:00.0-nvme-2']);
  assert.deepEqual(names('ata5/host4/target4:0:1/4:0:1:0/block/sdb', { ataPort: 3 }), [
    'pci-0000:03:00.0-ata-3.1',
    'pci-0000:03:00.0-ata-3',
  ]);
  const scsi = 'host7/target7:2:0/7:2:0:1/block/sdc';
  assert.deepEqual(names(scsi, { firstHost: 6 }), ['pci-0000:03:00.0-scsi-1:2:0:1']);
  assert.deepEqual(names('usb2/2-1/2-1.4/2-1.4:1.0/host8/target8:0:0/8:0:0:0/block/sdd', { firstHost: 8 }), [
    'pci-0000:03:00.0-usb-0:1.4:1.0-scsi-0:0:0:0',
  ]);
  assert.deepEqual(names('host0/port-0:0/end_device-0:0/target0:0:0/0:0:0:0/block/sda'), [], 'SAS is named otherwise');
  assert.deepEqual(byPathNames({ sysPath: '/sys/devices/platform/x/mmc0/block/mmcblk0' }), []);
});

test('world-wide names out of SCSI pages', () => {
  // QEMU scsi-hd with serial=SCSI0001 and wwn=0x5000c500aaaaaaaa, read from a machine.
  const page83 = Buffer.from('0083001c0200000853435349303030310103000850 00c500aaaaaaaa'.replaceAll(' ', ''), 'hex');
  page83[3] = page83.length - 4;
  assert.deepEqual(parseVpd83(page83), { wwn: '0x5000c500aaaaaaaa', wwnWithExtension: '0x5000c500aaaaaaaa' });
  const naa6 = Buffer.from(`0083001401030010600508b400105e210000900000490000`, 'hex');
  assert.deepEqual(parseVpd83(naa6), {
    wwn: '0x600508b400105e21',
    wwnVendorExtension: '0x0000900000490000',
    wwnWithExtension: '0x600508b400105e210000900000490000',
  });
  assert.equal(parseVpd80(Buffer.from('00800008 53435349303030 31'.replaceAll(' ', ''), 'hex')), 'SCSI0001');
  assert.equal(parseVpd80(Buffer.from('0080000420202020', 'hex')), undefined);
});

test('hostile SCSI pages and SMBIOS tables never throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      bytes[1] = 0x83;
      parseVpd83(bytes);
      bytes[1] = 0x80;
      parseVpd80(bytes);
      installedMebibytes(parseSmbios(bytes));
    }),
    { numRuns: 2000 },
  );
});

test('memory modules are summed: MiB, KiB, extended sizes, empty slots', () => {
  const module = (size: number, extended = 0) => {
    const data = Buffer.alloc(0x28);
    data.writeUInt8(17, 0);
    data.writeUInt8(0x28, 1);
    data.writeUInt16LE(size, 0x0c);
    data.writeUInt32LE(extended, 0x1c);
    return Buffer.concat([data, Buffer.from('DIMM 0\0\0')]);
  };
  const end = Buffer.from([127, 4, 0, 0, 0, 0]);
  const table = Buffer.concat([
    module(16384),
    module(0),
    module(0xffff),
    module(0x8000 | 2048),
    module(0x7fff, 65536),
    end,
  ]);
  assert.equal(installedMebibytes(parseSmbios(table)), 16384 + 2 + 65536);
  assert.equal(installedMebibytes(parseSmbios(end)), undefined);
});

test('CPUs of /proc/cpuinfo: threads are counted, flags sorted', () => {
  const one = (n: number) => `processor\t: ${n}\nmodel name\t: Xeon\ncpu MHz\t\t: 2100.123\nflags\t\t: vmx aes aes\n\n`;
  assert.deepEqual(parseCpuinfo(one(0) + one(1)), {
    count: 2,
    model: 'Xeon',
    currentMhz: 2100.123,
    flags: ['aes', 'vmx'],
  });
});
