import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { constants, zstdCompress } from 'node:zlib';
import { type CpioEntry, packCpio } from '../../src/disk/cpio.ts';
import { ZSTD } from './recipe.ts';

const compress = promisify(zstdCompress);

/**
 * One layer of the initramfs: a compressed cpio archive. The kernel unpacks archives that follow one another, so each
 * layer is compressed alone and kept by the hash of its content: a new agent does not compress Node again.
 */
export interface Layer {
  bytes: Uint8Array;
  unpackedBytes: number;
}

/** Compresses entries, or takes the same compressed before from `cacheDir`. */
export async function makeLayer(entries: readonly CpioEntry[], cacheDir: string): Promise<Layer> {
  const archive = packCpio(entries);
  const key = createHash('sha256')
    .update(JSON.stringify(ZSTD))
    .update(process.versions.zstd ?? '')
    .update(archive)
    .digest('hex');
  const path = join(cacheDir, `${key}.zst`);
  if (existsSync(path)) return { bytes: await readFile(path), unpackedBytes: archive.length };
  const packed = await compress(archive, {
    params: {
      [constants.ZSTD_c_compressionLevel]: ZSTD.level,
      [constants.ZSTD_c_windowLog]: ZSTD.windowLog,
      [constants.ZSTD_c_nbWorkers]: ZSTD.workers,
      [constants.ZSTD_c_checksumFlag]: 1,
    },
  });
  // The kernel looks for the next archive at a multiple of four.
  const bytes = Buffer.concat([packed, new Uint8Array((4 - (packed.length % 4)) % 4)]);
  await writeAtomically(path, bytes);
  return { bytes, unpackedBytes: archive.length };
}

/** Writes a file that is either there in full or not at all. */
export async function writeAtomically(path: string, bytes: Uint8Array | string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const partial = `${path}.${process.pid}.partial`;
  await writeFile(partial, bytes);
  await rename(partial, path);
}
