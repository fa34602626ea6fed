import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exec } from '../../src/core/exec.ts';

/** Reads part of a disk's file, behind the machine's back. */
export async function diskBytes(path: string, position: number, length: number): Promise<Buffer> {
  const file = await open(path, 'r');
  try {
    const buffer = Buffer.alloc(length);
    const { bytesRead } = await file.read(buffer, 0, length, position);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

interface Partition {
  name?: string;
  start: number;
  size: number;
}

/** One file of the config drive on a disk, read by sfdisk and xorriso. @throws when there is no such partition or file */
export async function configDriveFile(disk: string, path: string): Promise<string> {
  const table = JSON.parse((await exec('sfdisk', ['--json', disk])).stdout) as {
    partitiontable: { sectorsize?: number; partitions: Partition[] };
  };
  const { partitions, sectorsize = 512 } = table.partitiontable;
  const drive = partitions.find((p) => p.name === 'config-2');
  if (drive === undefined) throw new Error(`no partition of ${disk} is named config-2`);
  const dir = await mkdtemp(join(tmpdir(), 'ingot-config-drive-'));
  try {
    const volume = join(dir, 'volume.iso');
    const [skip, count] = [drive.start * sectorsize, drive.size * sectorsize];
    const cut = ['bs=1M', 'iflag=skip_bytes,count_bytes', `skip=${skip}`, `count=${count}`, 'status=none'];
    await exec('dd', [`if=${disk}`, `of=${volume}`, ...cut]);
    await exec('xorriso', ['-osirrox', 'on', '-indev', `stdio:${volume}`, '-extract', `/${path}`, join(dir, 'file')]);
    return await readFile(join(dir, 'file'), 'utf8');
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

const PIECE = 4 << 20;

/**
 * Where a disk and an image differ, as offsets of 4 MiB pieces. The image's tail is left out: the backup partition table
 * of the image has been moved to the end of the disk, and the one in front points there.
 * @param ignore byte ranges that provisioning has to change
 */
export async function differences(
  disk: string,
  image: string,
  ignore: readonly { from: number; to: number }[],
): Promise<number[]> {
  const [a, b] = [await open(disk, 'r'), await open(image, 'r')];
  try {
    const { size } = await b.stat();
    const found: number[] = [];
    const [left, right] = [Buffer.alloc(PIECE), Buffer.alloc(PIECE)];
    for (let at = 0; at < size; at += PIECE) {
      const length = Math.min(PIECE, size - at);
      await a.read(left, 0, length, at);
      await b.read(right, 0, length, at);
      for (const { from, to } of ignore) {
        const [start, end] = [Math.max(from - at, 0), Math.min(to - at, length)];
        if (start >= end) continue;
        left.fill(0, start, end);
        right.fill(0, start, end);
      }
      if (left.compare(right, 0, length, 0, length) !== 0) found.push(at);
    }
    return found;
  } finally {
    await Promise.all([a.close(), b.close()]);
  }
}
