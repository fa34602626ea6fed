import type { ImageManifest } from '../../image/manifest-types.ts';
import { frameLength } from '../../image/manifest.ts';

/** One piece of work between the first and the last frame. */
export type Job = { kind: 'data'; index: number } | { kind: 'zero'; first: number; count: number };

/** A run of zero frames is cut so that progress moves and cancelling works: 256 MiB. */
const MAX_ZERO_FRAMES = 64;

export interface WritePlan {
  /** Frames between first and last, upwards. */
  jobs: Job[];
  /** Frames that are written after everything else is flushed, in this order: the last one, then frame 0. */
  ends: number[];
}

/**
 * The order of writing. Frame 0 carries the partition table and boot code, the last frame the backup table: they come
 * last, so that a disk is never bootable before all of it is there.
 */
export function planWrite(manifest: ImageManifest): WritePlan {
  const last = manifest.frames.length - 1;
  const jobs: Job[] = [];
  for (let index = 1; index < last; index++) {
    if (manifest.frames[index]?.kind === 'data') {
      jobs.push({ kind: 'data', index });
      continue;
    }
    const run = jobs.at(-1);
    const extend = run?.kind === 'zero' && run.first + run.count === index && run.count < MAX_ZERO_FRAMES;
    if (extend) run.count++;
    else jobs.push({ kind: 'zero', first: index, count: 1 });
  }
  return { jobs, ends: last === 0 ? [0] : [last, 0] };
}

/**
 * Frames to look at to find out whether an earlier write of this or a similar image left something: the first few, which
 * an interrupted write did first, and a few spread over the rest.
 */
export function probeFrames(plan: WritePlan): number[] {
  const data = plan.jobs.filter((j) => j.kind === 'data').map((j) => j.index);
  const picks = new Set(data.slice(0, 4));
  for (let k = 1; k <= 4; k++) {
    const pick = data[Math.floor((k * data.length) / 5)];
    if (pick !== undefined) picks.add(pick);
  }
  return [...picks];
}

/** Byte range of `count` frames beginning with `first`. */
export function rangeOf(manifest: ImageManifest, first: number, count: number): { position: number; length: number } {
  const position = first * manifest.frameBytes;
  const end = (first + count - 1) * manifest.frameBytes + frameLength(manifest, first + count - 1);
  return { position, length: end - position };
}

/** Rounds a length up to whole sectors. */
export function padTo(sectorBytes: number, length: number): number {
  return Math.ceil(length / sectorBytes) * sectorBytes;
}
