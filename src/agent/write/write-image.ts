import type { WriteResult } from '../../agent-protocol/messages.ts';
import type { Clock } from '../../core/clock.ts';
import type { Logger } from '../../core/log.ts';
import { diskErrors } from '../../disk/errors.ts';
import { GPT_SIGNATURE } from '../../disk/gpt.ts';
import { imageErrors } from '../../image/errors.ts';
import { sha256Hex } from '../../image/frame-codec.ts';
import { frameLength } from '../../image/manifest.ts';
import { type BlockDevice, readBytes } from './block-device.ts';
import { writeErrors } from './errors.ts';
import { Gate } from './gate.ts';
import { type FetchDoors, type FetchFrame, fetchRaw } from './frame-fetcher.ts';
import type { ImageFeed } from './image-feed.ts';
import { endFrames, type Frames, isProbe, type Job, padTo, planJobs, probeFrames, rangeOf } from './plan.ts';
import { runJobs } from './run-jobs.ts';
import { makeZero, readsZero } from './zero.ts';

export interface WriteOptions {
  device: BlockDevice;
  image: ImageFeed;
  fetchFrame: FetchFrame;
  onProgress?: (progress: WriteProgress) => void;
  signal: AbortSignal;
  clock: Clock;
  random: () => number;
  log: Logger;
  /** Frames in work at once. Default 4; more than the device's buffers only wait. */
  concurrency?: number;
  /** How long the server may be away, ms. Default 120 000. */
  patienceMs?: number;
}

export interface WriteProgress {
  step: 'looking at what is on the disk' | 'writing image' | 'waiting for the image to be verified' | 'verifying';
  bytesDone: number;
  bytesTotal: number;
}

/** Cleared before anything else is written: partition tables, boot code, file systems without a table. */
const HEAD_BYTES = 1024 * 1024;

/**
 * Writes an image to a disk so that at no instant a half-written one could boot: the ends are cleared and flushed first,
 * frame 0 and the last frame come after everything else is flushed, and are read back. For an image that is still being
 * prepared they also wait for its digest: by then the source is verified, and so is the root over all frames. Frames that are on the disk
 * already (an interrupted write, a similar image) are found by their hash and not fetched. Holes of the source read as
 * zero afterwards, as they did in the source.
 * @throws IMAGE_TOO_LARGE_FOR_DISK, DISK_SECTOR_SIZE, WRITE_DEVICE_IO, WRITE_FRAME_UNAVAILABLE,
 *   WRITE_FRAME_CORRUPT, WRITE_VERIFY_FAILED, the signal's reason
 */
export async function writeImage(options: WriteOptions): Promise<WriteResult> {
  const { frames } = options.image;
  checkFits(frames, options.device);
  const writer = new Writer(options, frames);
  return writer.run();
}

function checkFits(manifest: Frames, device: BlockDevice): void {
  if (manifest.diskBytes <= device.sizeBytes) return;
  throw imageErrors.make(
    'IMAGE_TOO_LARGE_FOR_DISK',
    `the image has a disk of ${manifest.diskBytes} bytes, ${device.path} has ${device.sizeBytes}`,
  );
}

/**
 * A partition table counts in sectors of the disk it was made for: on another sector size nothing would be found.
 * @throws DISK_SECTOR_SIZE
 */
export function checkSectorSize(frame0: Uint8Array, device: Pick<BlockDevice, 'path' | 'sectorBytes'>): void {
  const at = (offset: number) => Buffer.from(frame0.subarray(offset, offset + 8)).toString('latin1') === GPT_SIGNATURE;
  const made = [512, 4096].find((sector) => at(sector));
  if (made === undefined || made === device.sectorBytes) return;
  throw diskErrors.make(
    'DISK_SECTOR_SIZE',
    `the image is made for sectors of ${made} bytes, ${device.path} has ${device.sectorBytes}`,
  );
}

/** Two requests fill any link between a server and its machines; the other lanes decompress and write meanwhile. */
const MAX_FETCHES = 2;

class Writer {
  readonly #o: WriteOptions;
  readonly #m: Frames;
  readonly #device: BlockDevice;
  readonly #fetch: FetchDoors;
  readonly #startedAt: number;
  #resume = false;
  /** Data frames of a growing image that came by so far. */
  #dataFrames = 0;
  #bytesDone = 0;
  readonly #sum = { framesWritten: 0, framesResumed: 0, framesZeroed: 0, bytesFetched: 0, bytesWritten: 0 };

  constructor(options: WriteOptions, frames: Frames) {
    this.#o = options;
    this.#m = frames;
    this.#device = options.device;
    const { fetchFrame, clock, random, log } = options;
    this.#fetch = {
      fetchFrame,
      clock,
      random,
      log,
      gate: new Gate(MAX_FETCHES),
      patienceMs: options.patienceMs ?? 120_000,
    };
    this.#startedAt = clock.monotonic();
  }

  async run(): Promise<WriteResult> {
    const { signal, image, concurrency = 4 } = this.#o;
    this.#report('looking at what is on the disk');
    await image.until(0, signal);
    // Frame 0 is fetched before the first write: an image that cannot fit this disk leaves it as it is.
    const first = (await this.#fromDisk(0)) ?? (await this.#obtain(0, signal));
    if (first !== undefined) checkSectorSize(first, this.#device);
    if (image.whole) this.#resume = await this.#foundEarlierWrite();
    await this.#clearEdges();
    const jobs = (s: AbortSignal) => planJobs(this.#m, (index) => image.until(index, s));
    await runJobs(jobs, concurrency, signal, (job, s) => this.#job(job, s));
    await this.#device.flush();
    if (!image.whole) this.#report('waiting for the image to be verified');
    const manifestDigest = await image.verified(signal);
    const ends = endFrames(this.#m);
    for (const index of ends) await this.#end(index, index === 0 ? first : undefined);
    for (const index of ends) await this.#verify(index);
    this.#report('verifying');
    const seconds = Math.round(this.#o.clock.monotonic() - this.#startedAt) / 1000;
    return { kind: 'write', ...this.#sum, seconds, manifestDigest };
  }

  /** Raw bytes of a data frame from the server; undefined for one that carries none. */
  async #obtain(index: number, signal: AbortSignal): Promise<Uint8Array | undefined> {
    if (this.#m.frames[index]?.kind !== 'data') return undefined;
    const { raw, fetched } = await fetchRaw(this.#m, index, this.#fetch, signal);
    this.#sum.bytesFetched += fetched;
    return raw;
  }

  /** Raw bytes of a data frame, when the disk has exactly them: a write that was finished before needs no server. */
  async #fromDisk(index: number): Promise<Uint8Array | undefined> {
    if (this.#m.frames[index]?.kind !== 'data' || !(await this.#isOnDisk(index))) return undefined;
    return readBytes(this.#device, index * this.#m.frameBytes, frameLength(this.#m, index));
  }

  async #foundEarlierWrite(): Promise<boolean> {
    for (const index of probeFrames(this.#m)) {
      this.#o.signal.throwIfAborted();
      if (await this.#probe(index)) return true;
    }
    return false;
  }

  async #probe(index: number): Promise<boolean> {
    if (!(await this.#isOnDisk(index))) return false;
    this.#o.log.info('the disk holds frames of this image; only what differs is fetched', { probe: index });
    return true;
  }

  /** Is this data frame on the disk already? Looked at only when there is reason to believe so. */
  async #isThere(index: number): Promise<boolean> {
    if (this.#resume) return this.#isOnDisk(index);
    if (this.#o.image.whole || !isProbe(++this.#dataFrames) || !(await this.#probe(index))) return false;
    return (this.#resume = true);
  }

  #isOnDisk(index: number): Promise<boolean> {
    const frame = this.#m.frames[index];
    const { position, length } = this.#range(index);
    if (frame?.kind !== 'data') return readsZero(this.#device, position, length);
    return this.#device.pool.with(async (slot) => {
      await this.#device.read(slot.subarray(0, length), position);
      // Bytes beyond the image's end, in the disk's last sector of it, are not part of the frame.
      return sha256Hex(slot.subarray(0, frameLength(this.#m, index))) === frame.sha256;
    });
  }

  /** Where a frame lies on the disk, in whole sectors. */
  #range(index: number): { position: number; length: number } {
    const { position, length } = rangeOf(this.#m, index, 1);
    return { position, length: padTo(this.#device.sectorBytes, length) };
  }

  /** From here on until the very end there is nothing on the disk that firmware would start. */
  async #clearEdges(): Promise<void> {
    const { pool, sizeBytes, sectorBytes } = this.#device;
    await this.#device.write(pool.zeros.subarray(0, Math.min(HEAD_BYTES, sizeBytes)), 0);
    // The backup header: without it the backup entries before it are only bytes.
    await this.#device.write(pool.zeros.subarray(0, sectorBytes), sizeBytes - sectorBytes);
    await this.#device.flush();
  }

  async #job(job: Job, signal: AbortSignal): Promise<void> {
    if (job.kind === 'zero') await this.#zero(job.first, job.count, signal);
    else if (await this.#isThere(job.index)) this.#sum.framesResumed++;
    else await this.#put(job.index, await this.#obtain(job.index, signal));
    const { length } = job.kind === 'zero' ? rangeOf(this.#m, job.first, job.count) : rangeOf(this.#m, job.index, 1);
    this.#bytesDone += length;
    this.#report('writing image');
  }

  async #zero(first: number, count: number, signal: AbortSignal): Promise<void> {
    const { position, length } = rangeOf(this.#m, first, count);
    const onLie = (at: number) => this.#o.log.warn('the disk said it zeroed a range and did not', { position: at });
    const doors = { signal, random: this.#o.random, onLie };
    const padded = padTo(this.#device.sectorBytes, length);
    const written = await makeZero(this.#device, position, padded, doors);
    this.#sum.bytesWritten += written;
    this.#sum.framesZeroed += count;
  }

  async #put(index: number, raw: Uint8Array | undefined): Promise<void> {
    if (raw === undefined) return;
    const { position, length } = this.#range(index);
    await this.#device.pool.with(async (slot) => {
      slot.set(raw);
      slot.fill(0, raw.length, length);
      await this.#device.write(slot.subarray(0, length), position);
    });
    this.#sum.framesWritten++;
    this.#sum.bytesWritten += length;
  }

  /** @param held the raw bytes, when they are in memory already */
  async #end(index: number, held: Uint8Array | undefined): Promise<void> {
    const { signal } = this.#o;
    signal.throwIfAborted();
    if (this.#m.frames[index]?.kind !== 'data') await this.#zero(index, 1, signal);
    else if (held === undefined && this.#resume && (await this.#isOnDisk(index))) this.#sum.framesResumed++;
    else await this.#put(index, held ?? (await this.#obtain(index, signal)));
    await this.#device.flush();
    this.#bytesDone += frameLength(this.#m, index);
    this.#report('writing image');
  }

  async #verify(index: number): Promise<void> {
    if (await this.#isOnDisk(index)) return;
    const { position } = this.#range(index);
    // What cannot be trusted must not boot.
    await this.#clearEdges();
    throw writeErrors.make(
      'WRITE_VERIFY_FAILED',
      `frame ${index} at byte ${position} of ${this.#device.path} reads back differently`,
    );
  }

  #report(step: WriteProgress['step']): void {
    this.#o.onProgress?.({ step, bytesDone: this.#bytesDone, bytesTotal: this.#m.diskBytes });
  }
}
