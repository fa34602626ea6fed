import { readFile, rename } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { errorText } from '../core/errors.ts';
import { exec } from '../core/exec.ts';
import type { Logger } from '../core/log.ts';
import { DISK_LOADER_CONFIG } from '../boot/scripts.ts';

/** What its script needs, and no more: a complete GRUB would be 8 MB. */
const MODULES =
  'normal part_gpt part_msdos fat disk memdisk tar search search_fs_file chain echo sleep test boot reboot minicmd terminal';

/**
 * Makes the small GRUB that takes UEFI machines from the network to the loader on their disk, from Debian's GRUB
 * packages, once per data folder. UEFI firmware that asks the network first does not go on to the disk by itself.
 * @returns its path; undefined when GRUB's tools are not installed, which is said in the log
 */
export async function makeDiskLoader(dataDir: string, log: Logger, signal: AbortSignal): Promise<string | undefined> {
  const config = fileURLToPath(DISK_LOADER_CONFIG);
  try {
    const text = await readFile(config);
    const digest = createHash('sha256').update(text).update(MODULES).digest('hex').slice(0, 12);
    const path = join(dataDir, `disk-loader-${digest}.efi`);
    if (await readFile(path).then(isProgram, () => false)) return path;
    const small = ['--locales=', '--fonts=', '--themes=', `--install-modules=${MODULES}`, `--modules=${MODULES}`];
    const args = ['-O', 'x86_64-efi', '-o', `${path}.new`, ...small, `boot/grub/grub.cfg=${config}`];
    await exec('grub-mkstandalone', args, { signal });
    await rename(`${path}.new`, path);
    return path;
  } catch (error) {
    signal.throwIfAborted();
    log.warn('no loader for UEFI machines that ask the network though they should boot their disk', {
      error: errorText(error),
      hint: 'install grub-common and grub-efi-amd64-bin',
    });
    return undefined;
  }
}

/** A PE program begins with `MZ`. */
function isProgram(bytes: Uint8Array): boolean {
  return bytes[0] === 0x4d && bytes[1] === 0x5a;
}
