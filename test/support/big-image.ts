import { createCipheriv } from 'node:crypto';
import { copyFile, open, truncate } from 'node:fs/promises';
import { exec } from '../../src/core/exec.ts';

const MIB = 2 ** 20;

/**
 * A bootable raw image that takes long to write: the tiny OS, and behind it a partition full of bytes that no compression
 * makes smaller. The same bytes each time.
 * @param mib size of the whole image
 */
export async function makeBigImage(tinyRaw: string, path: string, mib: number): Promise<void> {
  await copyFile(tinyRaw, path);
  await truncate(path, mib * MIB);
  await exec('sgdisk', ['--move-second-header', '--new=3:32M:0', '--change-name=3:filling', path]);
  const cipher = createCipheriv('aes-128-ctr', Buffer.alloc(16, 'key'), Buffer.alloc(16, 'iv'));
  const zeros = Buffer.alloc(MIB);
  const file = await open(path, 'r+');
  try {
    // The last MiB has the backup partition table.
    for (let at = 32; at < mib - 1; at++) await file.write(cipher.update(zeros), 0, MIB, at * MIB);
  } finally {
    await file.close();
  }
}
