import { readFileSync } from 'node:fs';
import { fromHex } from '../../src/wire/hex.ts';

type Name = 'gpt' | 'gptMoved' | 'gptConfig2' | 'mbr' | 'mbrConfig2';
interface Capture {
  diskBytes: number;
  patches: { offset: number; hex: string }[];
}

const file = new URL('../fixtures/disk/tables.json', import.meta.url);
const captures = JSON.parse(readFileSync(file, 'utf8')) as Record<Name, Capture>;

/** A whole disk as sgdisk or sfdisk left it. */
export function capturedDisk(name: Name): Uint8Array {
  const capture = captures[name];
  const disk = new Uint8Array(capture.diskBytes);
  for (const p of capture.patches) disk.set(fromHex(p.hex), p.offset);
  return disk;
}
