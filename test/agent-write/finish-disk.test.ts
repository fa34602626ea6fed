import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { writeErrors } from '../../src/agent/write/errors.ts';
import { finishDisk } from '../../src/agent/write/finish-disk.ts';
import { diskErrors } from '../../src/disk/errors.ts';
import { parseBackupGpt, parsePrimaryGpt } from '../../src/disk/gpt.ts';
import { buildIso } from '../../src/disk/iso9660.ts';
import { parseMbr } from '../../src/disk/mbr.ts';
import { capturedDisk } from '../disk/tables.ts';
import { FakeDisk } from './fake-disk.ts';

const drive = buildIso(new Map([['openstack/latest/meta_data.json', Buffer.from('{}')]]), 'config-2', 0);
const randomBytes = () => new Uint8Array(16).fill(7);
const SIZE = 200 << 20;
/** Just enough for the image and the config drive: the test over all operations makes many such disks. */
const SMALL = 132 << 20;

const finish = (device: FakeDisk, configDrive: Uint8Array | undefined = drive) =>
  finishDisk({ device, configDrive, randomBytes });

const primary = (d: FakeDisk, data = d.data) => parsePrimaryGpt(data.subarray(0, 1 << 20), 512);
const backup = (d: FakeDisk, data = d.data) =>
  parseBackupGpt(data.subarray(data.length - 33 * 512), data.length / 512, 512);

/** A table, whichever copy is whole: what a machine would find. */
function anyTable(d: FakeDisk) {
  for (const read of [primary, backup]) {
    try {
      const gpt = read(d, d.stable);
      if (gpt !== undefined) return gpt;
    } catch (e) {
      assert.ok(diskErrors.is(e));
    }
  }
  return undefined;
}

describe('finishing a disk', () => {
  it('moves the backup and adds the config drive, the volume before the table', async () => {
    const disk = new FakeDisk(SIZE, capturedDisk('gpt'));
    const outcome = await finish(disk);
    const place = { number: 4, offset: 276480 * 512, bytes: (409566 - 276480 + 1) * 512 };
    assert.deepEqual(outcome, { table: 'gpt', backupGptMoved: true, configDrive: 'created', partition: place });
    assert.deepEqual(primary(disk)?.partitions, backup(disk)?.partitions);
    assert.equal(primary(disk)?.partitions[3]?.guid, '07070707-0707-4707-8707-070707070707');
    assert.equal(Buffer.compare(disk.stable.subarray(place.offset, place.offset + drive.length), drive), 0);
    assert.ok(disk.log[0]?.startsWith(`write ${place.offset}+`));
    // The image's own backup header is gone from the middle of the disk.
    assert.equal(disk.stable[(64 << 20) - 512], 0);
  });

  it('without config drive only moves the backup', async () => {
    const disk = new FakeDisk(SIZE, capturedDisk('gpt'));
    const outcome = await finishDisk({ device: disk, configDrive: undefined, randomBytes });
    assert.deepEqual(outcome, { table: 'gpt', backupGptMoved: true, configDrive: 'none' });
    assert.equal(primary(disk)?.partitions.length, 3);
  });

  it('keeps a readable table through a power loss at every operation', async () => {
    const image = capturedDisk('gpt');
    const clean = new FakeDisk(SMALL, image);
    const points: number[] = [];
    clean.fault = (operation, _position, count) => {
      if (operation !== 'read') points.push(count);
    };
    await finish(clean);
    assert.ok(points.length > 8);
    for (const point of points) {
      const disk = new FakeDisk(SMALL, image);
      disk.fault = (_operation, _position, count) => {
        if (count >= point) throw new Error('power is gone');
      };
      await assert.rejects(finish(disk), /power is gone/);
      disk.losePower((i) => i % 2 === 1);
      const table = anyTable(disk);
      assert.ok(table !== undefined && table.partitions.length >= 3, `no table after operation ${point}`);
    }
  });

  it('notices a disk that keeps something else', async () => {
    for (const place of [276480 * 512 + 0x8001, 1024 + 3 * 128, SIZE - 33 * 512]) {
      const disk = new FakeDisk(SIZE, capturedDisk('gpt'));
      const flush = disk.flush.bind(disk);
      disk.flush = async () => {
        await flush();
        disk.data[place] = 0x5e;
      };
      await assert.rejects(finish(disk), (e) => writeErrors.is(e) || diskErrors.is(e, 'DISK_GPT_INVALID'));
    }
  });

  it('refuses 4096-byte sectors for an ISO 9660 config drive, before the first write', async () => {
    const disk = new FakeDisk(SIZE, capturedDisk('gpt'), 4096);
    await assert.rejects(finish(disk), (e) => diskErrors.is(e, 'DISK_SECTOR_SIZE'));
    assert.deepEqual(disk.log, []);
  });

  it('puts the config drive into a primary partition of an MBR disk', async () => {
    const disk = new FakeDisk(SIZE, capturedDisk('mbr'));
    const outcome = await finish(disk);
    assert.deepEqual([outcome.table, outcome.configDrive, outcome.partition?.number], ['mbr', 'created', 3]);
    assert.deepEqual(parseMbr(disk.stable), parseMbr(capturedDisk('mbrConfig2')));
  });
});
