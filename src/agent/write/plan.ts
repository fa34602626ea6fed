import type { ImageManifest } from '../../image/manifest-types.ts';
import { frameLength } from '../../image/manifest.ts';

/** One piece of work between the first and the last frame. */
export type Job = { kind: 'data'; index: number } | { kind: 'zero'; first: number; count: number };

/** A run of zero frames is cut so that progress moves and cancelling works: 256 MiB. */
const MAX_ZERO_FRAMES = 64;

/** The size of an image, and as much as is known of its frames. */
export type Frames = Pick<ImageManifest, 'diskBytes' | 'frameBytes' | 'frames'>;

/** Index of the last frame. */
export function lastFrame(image: Frames): number {
  return Math.ceil(image.diskBytes / image.frameBytes) - 1;
}

/**
 * Frames that are written after everything else is flushed, in this order: the last one, then frame 0. Frame 0 carries
 * the partition table and boot code, the last frame the backup table, so a disk is never bootable before all of it is
 * there.
 */
export function endFrames(image: Frames): number[] {
  const last = lastFrame(image);
  return last === 0 ? [0] : [last, 0];
}

/**
 * The work between the first and the last frame, upwards, each piece as soon as its frames are known.
 * @param until resolves when frame `index` is known
 */
export async function* planJobs(
  image: Frames,
  until: (index: number) => Promise<void>,
): AsyncGenerator<Job, void, undefined> {
  const last = lastFrame(image);
  for (let index = 1; index < last;) {
    await until(index);
    if (image.frames[index]?.kind === 'data') {
      yield { kind: 'data', index };
      index++;
      continue;
    }
    const first = index;
    const isEmpty = () => image.frames[index] !== undefined && image.frames[index]?.kind !== 'data';
    while (index < last && index - first < MAX_ZERO_FRAMES && isEmpty()) index++;
    yield { kind: 'zero', first, count: index - first };
  }
}

/**
 * Frames to look at to find out whether an earlier write of this or a similar image left something: the first few, which
 * an interrupted write did first, and a few spread over the rest.
 */
export function probeFrames(image: Frames): number[] {
  const last = lastFrame(image);
  const data = image.frames.flatMap((f, i) => (f.kind === 'data' && i > 0 && i < last ? [i] : []));
  const picks = new Set(data.slice(0, 4));
  for (let k = 1; k <= 4; k++) {
    const pick = data[Math.floor((k * data.length) / 5)];
    if (pick !== undefined) picks.add(pick);
  }
  return [...picks];
}

/**
 * The same while an image is still growing: is its `n`th data frame, from 1 on, one to look at? The first few, then
 * fewer and fewer.
 */
export function isProbe(n: number): boolean {
  return n <= 4 || (n & (n - 1)) === 0;
}

/** Byte range of `count` frames beginning with `first`. */
export function rangeOf(manifest: Frames, first: number, count: number): { position: number; length: number } {
  const position = first * manifest.frameBytes;
  const end = (first + count - 1) * manifest.frameBytes + frameLength(manifest, first + count - 1);
  return { position, length: end - position };
}

/** Rounds a length up to whole sectors. */
export function padTo(sectorBytes: number, length: number): number {
  return Math.ceil(length / sectorBytes) * sectorBytes;
}
