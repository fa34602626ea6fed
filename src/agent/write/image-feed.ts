import type { ManifestReply } from '../../agent-protocol/messages.ts';
import { backoffMs, type BackoffPolicy } from '../../core/backoff.ts';
import { type Clock, sleep } from '../../core/clock.ts';
import { errorText, IngotError } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import { FRAME_BYTES, type Frame } from '../../image/manifest-types.ts';
import { invalidManifest, parseDiskBytes, parseFrames, parseManifest, sealManifest } from '../../image/manifest.ts';
import { writeErrors } from './errors.ts';
import { type Frames, lastFrame } from './plan.ts';

/** What the writer is told of an image: everything at once, or more and more. */
export interface ImageFeed {
  /** The frames known by now, from the first on. The list grows; the sizes never change. */
  readonly frames: Frames;
  /** All frames were known from the start. */
  readonly whole: boolean;
  /** Resolves when frame `index` is known. @throws the signal's reason */
  until(index: number, signal: AbortSignal): Promise<void>;
  /**
   * Resolves when every frame is known, the source is verified, and the root over the frames is the digest that the
   * server names.
   * @returns the digest
   * @throws the signal's reason
   */
  verified(signal: AbortSignal): Promise<string>;
}

/**
 * A whole image.
 * @param manifest as it came from the server: it is checked here
 * @param digest `sha256:<hex>` of the image decided on
 * @throws IMAGE_MANIFEST_INVALID
 */
export function wholeImage(manifest: unknown, digest: string): ImageFeed {
  return {
    frames: parseManifest(manifest, digest),
    whole: true,
    until: () => Promise.resolve(),
    verified: () => Promise.resolve(digest),
  };
}

/** Asks the server for frames from `from` on; it may wait before it answers. */
export type AskManifest = (from: number, signal: AbortSignal) => Promise<ManifestReply>;

export interface FeedDoors {
  ask: AskManifest;
  clock: Clock;
  random: () => number;
  log: Logger;
  /** How long a server may be away, or know nothing of the image, ms: it may have been started anew. */
  patienceMs: number;
}

/** Between two questions: a server with a hundred machines is not asked for every single frame. */
const PAUSE_MS = 250;
const POLICY: BackoffPolicy = { initialMs: 250, maxMs: 5000, factor: 2, jitter: 0.5, attempts: 1 };

/** An image that is still being prepared. `follow` must run beside the writer. */
export class GrowingFeed implements ImageFeed {
  readonly whole = false;
  readonly frames: { diskBytes: number; frameBytes: number; frames: Frame[] };
  #digest: string | undefined;
  readonly #waiting = new Set<() => void>();

  private constructor(diskBytes: number) {
    this.frames = { diskBytes, frameBytes: FRAME_BYTES, frames: [] };
  }

  /** Asks until the size of the image is known. @throws as `follow` */
  static async open(doors: FeedDoors, signal: AbortSignal): Promise<GrowingFeed> {
    const reply = await askPatiently(doors, 0, signal);
    const feed = new GrowingFeed(parseDiskBytes(reply.diskBytes));
    feed.#take(reply);
    return feed;
  }

  /**
   * Learns frames until the image is whole and its root is the digest the server names.
   * @throws WRITE_IMAGE_FAILED when the server cannot prepare it, WRITE_MANIFEST_UNAVAILABLE, IMAGE_MANIFEST_INVALID, a
   *   final error of `ask`, the signal's reason
   */
  async follow(doors: FeedDoors, signal: AbortSignal): Promise<void> {
    while (this.#digest === undefined) {
      await sleep(doors.clock, PAUSE_MS, signal);
      this.#take(await askPatiently(doors, this.frames.frames.length, signal));
    }
  }

  until(index: number, signal: AbortSignal): Promise<void> {
    return this.#wait(() => this.frames.frames.length > index, signal);
  }

  async verified(signal: AbortSignal): Promise<string> {
    await this.#wait(() => this.#digest !== undefined, signal);
    return this.#digest ?? '';
  }

  #take(reply: ManifestReply & { kind: 'growing' | 'complete' }): void {
    const { diskBytes, frames } = this.frames;
    if (reply.diskBytes !== diskBytes) invalidManifest(`the disk has ${reply.diskBytes} bytes now, had ${diskBytes}`);
    frames.push(...parseFrames(reply.frames, frames.length, diskBytes));
    if (reply.kind === 'complete') this.#complete(reply.digest);
    for (const check of this.#waiting) check();
  }

  #complete(digest: string): void {
    const { diskBytes, frames } = this.frames;
    if (frames.length !== lastFrame(this.frames) + 1) invalidManifest('complete, but frames are missing');
    const made = sealManifest(diskBytes, frames).digest;
    if (made !== digest) invalidManifest(`its frames make ${made}, the server says ${digest}`);
    this.#digest = digest;
  }

  #wait(known: () => boolean, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = () => {
        if (!signal.aborted && !known()) return;
        this.#waiting.delete(settle);
        signal.removeEventListener('abort', settle);
        if (signal.aborted) reject(signal.reason);
        else resolve();
      };
      this.#waiting.add(settle);
      signal.addEventListener('abort', settle, { once: true });
      settle();
    });
  }
}

/** One answer that says something, however often it takes to ask. */
async function askPatiently(doors: FeedDoors, from: number, signal: AbortSignal) {
  const giveUpAt = doors.clock.monotonic() + doors.patienceMs;
  for (let attempt = 1; ; attempt++) {
    try {
      const reply = await doors.ask(from, signal);
      if (reply.kind !== 'failed') return reply;
      throw writeErrors.make('WRITE_IMAGE_FAILED', `the image could not be prepared: ${reply.code}: ${reply.message}`);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof IngotError && !error.retry) throw error;
      if (doors.clock.monotonic() >= giveUpAt) {
        const message = `no frames of the image were told for ${doors.patienceMs / 1000} s: ${errorText(error)}`;
        throw writeErrors.make('WRITE_MANIFEST_UNAVAILABLE', message, { cause: error });
      }
      const delayMs = backoffMs(POLICY, attempt, doors.random);
      doors.log.warn('the manifest is not told, asking again', { from, attempt, delayMs, error: errorText(error) });
      await sleep(doors.clock, delayMs, signal);
    }
  }
}
