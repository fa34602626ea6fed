import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import {
  firmwarePath,
  parseBootCsv,
  parseBootEntries,
  staleEntries,
  startsLoader,
} from '../../src/agent/finish/boot-entry.ts';
import { FALLBACK_LABEL, findLoader } from '../../src/agent/finish/esp.ts';
import { bootLayout, checkBiosBoot, partitionNode } from '../../src/agent/finish/firmware-boot.ts';
import { partitionNodes } from '../../src/agent/tasks.ts';
import { capturedTree } from '../support/sysfs.ts';

/** `efibootmgr -v` (17) in the ramdisk under OVMF. */
const LISTING = `BootCurrent: 0001
Timeout: 0 seconds
BootOrder: 0003,0000,0001
Boot0000* UiApp\tFvVol(7cb8bdc9-f8eb-4f34-aaea-3ee4af6516a1)/FvFile(462caa21-7614-4503-836e-8ab6f4662331)
Boot0001  UEFI Misc Device\tPciRoot(0x0)/Pci(0x2,0x0){auto_created_boot_option}
Boot0003* Test Linux\tHD(1,GPT,7e3b8d4a-0c4c-4f49-a2f0-93d38f86dcf5,0x800,0x8000)/File(\\EFI\\testos\\grubx64.efi)
`;

test('firmware entries are read as efibootmgr prints them', () => {
  const entries = parseBootEntries(LISTING);
  assert.deepEqual(
    entries.map((e) => [e.id, e.label]),
    [
      ['0000', 'UiApp'],
      ['0001', 'UEFI Misc Device'],
      ['0003', 'Test Linux'],
    ],
  );
  assert.deepEqual(
    staleEntries(entries, 'Test Linux').map((e) => e.id),
    ['0003'],
  );
  const [, , linux] = entries;
  assert.ok(linux !== undefined);
  assert.ok(startsLoader(linux, '7E3B8D4A-0C4C-4F49-A2F0-93D38F86DCF5', 'EFI/testos/grubx64.efi'));
  assert.ok(!startsLoader(linux, '00000000-0C4C-4F49-A2F0-93D38F86DCF5', 'EFI/testos/grubx64.efi'));
});

test('a vendor’s CSV names loader and label', () => {
  const csv = (text: string) => parseBootCsv(Buffer.from(text, 'utf16le'));
  assert.deepEqual(csv('\uFEFFshimx64.efi,debian,,This is the boot entry for debian\n'), {
    loader: 'shimx64.efi',
    label: 'debian',
  });
  assert.deepEqual(csv('grubx64.efi\r\n'), { loader: 'grubx64.efi', label: 'grubx64.efi' });
  assert.equal(csv('..\\..\\evil.efi,x\n'), undefined, 'a path is not a file name');
  assert.equal(csv(''), undefined);
  assert.equal(firmwarePath('EFI/debian/shimx64.efi'), '\\EFI\\debian\\shimx64.efi');
});

test('loaders are found without regard to case: CSV first, then the fallback path', async () => {
  const root = mkdtempSync(join(tmpdir(), 'ingot-esp-'));
  try {
    assert.equal(await findLoader(root), undefined);
    mkdirSync(join(root, 'efi/Boot'), { recursive: true });
    writeFileSync(join(root, 'efi/Boot/bootx64.efi'), 'x');
    assert.deepEqual(await findLoader(root), { file: 'efi/Boot/bootx64.efi', label: FALLBACK_LABEL });
    mkdirSync(join(root, 'efi/debian'));
    writeFileSync(join(root, 'efi/debian/bootx64.csv'), Buffer.from('shimx64.efi,debian,,\n', 'utf16le'));
    assert.equal((await findLoader(root))?.label, FALLBACK_LABEL, 'the file it names is not there');
    writeFileSync(join(root, 'efi/debian/SHIMX64.EFI'), 'x');
    assert.deepEqual(await findLoader(root), { file: 'efi/debian/SHIMX64.EFI', label: 'debian' });
  } finally {
    rmSync(root, { recursive: true });
  }
});

test('a boot sector needs code and signature', () => {
  const head = new Uint8Array(1 << 20);
  const check = () => checkBiosBoot('/dev/vda', bootLayout(head, 512));
  const refused = (what: RegExp) =>
    assert.throws(check, (e: Error & { code?: string }) => e.code === 'AGENT_NO_BOOT_CODE' && what.test(e.message));
  refused(/no boot signature/);
  head.set([0x55, 0xaa], 510);
  refused(/no boot code/);
  head[0] = 0xeb;
  assert.match(check(), /boot code in the first sector/);
});

test('an MBR disk may have an EFI system partition too', () => {
  const head = new Uint8Array(1 << 20);
  head.set([0x55, 0xaa], 510);
  // Second entry: type EF, LBA 2048, 32768 sectors.
  head.set([0, 0, 0, 0, 0xef, 0, 0, 0, 0, 8, 0, 0, 0, 0x80, 0, 0], 446 + 16);
  assert.deepEqual(bootLayout(head, 512).esp, { number: 2, guid: undefined });
});

test('partition nodes: a p between a digit and the number', () => {
  assert.equal(partitionNode('/dev/vda', 2), '/dev/vda2');
  assert.equal(partitionNode('/dev/nvme0n1', 2), '/dev/nvme0n1p2');
});

test('partitions are the folders that say so', async () => {
  const dir = '/sys/block/vda';
  const tree = capturedTree({
    links: { [dir]: dir, [`${dir}/vda1/partition`]: 'a', [`${dir}/vda2/partition`]: 'b' },
    files: { a: 'MQo=', b: 'Mgo=' },
    lists: { [dir]: ['queue', 'vda1', 'vda2', 'size'] },
  });
  assert.deepEqual(await partitionNodes(tree, '/dev/vda'), ['/dev/vda1', '/dev/vda2']);
});
