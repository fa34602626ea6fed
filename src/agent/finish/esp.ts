import { mkdir, readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { exec } from '../../core/exec.ts';
import { type Loader, parseBootCsv } from './boot-entry.ts';

const MOUNT_POINT = '/mnt/esp';
const FALLBACK = ['EFI', 'BOOT', 'BOOTX64.EFI'];
export const FALLBACK_LABEL = 'Ingot installed system';

/** Finds the boot loader on an EFI system partition; the partition is mounted read-only meanwhile. */
export async function findLoaderOn(partition: string, signal: AbortSignal): Promise<Loader | undefined> {
  await mkdir(MOUNT_POINT, { recursive: true });
  await exec('mount', ['-t', 'vfat', '-o', 'ro', partition, MOUNT_POINT], { signal });
  try {
    return await findLoader(MOUNT_POINT);
  } finally {
    await exec('umount', [MOUNT_POINT]);
  }
}

/**
 * The loader below `root`: the one a vendor's BOOTX64.CSV names, else the fallback path. FAT does not mind case, so
 * every name is compared without it.
 */
export async function findLoader(root: string): Promise<Loader | undefined> {
  const efi = await pick(root, 'EFI');
  if (efi === undefined) return undefined;
  for (const vendor of (await readdir(join(root, efi))).sort()) {
    const folder = join(efi, vendor);
    const csv = await pick(join(root, folder), 'BOOTX64.CSV');
    if (csv === undefined) continue;
    const named = parseBootCsv(await readFile(join(root, folder, csv)));
    const loader = named === undefined ? undefined : await pick(join(root, folder), named.loader);
    if (named !== undefined && loader !== undefined) return { file: join(folder, loader), label: named.label };
  }
  let at = '';
  for (const part of FALLBACK) {
    const found = await pick(join(root, at), part);
    if (found === undefined) return undefined;
    at = join(at, found);
  }
  return { file: at, label: FALLBACK_LABEL };
}

async function pick(dir: string, name: string): Promise<string | undefined> {
  const names = await readdir(dir).catch(() => []);
  return names.find((n) => n.toLowerCase() === name.toLowerCase());
}
