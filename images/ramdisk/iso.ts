import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { IsoArea, IsoInfo } from '../../src/disk/iso-overlay.ts';
import { exec } from '../../src/core/exec.ts';
import { findProgram } from './elf.ts';

const GRUB_CONFIG = fileURLToPath(new URL('iso/grub.cfg', import.meta.url));

/**
 * Debian packages that bring the boot loaders of the ISO. UEFI gets Microsoft's signature on shim and Debian's on GRUB
 * and the kernel: machines with Secure Boot start it too.
 */
export const ISO_PACKAGES = ['grub-pc-bin', 'grub-efi-amd64-signed', 'shim-signed'];

/** What the BIOS loader needs, and no more. The UEFI one is as Debian built and signed it. */
const BIOS_MODULES = ['biosdisk', 'iso9660', 'linux', 'normal', 'configfile', 'echo', 'test', 'boot', 'reboot'];

/** Bytes of the files that are filled in per machine. */
const ARGUMENTS_BYTES = 4096;
const HOST_BYTES = 64 * 1024;

/** Stamp of everything on the ISO: the same inputs give the same bytes. */
const EPOCH = 1_700_000_000;
const STAMP = '2023111422132000';
const env = { SOURCE_DATE_EPOCH: String(EPOCH), TZ: 'UTC', LC_ALL: 'C', MTOOLS_SKIP_CHECK: '1' };

export interface IsoInputs {
  kernel: Uint8Array;
  ramdisk: Uint8Array;
  /** Unpacked `ISO_PACKAGES`. */
  loaders: string;
  /** Made, and removed at the end. */
  workDir: string;
}

/**
 * The ramdisk as one ISO 9660 image that boots by BIOS and by UEFI as a CD, and where in it the parts of a machine go.
 * It has no partition table on purpose: GRUB then finds its files on the medium it came from without a search, so that
 * an old installer on a disk of the machine can not answer in its place.
 */
export async function buildIsoBase(inputs: IsoInputs): Promise<{ bytes: Uint8Array; info: IsoInfo }> {
  const { workDir, loaders } = inputs;
  await rm(workDir, { recursive: true, force: true });
  try {
    const tree = join(workDir, 'tree');
    await mkdir(join(tree, 'boot/grub'), { recursive: true });
    await mkdir(join(tree, '.disk'));
    const put = (path: string, data: Uint8Array | string) => writeFile(join(tree, path), data);
    await put('boot/vmlinuz', inputs.kernel);
    await put('boot/ramdisk.zst', inputs.ramdisk);
    await put('boot/grub/grub.cfg', await readFile(GRUB_CONFIG));
    // Signed GRUB looks for it where firmware hides which medium it was.
    await put('.disk/info', 'Ingot ramdisk\n');
    await put(ARGUMENTS_PATH, Buffer.alloc(ARGUMENTS_BYTES, '#'));
    await put(HOST_PATH, new Uint8Array(HOST_BYTES));
    await biosLoader(loaders, join(tree, 'boot/grub/bios.img'));
    await efiPartition(loaders, workDir, join(tree, 'boot/grub/efi.img'));
    const out = join(workDir, 'ramdisk.iso');
    await exec('xorriso', [...XORRISO, '-o', out, tree], { env });
    const bytes = await readFile(out);
    return {
      bytes,
      info: {
        file: 'ramdisk.iso',
        bytes: bytes.length,
        sha256: createHash('sha256').update(bytes).digest('hex'),
        arguments: await areaOf(out, ARGUMENTS_PATH, bytes, ARGUMENTS_BYTES),
        host: await areaOf(out, HOST_PATH, bytes, HOST_BYTES),
      },
    };
  } finally {
    await rm(workDir, { recursive: true, force: true });
  }
}

const ARGUMENTS_PATH = 'boot/grub/host.cfg';
const HOST_PATH = 'boot/host.cpio';

const XORRISO = [
  ['-as', 'mkisofs', '-quiet', '-V', 'INGOT', '-r', '-no-pad', '-iso-level', '3'],
  [`--modification-date=${STAMP}`, '--set_all_file_dates', STAMP],
  ['-b', 'boot/grub/bios.img', '-no-emul-boot', '-boot-load-size', '4', '-boot-info-table', '--grub2-boot-info'],
  ['-eltorito-alt-boot', '-e', 'boot/grub/efi.img', '-no-emul-boot'],
].flat();

async function biosLoader(loaders: string, out: string): Promise<void> {
  const modules = join(loaders, 'usr/lib/grub/i386-pc');
  await exec('grub-mkimage', ['-d', modules, '-O', 'i386-pc-eltorito', '-p', '/boot/grub', '-o', out, ...BIOS_MODULES]);
}

/** The EFI system partition that firmware finds through El Torito: shim under the name that is looked for, and GRUB. */
async function efiPartition(loaders: string, workDir: string, out: string): Promise<void> {
  const shim = await readFile(join(loaders, 'usr/lib/shim/shimx64.efi.signed'));
  const grub = await readFile(join(loaders, 'usr/lib/grub/x86_64-efi-signed/gcdx64.efi.signed'));
  const room = 512 * 1024;
  await writeFile(out, '');
  await truncate(out, Math.ceil((shim.length + grub.length + room) / 2048) * 2048);
  await exec(findSystemProgram('mkfs.vfat'), ['--invariant', '-i', '494e474f', '-n', 'INGOT', out], { env });
  const esp = join(workDir, 'esp/EFI');
  await mkdir(join(esp, 'BOOT'), { recursive: true });
  for (const [name, data] of [
    ['BOOTX64.EFI', shim],
    ['grubx64.efi', grub],
  ] as const) {
    await writeFile(join(esp, 'BOOT', name), data);
    await utimes(join(esp, 'BOOT', name), EPOCH, EPOCH);
  }
  await utimes(join(esp, 'BOOT'), EPOCH, EPOCH);
  await utimes(esp, EPOCH, EPOCH);
  await exec('mcopy', ['-s', '-m', '-i', out, esp, '::/EFI'], { env });
}

/** System programs are not on the path of a plain `su` shell. */
function findSystemProgram(name: string): string {
  return findProgram('/', name);
}

/** Where a file lies, as xorriso tells, and that what lies there is the filler. */
async function areaOf(iso: string, path: string, bytes: Uint8Array, size: number): Promise<IsoArea> {
  const { stdout } = await exec('xorriso', ['-indev', iso, '-find', `/${path}`, '-exec', 'report_lba'], { env });
  // File data lba:  0 ,  52 , 32 , 65536 , '/boot/host.cpio'
  const found = /^File data lba:\s*0\s*,\s*(\d+)\s*,\s*\d+\s*,\s*(\d+)\s*,/m.exec(stdout);
  const offset = Number(found?.[1]) * 2048;
  const area = bytes.subarray(offset, offset + size);
  if (Number(found?.[2]) !== size || area.length !== size || !area.every((b) => b === area[0])) {
    throw new Error(`${path} lies in several places or not where xorriso says: ${stdout}`);
  }
  return { offset, bytes: size };
}
