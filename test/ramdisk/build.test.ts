import assert from 'node:assert/strict';
import test from 'node:test';
import { packCpio } from '../../src/disk/cpio.ts';
import { findIcuItems, isDispensable, pruneIcu } from '../../images/ramdisk/icu.ts';
import { moduleName, selectModules } from '../../images/ramdisk/modules.ts';

/** Fields of a newc header, read without the writer's help. */
function readCpio(archive: Uint8Array) {
  const file = Buffer.from(archive);
  const entries: { name: string; mode: number; uid: number; mtime: number; rdev: number[]; data: string }[] = [];
  for (let at = 0; ;) {
    assert.equal(file.toString('latin1', at, at + 6), '070701');
    const field = (n: number) => Number.parseInt(file.toString('latin1', at + 6 + n * 8, at + 14 + n * 8), 16);
    const name = file.toString('utf8', at + 110, at + 110 + field(11) - 1);
    const dataAt = Math.ceil((at + 110 + field(11)) / 4) * 4;
    if (name === 'TRAILER!!!') return entries;
    const data = file.toString('utf8', dataAt, dataAt + field(6));
    entries.push({ name, mode: field(1), uid: field(2), mtime: field(5), rdev: [field(9), field(10)], data });
    at = Math.ceil((dataAt + field(6)) / 4) * 4;
  }
}

test('an archive is sorted, timeless and has all parent folders', () => {
  const archive = packCpio([
    { path: 'usr/bin/node', kind: 'file', mode: 0o755, data: Buffer.from('elf') },
    { path: 'bin/sh', kind: 'link', target: 'busybox' },
    { path: 'dev/console', kind: 'char', major: 5, minor: 1 },
  ]);
  const entries = readCpio(archive);
  assert.deepEqual(
    entries.map((e) => [e.name, e.mode.toString(8), e.data]),
    [
      ['bin', '40755', ''],
      ['bin/sh', '120777', 'busybox'],
      ['dev', '40755', ''],
      ['dev/console', '20600', ''],
      ['usr', '40755', ''],
      ['usr/bin', '40755', ''],
      ['usr/bin/node', '100755', 'elf'],
    ],
  );
  assert.deepEqual(entries[3]?.rdev, [5, 1]);
  assert.ok(entries.every((e) => e.uid === 0 && e.mtime === 0));
});

test('the order in which entries come does not matter', () => {
  const a = { path: 'a', kind: 'file' as const, data: Buffer.from('1') };
  const b = { path: 'b/c', kind: 'dir' as const };
  assert.deepEqual(packCpio([a, b]), packCpio([b, a]));
});

const DEP = `kernel/net/core/failover.ko:
kernel/drivers/net/net_failover.ko: kernel/net/core/failover.ko
kernel/drivers/net/virtio_net.ko: kernel/drivers/net/net_failover.ko kernel/net/core/failover.ko
kernel/drivers/ata/libata.ko.xz:
kernel/drivers/ata/sd-mod.ko.xz: kernel/drivers/ata/libata.ko.xz
`;

test('modules bring what they need; built-in ones need no file', () => {
  assert.deepEqual(selectModules(DEP, 'kernel/net/packet/af_packet.ko\n', ['virtio_net', 'af_packet']), [
    'kernel/drivers/net/net_failover.ko',
    'kernel/drivers/net/virtio_net.ko',
    'kernel/net/core/failover.ko',
  ]);
  assert.equal(selectModules(DEP, '', ['sd_mod']).length, 2, 'dashes and underscores are the same');
  assert.throws(() => selectModules(DEP, '', ['e1000']), /e1000 does not exist/);
  assert.equal(moduleName('kernel/drivers/net/virtio-net.ko.zst'), 'virtio_net');
});

/** A data library as ICU lays it out, with some program before it. */
function icuProgram(items: Record<string, string>): Buffer {
  const names = Object.keys(items);
  const header = Buffer.alloc(32);
  header.writeUInt16LE(32, 0);
  header.set([0xda, 0x27], 2);
  header.write('CmnD', 12, 'latin1');
  const toc = Buffer.alloc(4 + names.length * 8);
  toc.writeUInt32LE(names.length, 0);
  const strings = names.map((n) => `${n}\0`).join('');
  let nameAt = toc.length;
  let dataAt = toc.length + strings.length;
  names.forEach((name, i) => {
    toc.writeUInt32LE(nameAt, 4 + i * 8);
    toc.writeUInt32LE(dataAt, 8 + i * 8);
    nameAt += name.length + 1;
    dataAt += items[name]?.length ?? 0;
  });
  return Buffer.concat([
    Buffer.from('some program CmnD more'),
    header,
    toc,
    Buffer.from(strings + Object.values(items).join('')),
  ]);
}

test('tables of other languages are filled with zeros, everything else stays', () => {
  const program = icuProgram({
    'icudt78l/de.res': 'GERMAN',
    'icudt78l/en.res': 'ENGLISH',
    'icudt78l/zone/fr.res': 'FRENCH',
    'icudt78l/zzz.icu': 'LAST',
  });
  const before = program.toString('latin1');
  assert.deepEqual(
    findIcuItems(program).map((i) => [i.name, i.bytes]),
    [
      ['icudt78l/de.res', 6],
      ['icudt78l/en.res', 7],
      ['icudt78l/zone/fr.res', 6],
    ],
  );
  assert.equal(pruneIcu(program), 12);
  assert.equal(program.toString('latin1'), before.replace('GERMAN', '\0'.repeat(6)).replace('FRENCH', '\0'.repeat(6)));
  assert.throws(() => findIcuItems(Buffer.from('no CmnD here, only a text that is long enough')), /no ICU data/);
});

test('what the agent needs of ICU is not dispensable', () => {
  for (const keep of ['root.res', 'zoneinfo64.res', 'coll/root.res', 'coll/ucadata.icu', 'nfkc.nrm', 'pool.res']) {
    assert.equal(isDispensable(`icudt78l/${keep}`), false, keep);
  }
  for (const drop of ['de_AT.res', 'ibm-37.cnv', 'brkitr/thaidict.dict', 'unames.icu', 'rbnf/root.res']) {
    assert.equal(isDispensable(`icudt78l/${drop}`), true, drop);
  }
});
