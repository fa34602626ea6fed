import { open } from 'node:fs/promises';
import { exec } from '../../src/core/exec.ts';

/** Where the partitions of a GPT disk begin, in bytes. Empty when there is no GPT. */
export async function partitionOffsets(path: string): Promise<number[]> {
  const file = await open(path, 'r');
  try {
    const table = Buffer.alloc(34 * 512);
    await file.read(table, 0, table.length, 0);
    if (table.toString('latin1', 512, 520) !== 'EFI PART') return [];
    const entries = [...Array(128).keys()].map((i) => table.subarray(1024 + i * 128, 1152 + i * 128));
    return entries.filter((entry) => entry.some((byte) => byte !== 0)).map((e) => Number(e.readBigUInt64LE(32)) * 512);
  } finally {
    await file.close();
  }
}

/** File systems that begin at one of `offsets`: a wiped partition table must not leave them to be found again. */
export async function fileSystemsAt(path: string, offsets: readonly number[]): Promise<string[]> {
  const found: string[] = [];
  for (const offset of offsets) {
    const probe = ['--probe', '--offset', String(offset), '--output', 'value', '--match-tag', 'TYPE', path];
    // 2: nothing there that blkid knows.
    const { stdout } = await exec('blkid', probe, { ok: [0, 2] });
    if (stdout.trim() !== '') found.push(`${stdout.trim()} at ${offset}`);
  }
  return found;
}

/** What identifies something on a disk: found by reading the disk's file behind the machine's back. */
export async function diskSignatures(path: string): Promise<string[]> {
  const found: string[] = [];
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const read = async (offset: number, length: number) => {
      const buffer = Buffer.alloc(length);
      await file.read(buffer, 0, length, offset);
      return buffer;
    };
    const mbr = await read(0, 512);
    if (mbr[510] === 0x55 && mbr[511] === 0xaa) found.push('MBR');
    if ((await read(512, 8)).toString('latin1') === 'EFI PART') found.push('primary GPT');
    if ((await read(size - 512, 8)).toString('latin1') === 'EFI PART') found.push('backup GPT');
  } finally {
    await file.close();
  }
  // wipefs knows every signature that a kernel, a boot loader or an installer would stumble over.
  const { stdout } = await exec('wipefs', ['--no-act', '--noheadings', '--output', 'TYPE', path]);
  return [...new Set([...found, ...stdout.split('\n').map((line) => line.trim())])].filter((s) => s !== '');
}
