import { ByteReader } from '../wire/reader.ts';

const MAGIC = 0xfd2fb528;
const DICTIONARY_BYTES = [0, 1, 2, 4] as const;
const SIZE_BYTES = [0, 2, 4, 8] as const;

/**
 * Length of the zstd frame `bytes` begins with (RFC 8878 §3.1.1), found by walking its blocks; what follows is ignored.
 * @throws WIRE_SHORT, WIRE_RANGE when it is not a whole frame
 */
export function zstdFrameBytes(bytes: Uint8Array): number {
  const r = new ByteReader(bytes);
  if (r.u32le('magic') !== MAGIC) return 0;
  const descriptor = r.u8('frame header descriptor');
  const singleSegment = (descriptor & 0x20) !== 0;
  const sizeFlag = descriptor >>> 6;
  const sizeBytes = sizeFlag === 0 && singleSegment ? 1 : (SIZE_BYTES[sizeFlag] ?? 0);
  r.skip((singleSegment ? 0 : 1) + (DICTIONARY_BYTES[descriptor & 3] ?? 0) + sizeBytes, 'frame header');
  for (let last = false; !last;) {
    const header = r.u24le('block header');
    last = (header & 1) !== 0;
    const rle = ((header >>> 1) & 3) === 1;
    r.skip(rle ? 1 : header >>> 3, 'block');
  }
  if ((descriptor & 4) !== 0) r.skip(4, 'content checksum');
  return r.offset;
}
