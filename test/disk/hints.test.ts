import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DiskFacts } from '../../src/agent-protocol/messages.ts';
import type { RootDeviceHints } from '../../src/api/hardware.ts';
import type { PinnedDisk } from '../../src/api/hostprogress.ts';
import { diskErrors } from '../../src/disk/errors.ts';
import { chooseDisk } from '../../src/disk/hints.ts';
import { findPinned, matchPin, pinDisk } from '../../src/disk/pin.ts';

const GIB = 2 ** 30;
const sda: DiskFacts = {
  name: '/dev/sda',
  byPath: '/dev/disk/by-path/pci-0000:00:1f.2-ata-1',
  sizeBytes: 500 * GIB,
  logicalSectorBytes: 512,
  rotational: true,
  model: 'ST500DM002-1BD14',
  vendor: 'ATA     ',
  serial: 'Z3T0AAAA',
  wwn: '0x5000c5006a2b3c4d',
  wwnWithExtension: '0x5000c5006a2b3c4d',
  hctl: '0:0:0:0',
};
const nvme: DiskFacts = {
  name: '/dev/nvme0n1',
  sizeBytes: 480 * GIB,
  logicalSectorBytes: 512,
  rotational: false,
  model: 'INTEL SSDPE2KX040T8',
  serial: 'PHLJ1',
  wwn: 'eui.01000000',
};
const stick: DiskFacts = {
  name: '/dev/sdb',
  sizeBytes: 2 * GIB,
  logicalSectorBytes: 512,
  rotational: false,
  hctl: '6:0:0:0',
};
const all = [sda, nvme, stick];

function chosen(hints: RootDeviceHints | undefined, disks = all): string {
  const choice = chooseDisk(hints, disks);
  return choice.ok ? choice.disk.name : choice.error.message;
}

describe('root device hints', () => {
  const table: [RootDeviceHints | undefined, string][] = [
    [undefined, '/dev/nvme0n1'],
    [{}, '/dev/nvme0n1'],
    [{ deviceName: '/dev/sda' }, '/dev/sda'],
    [{ deviceName: '/dev/disk/by-path/PCI-0000:00:1f.2-ata-1' }, '/dev/sda'],
    [{ hctl: '6:0:0:0' }, '/dev/sdb'],
    [{ model: 'intel' }, '/dev/nvme0n1'],
    [{ vendor: 'ata' }, '/dev/sda'],
    [{ serialNumber: 'z3t0aaaa' }, '/dev/sda'],
    [{ minSizeGigabytes: 490 }, '/dev/sda'],
    [{ minSizeGigabytes: 0, model: 'st500' }, '/dev/sda'],
    [{ wwn: '0x5000C5006A2B3C4D' }, '/dev/sda'],
    [{ wwnWithExtension: '0x5000c5006a2b3c4d' }, '/dev/sda'],
    [{ rotational: false }, '/dev/nvme0n1'],
    [{ rotational: false, hctl: '6:0:0:0' }, '/dev/sdb'],
    [{ rotational: true, model: '' }, '/dev/sda'],
  ];
  for (const [hints, name] of table) {
    it(`${JSON.stringify(hints)} chooses ${name}`, () => assert.equal(chosen(hints), name));
  }

  it('takes the first match in the order of the agent', () => {
    assert.equal(chosen({ minSizeGigabytes: 1 }, [stick, sda]), '/dev/sdb');
  });

  it('knows a disk by every by-path link that udev gives it', () => {
    const ata = { ...sda, byPath: `${sda.byPath}.0`, byPathAlternates: [`${sda.byPath}`] };
    for (const deviceName of [ata.byPath, `${sda.byPath}`]) {
      assert.deepEqual(chooseDisk({ deviceName }, [nvme, ata]), { ok: true, disk: ata });
    }
    const other = chooseDisk({ deviceName: `${sda.byPath}.1` }, [ata]);
    assert.ok(!other.ok && other.refusals[0]?.reason === `by-path link is "${ata.byPath}"`);
  });

  it('breaks ties of the smallest disk by name', () => {
    const b = { ...nvme, name: '/dev/nvme1n1' };
    assert.equal(chosen(undefined, [b, nvme]), '/dev/nvme0n1');
  });

  it('explains a refusal disk by disk', () => {
    const choice = chooseDisk({ serialNumber: 'NOPE', rotational: false }, all);
    assert.ok(!choice.ok);
    assert.equal(choice.error.code, 'DISK_NO_MATCH');
    assert.deepEqual(choice.refusals, [
      { disk: '/dev/sda', reason: 'serial number is "Z3T0AAAA"' },
      { disk: '/dev/nvme0n1', reason: 'serial number is "PHLJ1"' },
      { disk: '/dev/sdb', reason: 'it has no serial number' },
    ]);
    assert.match(
      choice.error.message,
      /spec\.rootDeviceHints \(serialNumber: "NOPE", rotational: false\): \/dev\/sda: /,
    );
  });

  it('says that a host without disks has none', () => {
    assert.match(chosen({ model: 'x' }, []), /the host has no disks/);
    assert.match(chosen(undefined, [stick]), /at least 4 GiB.*\/dev\/sdb: it has 2 GiB/);
  });
});

describe('disk pin', () => {
  it('keeps what identifies a disk and finds it again under another name', () => {
    const pin: PinnedDisk = pinDisk(sda);
    assert.deepEqual(pin, {
      name: '/dev/sda',
      sizeBytes: sda.sizeBytes,
      serial: 'Z3T0AAAA',
      wwn: '0x5000c5006a2b3c4d',
      byPath: sda.byPath,
    });
    const moved = { ...sda, name: '/dev/sdc', byPath: '/dev/disk/by-path/other' };
    assert.equal(findPinned(pin, [nvme, moved]).name, '/dev/sdc');
  });

  it('refuses a disk that cannot be told from another', () => {
    assert.throws(
      () => pinDisk(stick),
      (e) => diskErrors.is(e, 'DISK_NO_IDENTITY'),
    );
    assert.equal(pinDisk({ ...stick, byPath: '/dev/disk/by-path/usb' }).byPath, '/dev/disk/by-path/usb');
  });

  it('does not take an exchanged disk for the pinned one', () => {
    const pin = pinDisk(sda);
    assert.deepEqual(matchPin(pin, { ...sda, serial: 'OTHER' }), {
      ok: false,
      reason: 'serial is OTHER, pinned was Z3T0AAAA',
    });
    assert.equal(matchPin(pin, { ...sda, sizeBytes: 1 }).ok, false);
    assert.equal(matchPin(pinDisk({ ...stick, byPath: 'a' }), { ...stick, byPath: 'b' }).ok, false);
    assert.equal(matchPin({ name: '/dev/sdb', sizeBytes: stick.sizeBytes }, stick).ok, false);
    assert.throws(
      () => findPinned(pin, [nvme, stick]),
      (e) => diskErrors.is(e, 'DISK_PIN_MISMATCH'),
    );
  });

  it('decides between two paths to one disk by the by-path link, else refuses', () => {
    const pin = pinDisk(sda);
    const other = { ...sda, name: '/dev/sdx', byPath: 'elsewhere' };
    assert.equal(findPinned(pin, [other, sda]).name, '/dev/sda');
    const noPath: PinnedDisk = { name: pin.name, sizeBytes: pin.sizeBytes, serial: 'Z3T0AAAA' };
    assert.throws(() => findPinned(noPath, [other, sda]), /all have its identity/);
  });
});
