import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { diskErrors } from '../../src/disk/errors.ts';
import { encodeGpt } from '../../src/disk/gpt-encode.ts';
import { addPartitionAtEnd, moveBackupToEnd } from '../../src/disk/gpt-edit.ts';
import { type Gpt, parseBackupGpt, parsePrimaryGpt, sameTable } from '../../src/disk/gpt.ts';
import { guidFromBytes, guidToBytes, PARTITION_TYPES } from '../../src/disk/guid.ts';
import { resizeProtectiveMbr } from '../../src/disk/mbr.ts';
import { wireErrors } from '../../src/wire/errors.ts';
import { capturedDisk } from './tables.ts';

function primaryOf(disk: Uint8Array): Gpt {
  const gpt = parsePrimaryGpt(disk.subarray(0, 1 << 20), 512);
  assert.ok(gpt !== undefined);
  return gpt;
}

function applied(disk: Uint8Array, gpt: Gpt): Uint8Array {
  const out = disk.slice();
  const { primary, backup } = encodeGpt(gpt);
  for (const p of [...backup, ...primary]) out.set(p.bytes, p.offset);
  out.set(resizeProtectiveMbr(out.subarray(0, 512), out.length / 512), 0);
  return out;
}

const config2 = {
  bytes: 64 << 20,
  type: PARTITION_TYPES.linux,
  guid: 'AAAAAAAA-0000-0000-0000-000000000004',
  name: 'config-2',
};

describe('GPT', () => {
  it('reads what sgdisk wrote, both copies', () => {
    const disk = capturedDisk('gpt');
    const gpt = primaryOf(disk);
    assert.equal(gpt.diskGuid, '11111111-2222-3333-4444-555555555555');
    assert.deepEqual(
      gpt.partitions.map((p) => [p.number, p.name, p.firstLba, p.lastLba, p.attributes]),
      [
        [1, 'bios', 2048, 4095, 0n],
        [2, 'esp', 4096, 36863, 4n],
        [3, 'root', 36864, 131038, 0n],
      ],
    );
    assert.equal(gpt.partitions[1]?.type, PARTITION_TYPES.efiSystem);
    const backup = parseBackupGpt(disk.subarray(disk.length - 33 * 512), disk.length / 512, 512);
    assert.ok(backup !== undefined && sameTable(gpt, backup));
  });

  it('encodes the same bytes as sgdisk', () => {
    const disk = capturedDisk('gpt');
    const empty = disk.slice();
    empty.fill(0, 512, 34 * 512);
    empty.fill(0, empty.length - 33 * 512);
    assert.equal(Buffer.compare(applied(empty, primaryOf(disk)), disk), 0);
  });

  it('moves the backup to the end of a larger disk as sgdisk -e does', () => {
    const expected = capturedDisk('gptMoved');
    const grown = new Uint8Array(expected.length);
    grown.set(capturedDisk('gpt'));
    const got = applied(grown, moveBackupToEnd(primaryOf(grown), grown.length / 512));
    got.fill(0, (64 << 20) - 33 * 512, 64 << 20);
    expected.fill(0, (64 << 20) - 33 * 512, 64 << 20);
    assert.equal(Buffer.compare(got, expected), 0);
  });

  it('adds config-2 where sgdisk -n 4:-64M:0 puts it', () => {
    const moved = capturedDisk('gptMoved');
    const { gpt, partition } = addPartitionAtEnd(primaryOf(moved), config2);
    assert.deepEqual([partition.number, partition.firstLba, partition.lastLba], [4, 276480, 409566]);
    assert.equal(Buffer.compare(applied(moved, gpt), capturedDisk('gptConfig2')), 0);
  });

  it('refuses a partition where there is no room', () => {
    const gpt = primaryOf(capturedDisk('gpt'));
    assert.throws(
      () => addPartitionAtEnd(gpt, config2),
      (e) => diskErrors.is(e, 'DISK_NO_ROOM'),
    );
    assert.throws(
      () => moveBackupToEnd(gpt, 100_000),
      (e) => diskErrors.is(e, 'DISK_TOO_SMALL'),
    );
  });

  it('finds no table on an empty disk', () => {
    assert.equal(parsePrimaryGpt(new Uint8Array(1 << 20), 512), undefined);
    assert.equal(parseBackupGpt(new Uint8Array(33 * 512), 1000, 512), undefined);
  });

  it('notices every flipped bit of header and entries', () => {
    const head = capturedDisk('gpt').slice(0, 34 * 512);
    const places = fc.oneof(fc.integer({ min: 512 + 8, max: 512 + 91 }), fc.integer({ min: 1024, max: 34 * 512 - 1 }));
    fc.assert(
      fc.property(places, fc.integer({ min: 0, max: 7 }), (at, bit) => {
        const bad = head.slice();
        bad[at] = (bad[at] ?? 0) ^ (1 << bit);
        assert.throws(
          () => parsePrimaryGpt(bad, 512),
          (e) => diskErrors.is(e, 'DISK_GPT_INVALID'),
        );
      }),
    );
  });

  it('survives arbitrary bytes behind the signature', () => {
    const body = fc.uint8Array({ minLength: 504, maxLength: 4096 });
    fc.assert(
      fc.property(body, (bytes) => {
        const head = new Uint8Array(1024 + bytes.length);
        head.set(Buffer.from('EFI PART'), 512);
        head.set(bytes, 520);
        try {
          parsePrimaryGpt(head, 512);
        } catch (e) {
          assert.ok(diskErrors.is(e) || wireErrors.is(e), String(e));
        }
      }),
    );
  });

  it('gives back what it encodes, on 512 and 4096 byte sectors', () => {
    const shape = fc.record({
      sectorBytes: fc.constantFrom(512, 4096),
      sizes: fc.array(fc.integer({ min: 1, max: 5000 }), { maxLength: 20 }),
      name: fc.string({ maxLength: 18, unit: 'binary-ascii' }).filter((s) => !s.includes('\0')),
    });
    fc.assert(
      fc.property(shape, ({ sectorBytes, sizes, name }) => {
        const gpt = madeGpt(sectorBytes, sizes, name);
        const head = new Uint8Array(1 << 20);
        for (const p of encodeGpt(gpt).primary) head.set(p.bytes, p.offset);
        const back = parsePrimaryGpt(head, sectorBytes);
        assert.ok(back !== undefined);
        assert.deepEqual(back, gpt);
      }),
    );
  });
});

function madeGpt(sectorBytes: number, sizes: number[], name: string): Gpt {
  let next = 256;
  const partitions = sizes.map((size, i) => {
    const firstLba = next;
    next += size;
    const guid = guidFromBytes(new Uint8Array(16).fill(i + 1));
    return { number: i + 1, type: PARTITION_TYPES.linux, guid, firstLba, lastLba: next - 1, attributes: 5n, name };
  });
  return {
    sectorBytes,
    diskGuid: guidFromBytes(new Uint8Array(16).fill(9)),
    alternateLba: 200_000,
    firstUsableLba: 256,
    lastUsableLba: 199_000,
    entriesLba: 2,
    entryCount: 128,
    entryBytes: 128,
    partitions,
  };
}

describe('GUID', () => {
  it('has its first three fields little-endian', () => {
    const bytes = guidToBytes(PARTITION_TYPES.efiSystem);
    assert.equal(Buffer.from(bytes).toString('hex'), '28732ac11ff8d211ba4b00a0c93ec93b');
    assert.equal(guidFromBytes(bytes), PARTITION_TYPES.efiSystem);
  });
});
