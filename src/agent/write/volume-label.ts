import { type BlockDevice, readBytes } from './block-device.ts';

/** Places of the volume label in the file systems a config drive comes in: ISO 9660, FAT32, FAT12/16. */
const LABELS = [
  { magicAt: 0x8001, magic: 'CD001', at: 0x8028, length: 32 },
  { magicAt: 82, magic: 'FAT32', at: 71, length: 11 },
  { magicAt: 54, magic: 'FAT1', at: 43, length: 11 },
] as const;
const HEAD_BYTES = 0x8800;

/**
 * Lower-case label of the volume in a range of the disk, '' when it is none of these.
 * @throws WRITE_DEVICE_IO
 */
export async function volumeLabel(device: BlockDevice, range: { offset: number; bytes: number }): Promise<string> {
  const end = Math.min(range.offset + Math.min(range.bytes, HEAD_BYTES), device.sizeBytes);
  if (end <= range.offset) return '';
  const head = Buffer.from(await readBytes(device, range.offset, end - range.offset));
  const text = (at: number, length: number) => head.toString('latin1', at, at + length);
  const found = LABELS.find((l) => text(l.magicAt, l.magic.length) === l.magic);
  return found === undefined ? '' : text(found.at, found.length).trim().toLowerCase();
}
