import { isQcow2 } from '../disk/qcow2.ts';
import { latin1 } from '../wire/hex.ts';
import { imageErrors } from './errors.ts';

export type Compression = 'none' | 'gzip' | 'xz' | 'zstd' | 'bzip2';
export type DiskFormat = 'raw' | 'qcow2' | 'vmdk' | 'vdi' | 'vhd' | 'vhdx' | 'luks';

/** Bytes of the beginning that both functions look at. */
export const SNIFF_BYTES = 512;

const COMPRESSIONS: readonly [string, Compression][] = [
  ['\x1f\x8b\x08', 'gzip'],
  ['\xfd7zXZ\0', 'xz'],
  ['\x28\xb5\x2f\xfd', 'zstd'],
  ['BZh', 'bzip2'],
];

/** How the file is compressed, by its first bytes: names lie. */
export function sniffCompression(head: Uint8Array): Compression {
  const text = latin1(head.subarray(0, 8));
  return COMPRESSIONS.find(([magic]) => text.startsWith(magic))?.[1] ?? 'none';
}

/** Which disk format begins like this. Whatever is nothing else is raw. */
export function sniffFormat(head: Uint8Array): DiskFormat {
  if (isQcow2(head)) return 'qcow2';
  const text = latin1(head.subarray(0, SNIFF_BYTES));
  if (text.startsWith('KDMV') || text.startsWith('# Disk DescriptorFile')) return 'vmdk';
  if (text.startsWith('\x7f\x10\xda\xbe', 64)) return 'vdi';
  if (text.startsWith('conectix')) return 'vhd';
  if (text.startsWith('vhdxfile')) return 'vhdx';
  return text.startsWith('LUKS\xba\xbe') ? 'luks' : 'raw';
}

/**
 * Decides the format: what the content is, which must be what the user said, if he said anything. Content is never
 * taken for something else than it is: a "raw" image that begins like qcow2 would be opened by a later tool as one.
 * @param said `spec.image.format`
 * @param where the image's URL, redacted
 * @throws IMAGE_FORMAT_MISMATCH, IMAGE_FORMAT_UNSUPPORTED
 */
export function decideFormat(head: Uint8Array, said: string | undefined, where: string): 'raw' | 'qcow2' {
  const found = sniffFormat(head);
  if (said !== undefined && said !== '' && said !== found) {
    throw imageErrors.make('IMAGE_FORMAT_MISMATCH', `spec.image.format is ${said}, but ${where} is ${found}`);
  }
  if (found === 'raw' || found === 'qcow2') return found;
  throw imageErrors.make('IMAGE_FORMAT_UNSUPPORTED', `${where} is a ${found} image`);
}
