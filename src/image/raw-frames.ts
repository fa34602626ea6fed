import { imageErrors } from './errors.ts';
import { FRAME_BYTES } from './manifest-types.ts';
import { IMAGE_SECTOR } from './manifest.ts';

/** One frame of disk before it is compressed. */
export type RawFrame = { kind: 'bytes'; bytes: Uint8Array } | { kind: 'zero' | 'hole'; length: number };

export interface FrameLimits {
  /** Largest disk accepted, bytes. */
  maxDiskBytes: number;
  signal: AbortSignal;
  /** Told before the first frame, when the size of the disk is known by then. */
  onSize?: ((diskBytes: number) => void) | undefined;
}

/**
 * Cuts a stream of raw disk into frames. The last one is filled with zeros to a whole sector.
 * @throws IMAGE_EMPTY, IMAGE_TOO_LARGE, the signal's reason, or what the stream throws
 */
export async function* framesOfStream(
  chunks: AsyncIterable<Uint8Array>,
  limits: FrameLimits,
): AsyncGenerator<RawFrame, void, undefined> {
  let buffer = new Uint8Array(FRAME_BYTES);
  let used = 0;
  let total = 0;
  for await (const chunk of chunks) {
    limits.signal.throwIfAborted();
    total += chunk.length;
    if (total > limits.maxDiskBytes) tooLarge(limits.maxDiskBytes);
    for (let at = 0; at < chunk.length;) {
      const part = chunk.subarray(at, at + FRAME_BYTES - used);
      buffer.set(part, used);
      used += part.length;
      at += part.length;
      if (used === FRAME_BYTES) {
        yield { kind: 'bytes', bytes: buffer };
        buffer = new Uint8Array(FRAME_BYTES);
        used = 0;
      }
    }
  }
  if (total === 0) throw imageErrors.make('IMAGE_EMPTY', 'the image has no bytes');
  if (used > 0) yield { kind: 'bytes', bytes: buffer.slice(0, wholeSectors(used)) };
}

/** Bytes of disk that an image of this size fills: whole sectors. */
export function wholeSectors(bytes: number): number {
  return Math.ceil(bytes / IMAGE_SECTOR) * IMAGE_SECTOR;
}

export function tooLarge(limit: number): never {
  throw imageErrors.make('IMAGE_TOO_LARGE', `the image has a disk of more than ${limit} bytes`);
}
