import { backoffMs, type BackoffPolicy } from '../../core/backoff.ts';
import { type Clock, sleep } from '../../core/clock.ts';
import { Deadline } from '../../core/deadline.ts';
import { errorText, IngotError } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import { imageErrors } from '../../image/errors.ts';
import { decodeFrame } from '../../image/frame-codec.ts';
import { frameLength } from '../../image/manifest.ts';
import { writeErrors } from './errors.ts';
import type { Gate } from './gate.ts';
import type { Frames } from './plan.ts';

/** Gives the zstd bytes of data frame `index`. Throwing an IngotError whose `retry` is false ends the write at once. */
export type FetchFrame = (index: number, signal: AbortSignal) => Promise<Uint8Array>;

export interface FetchDoors {
  fetchFrame: FetchFrame;
  clock: Clock;
  random: () => number;
  log: Logger;
  /** Bounds the requests under way: what is cut off when a server dies has to be sent again. */
  gate: Gate;
  /** How long a server may be away, ms: it may be restarting. */
  patienceMs: number;
}

const POLICY: BackoffPolicy = { initialMs: 250, maxMs: 5000, factor: 2, jitter: 0.5, attempts: 1 };
/** One try for one frame: 4 MiB even over a line of 1 Mbit/s. */
const TRY_MS = 45_000;
/** A frame that is damaged this often is damaged where it comes from. */
const MAX_CORRUPT = 4;

/**
 * Fetches and verifies one data frame, trying again while the server is away.
 * @returns the raw bytes, and how many bytes came over the network for it
 * @throws WRITE_FRAME_UNAVAILABLE, WRITE_FRAME_CORRUPT, a final error of `fetchFrame`, the signal's reason
 */
export async function fetchRaw(
  manifest: Frames,
  index: number,
  doors: FetchDoors,
  signal: AbortSignal,
): Promise<{ raw: Uint8Array; fetched: number }> {
  const frame = manifest.frames[index];
  if (frame?.kind !== 'data') throw new RangeError(`frame ${index} carries no data`);
  const giveUpAt = doors.clock.monotonic() + doors.patienceMs;
  let fetched = 0;
  let corrupt = 0;
  for (let attempt = 1; ; attempt++) {
    signal.throwIfAborted();
    try {
      const zstd = await doors.gate.run(() => fetchOnce(index, doors, signal));
      fetched += zstd.length;
      return { raw: await decodeFrame(frame, frameLength(manifest, index), zstd), fetched };
    } catch (error) {
      signal.throwIfAborted();
      if (imageErrors.is(error, 'IMAGE_FRAME_INVALID')) corrupt++;
      else if (error instanceof IngotError && !error.retry) throw error;
      if (corrupt >= MAX_CORRUPT) {
        throw writeErrors.make('WRITE_FRAME_CORRUPT', `image frame ${index}: ${errorText(error)}`, { cause: error });
      }
      if (doors.clock.monotonic() >= giveUpAt) {
        const message = `image frame ${index} could not be fetched for ${doors.patienceMs / 1000} s: ${errorText(error)}`;
        throw writeErrors.make('WRITE_FRAME_UNAVAILABLE', message, { cause: error });
      }
      const delayMs = backoffMs(POLICY, attempt, doors.random);
      doors.log.warn('image frame not fetched, trying again', { index, attempt, delayMs, error: errorText(error) });
      await sleep(doors.clock, delayMs, signal);
    }
  }
}

async function fetchOnce(index: number, doors: FetchDoors, signal: AbortSignal): Promise<Uint8Array> {
  using deadline = new Deadline(doors.clock, `image frame ${index}`, TRY_MS, signal);
  return await doors.fetchFrame(index, deadline.signal);
}
