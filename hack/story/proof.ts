import { open } from 'node:fs/promises';
import { exec } from '../../src/core/exec.ts';

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
