import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { diskErrors } from '../../src/disk/errors.ts';
import { addMbrPartition, parseMbr, resizeProtectiveMbr } from '../../src/disk/mbr.ts';
import { capturedDisk } from './tables.ts';

const sector = (name: 'mbr' | 'mbrConfig2' | 'gpt' | 'gptMoved') => capturedDisk(name).slice(0, 512);

describe('MBR', () => {
  it('reads what sfdisk wrote', () => {
    const mbr = parseMbr(sector('mbr'));
    assert.equal(mbr?.diskSignature, 0xdeadbeef);
    assert.equal(mbr.protective, false);
    assert.deepEqual(mbr.partitions, [
      { number: 1, bootable: true, type: 0x0c, firstLba: 2048, sectors: 4096 },
      { number: 2, bootable: false, type: 0x83, firstLba: 8192, sectors: 65536 },
    ]);
  });

  it('adds the partition sfdisk --append adds', () => {
    const { sector0, number } = addMbrPartition(sector('mbr'), { firstLba: 278528, sectors: 131072, type: 0x83 });
    assert.equal(number, 3);
    assert.deepEqual(parseMbr(sector0), parseMbr(sector('mbrConfig2')));
    assert.deepEqual(sector0.slice(0, 446), sector('mbrConfig2').slice(0, 446));
  });

  it('refuses overlaps, a fifth partition and what lies beyond 2 TiB', () => {
    const at = { firstLba: 8000, sectors: 4096, type: 0x83 };
    assert.throws(
      () => addMbrPartition(sector('mbr'), at),
      (e) => diskErrors.is(e, 'DISK_NO_ROOM'),
    );
    const far = { firstLba: 2 ** 32 - 10, sectors: 100, type: 0x83 };
    assert.throws(
      () => addMbrPartition(sector('mbr'), far),
      (e) => diskErrors.is(e, 'DISK_NO_ROOM'),
    );
    let full: Uint8Array = sector('mbr');
    for (let i = 0; i < 2; i++)
      full = addMbrPartition(full, { firstLba: 100_000 + i * 10, sectors: 10, type: 0x83 }).sector0;
    const next = { firstLba: 200_000, sectors: 10, type: 0x83 };
    assert.throws(
      () => addMbrPartition(full, next),
      (e) => diskErrors.is(e, 'DISK_MBR_FULL'),
    );
  });

  it('grows a protective entry and leaves a hybrid one alone', () => {
    assert.deepEqual(resizeProtectiveMbr(sector('gpt'), 409600), sector('gptMoved'));
    const hybrid = addMbrPartition(sector('gpt'), { firstLba: 131072, sectors: 10, type: 0x83 }).sector0;
    assert.deepEqual(resizeProtectiveMbr(hybrid, 409600), hybrid);
  });

  it('sees no table without the signature', () => {
    assert.equal(parseMbr(new Uint8Array(512)), undefined);
    assert.equal(parseMbr(new Uint8Array(100)), undefined);
  });
});
