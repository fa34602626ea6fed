import { latin1 } from '../wire/hex.ts';
import { parseMbr } from './mbr.ts';

/** Something on a disk that firmware, a kernel or a tool would recognise. */
export interface Signature {
  /** `gpt`, `mbr`, `ext`, `lvm2`… stable names, as wipefs calls them where it has one. */
  kind: string;
  /** Where on the disk, bytes. */
  offset: number;
}

/** How much of a disk's ends has to be read to see every signature in `MAGICS`. */
export const SIGNATURE_HEAD_BYTES = 1024 * 1024;
export const SIGNATURE_TAIL_BYTES = 1024 * 1024;

interface Magic {
  kind: string;
  offset: number;
  text: string;
}

const MD_MAGIC = '\xfc\x4e\x2b\xa9';

/** Magics at fixed places from the beginning. ext's is two bytes: checked with care in `findHeadSignatures`. */
const MAGICS: readonly Magic[] = [
  { kind: 'gpt', offset: 512, text: 'EFI PART' },
  { kind: 'gpt', offset: 4096, text: 'EFI PART' },
  { kind: 'xfs', offset: 0, text: 'XFSB' },
  { kind: 'btrfs', offset: 65600, text: '_BHRfS_M' },
  { kind: 'swap', offset: 4086, text: 'SWAPSPACE2' },
  { kind: 'luks', offset: 0, text: 'LUKS\xba\xbe' },
  { kind: 'iso9660', offset: 32769, text: 'CD001' },
  { kind: 'vfat', offset: 54, text: 'FAT1' },
  { kind: 'vfat', offset: 82, text: 'FAT32' },
  { kind: 'exfat', offset: 3, text: 'EXFAT   ' },
  { kind: 'ntfs', offset: 3, text: 'NTFS    ' },
  { kind: 'squashfs', offset: 0, text: 'hsqs' },
  { kind: 'md-1.1', offset: 0, text: MD_MAGIC },
  { kind: 'md-1.2', offset: 4096, text: MD_MAGIC },
  { kind: 'bcache', offset: 4120, text: '\xc6\x85\x73\xf6\x4e\x1a\x45\xca' },
  ...[0, 512, 1024, 1536].map((offset) => ({ kind: 'lvm2', offset, text: 'LABELONE' })),
];

const ascii = (bytes: Uint8Array, at: number, length: number) => latin1(bytes.subarray(at, at + length));

/** Signatures in the first bytes of a disk or partition (give `SIGNATURE_HEAD_BYTES`, or all there is). */
export function findHeadSignatures(head: Uint8Array): Signature[] {
  const found: Signature[] = MAGICS.filter((m) => ascii(head, m.offset, m.text.length) === m.text).map(
    ({ kind, offset }) => ({ kind, offset }),
  );
  if (looksLikeExt(head)) found.push({ kind: 'ext', offset: 1080 });
  // FAT and NTFS boot sectors carry 55 AA too; what counts as a table is an entry in it.
  const mbr = parseMbr(head);
  if (mbr !== undefined && (mbr.partitions.length > 0 || found.length === 0)) found.push({ kind: 'mbr', offset: 510 });
  return found.sort((a, b) => a.offset - b.offset);
}

/** EF53, and a block size and state that a file system can have. */
function looksLikeExt(head: Uint8Array): boolean {
  if (head.length < 2048 || head[1080] !== 0x53 || head[1081] !== 0xef) return false;
  const view = new DataView(head.buffer, head.byteOffset + 1024, 1024);
  return view.getUint32(24, true) <= 6 && view.getUint16(58, true) <= 7;
}

/**
 * Signatures in the last bytes of a disk.
 * @param tail the last bytes; give `SIGNATURE_TAIL_BYTES`
 * @param diskBytes size of the disk: offsets in the answer count from its beginning
 */
export function findTailSignatures(tail: Uint8Array, diskBytes: number): Signature[] {
  const base = diskBytes - tail.length;
  const found: Signature[] = [];
  const check = (kind: string, fromEnd: number, text: string) => {
    const at = tail.length - fromEnd;
    if (at >= 0 && ascii(tail, at, text.length) === text) found.push({ kind, offset: base + at });
  };
  check('gpt-backup', 512, 'EFI PART');
  check('gpt-backup', 4096, 'EFI PART');
  check('md-1.0', mdOffset(diskBytes, 8192, 4096), MD_MAGIC);
  check('md-0.90', mdOffset(diskBytes, 65536, 65536), MD_MAGIC);
  return found.sort((a, b) => a.offset - b.offset);
}

/** md superblocks near the end are `back` bytes from it, rounded down to `align`; as a distance from the end. */
function mdOffset(diskBytes: number, back: number, align: number): number {
  const at = Math.floor((diskBytes - back) / align) * align;
  return diskBytes - at;
}
