import { type FileHandle, open } from 'node:fs/promises';
import type { Clock } from '../core/clock.ts';
import { errorCode, errorText, IngotError } from '../core/errors.ts';
import type { Frame } from './manifest-types.ts';

/**
 * What is known of an image from frame `from` on. `complete` is only said once the source was verified to its end and
 * the image is safe in the cache; until then nothing made of it may become bootable.
 */
export type Growth =
  | { kind: 'growing'; diskBytes: number; frames: Frame[] }
  | { kind: 'complete'; diskBytes: number; frames: Frame[]; digest: string }
  | { kind: 'failed'; code: string; message: string };

/** Frames told at once: half a megabyte of JSON. */
export const MAX_GROWTH_FRAMES = 4096;

/** The part of `all` that one answer carries. `digest`: of the whole, when there is no more to come. */
export function growthFrom(
  all: readonly Frame[],
  from: number,
  diskBytes: number,
  digest: string | undefined,
): Growth & { kind: 'growing' | 'complete' } {
  const frames = all.slice(from, from + MAX_GROWTH_FRAMES);
  const last = from + frames.length >= all.length;
  return last && digest !== undefined
    ? { kind: 'complete', diskBytes, frames, digest }
    : { kind: 'growing', diskBytes, frames };
}

/** An image that is being packed: its frames can be had as soon as they are in the file. */
export class GrowingImage {
  readonly diskBytes: number;
  readonly #path: string;
  readonly #clock: Clock;
  readonly #frames: Frame[] = [];
  /** Where each frame begins in the file, and where the next one will. */
  readonly #offsets: number[] = [0];
  readonly #waiting = new Set<() => void>();
  #file: Promise<FileHandle> | undefined;
  #end: { digest: string } | { code: string; message: string } | undefined;

  /** @param path the file that the frames are written to, one behind the other */
  constructor(path: string, diskBytes: number, clock: Clock) {
    this.#path = path;
    this.diskBytes = diskBytes;
    this.#clock = clock;
  }

  /** The next frame; its bytes are in the file. */
  add(frame: Frame): void {
    this.#frames.push(frame);
    this.#offsets.push((this.#offsets.at(-1) ?? 0) + (frame.kind === 'data' ? frame.zstdBytes : 0));
    this.#wake();
  }

  /** The source is verified and the image is in the cache. */
  complete(digest: string): void {
    this.#end ??= { digest };
    this.#wake();
  }

  /** There will be no such image. */
  fail(error: unknown): void {
    const message = error instanceof IngotError ? error.message : errorText(error);
    this.#end ??= { code: errorCode(error), message };
    this.#wake();
  }

  /** What is known from frame `from` on: at once when there is something to say, else within `waitMs`. */
  async growth(from: number, waitMs: number, signal: AbortSignal): Promise<Growth> {
    if (this.#end === undefined && from >= this.#frames.length) await this.#news(waitMs, signal);
    const end = this.#end;
    if (end !== undefined && 'code' in end) return { kind: 'failed', ...end };
    return growthFrom(this.#frames, from, this.diskBytes, end?.digest);
  }

  /** The zstd bytes of a data frame; undefined when it is not there yet or carries none. */
  async frame(index: number): Promise<Uint8Array | undefined> {
    const frame = this.#frames[index];
    if (frame?.kind !== 'data') return undefined;
    this.#file ??= open(this.#path, 'r');
    const file = await this.#file;
    const bytes = new Uint8Array(frame.zstdBytes);
    const { bytesRead } = await file.read(bytes, 0, bytes.length, this.#offsets[index] ?? 0);
    return bytesRead === bytes.length ? bytes : undefined;
  }

  async close(): Promise<void> {
    await this.#file?.then((file) => file.close()).catch(() => {});
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
  }

  #news(waitMs: number, signal: AbortSignal): Promise<void> {
    if (waitMs <= 0 || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        timer.cancel();
        signal.removeEventListener('abort', done);
        this.#waiting.delete(done);
        resolve();
      };
      const timer = this.#clock.timer(waitMs, done, true);
      signal.addEventListener('abort', done, { once: true });
      this.#waiting.add(done);
    });
  }
}
