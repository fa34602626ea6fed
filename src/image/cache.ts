import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../core/clock.ts';
import { errorText } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import { CacheDir, evictions, isSourceName, sourceName } from './cache-dir.ts';
import { type Checksum, findInSums, parseChecksum } from './checksum.ts';
import { convertImage, fileFacts, hashFile } from './convert.ts';
import { downloadText, downloadTo, type FetchDoors } from './download.ts';
import { imageErrors } from './errors.ts';
import { FRAMES_FILE, PackedImage } from './folder.ts';
import { type Growth, GrowingImage, growthFrom } from './growing.ts';
import { type HttpDoor, undiciDoor } from './http-door.ts';
import { verifyImage } from './inspect.ts';
import type { ImageManifest } from './manifest-types.ts';
import { nameField } from './name-field.ts';
import { SingleFlight } from './single-flight.ts';
import { type ImageSource, parseSource, redactUrl, sourceBaseName } from './source-url.ts';

/** `spec.image` of a BareMetalHost. */
export interface ImageRequest {
  url: string;
  checksum?: string;
  checksumType?: string;
  format?: string;
}

export interface ImageProgress {
  step: 'downloading' | 'verifying' | 'converting';
  bytesDone: number;
  bytesTotal?: number;
  /** Set as soon as frames can be had: under this name, by `growth` and `frame`. */
  growing?: { source: string; diskBytes: number };
}

export interface PreparedImage {
  digest: string;
  manifest: ImageManifest;
  /** `source:<hex>`: what it is called before its digest is known. */
  source: string;
}

export interface ImageCacheOptions {
  /** Folder of the cache; made when it is not there. One process at a time. */
  dir: string;
  clock: Clock;
  log: Logger;
  random: () => number;
  /** Default: undici with the system's certificates. */
  http?: HttpDoor;
  /**
   * May `spec.image.url` name files of the machine Ingot runs on? Default true. Say no where people who write hosts are
   * not those who own that machine.
   */
  localFiles?: boolean;
  /** The packed images together stay below this, bytes. Default 100 GiB. */
  maxCacheBytes?: number;
  /** Largest source file and largest disk, bytes. Default 1 TiB. */
  maxImageBytes?: number;
}

const GIB = 2 ** 30;
/** Space that a download or conversion always leaves free on the file system. */
const RESERVE_BYTES = 256 * 2 ** 20;
/** An image read this recently is not evicted, ms: agents may be in the middle of it. */
const BUSY_MS = 30 * 60_000;
/** Opened images kept at hand. */
const MAX_OPEN = 16;

/** Turns what users name in `spec.image` into manifests and frames, once, and keeps them. */
export class ImageCache {
  readonly #dir: CacheDir;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #doors: FetchDoors;
  readonly #maxCacheBytes: number;
  readonly #maxImageBytes: number;
  readonly #localFiles: boolean;
  readonly #flights = new SingleFlight<PreparedImage, ImageProgress>();
  /** Images that are being packed, by the name of their source. */
  readonly #growing = new Map<string, GrowingImage>();
  readonly #open = new Map<string, { image: Promise<PackedImage>; usedAt: number }>();
  readonly #started: Promise<void>;

  constructor(options: ImageCacheOptions) {
    const { clock, log, random } = options;
    this.#dir = new CacheDir(options.dir);
    this.#clock = clock;
    this.#log = log;
    this.#doors = { http: options.http ?? undiciDoor(), clock, random, log };
    this.#maxCacheBytes = options.maxCacheBytes ?? 100 * GIB;
    this.#maxImageBytes = options.maxImageBytes ?? 1024 * GIB;
    this.#localFiles = options.localFiles ?? true;
    this.#started = this.#dir.start();
    this.#started.catch(() => {});
  }

  /**
   * The manifest of an image, fetched, verified and converted if that was not done before. Asking twice at the same time
   * does the work once.
   * @throws an error of `imageErrors`, or the signal's reason
   */
  async prepare(
    request: ImageRequest,
    options: { signal: AbortSignal; onProgress?: (progress: ImageProgress) => void },
  ): Promise<PreparedImage> {
    await this.#started;
    const source = parseSource(request.url);
    if (source.kind === 'file' && !this.#localFiles) {
      throw imageErrors.make(
        'IMAGE_URL_INVALID',
        'spec.image.url names a local file, which this server does not serve',
      );
    }
    const checksum = await this.#checksum(request, source, options.signal);
    const key = JSON.stringify([request.url, checksum.algorithm, checksum.hex, request.format ?? '']);
    const known = await this.#dir.lookup(key);
    const cached = known === undefined ? undefined : await this.manifest(known);
    if (cached !== undefined) return { digest: cached.digest, manifest: cached, source: sourceName(key) };
    return this.#flights.run(key, options, (signal, report) =>
      this.#make(key, source, checksum, request, signal, report),
    );
  }

  /** Undefined when no such image is in the cache. */
  async manifest(digest: string): Promise<ImageManifest | undefined> {
    return (await this.#image(digest))?.manifest;
  }

  /**
   * The zstd bytes of data frame `index`; undefined when there is no such image or the frame carries no data.
   * @param name the image's digest or the name of its source, which may still be in the making
   */
  async frame(name: string, index: number): Promise<Uint8Array | undefined> {
    const growing = this.#growing.get(name);
    if (growing !== undefined) return growing.frame(index);
    const digest = isSourceName(name) ? await this.#dir.lookupSource(name) : name;
    return digest === undefined ? undefined : (await this.#image(digest))?.frame(index);
  }

  /**
   * What is known of an image that is being prepared, or was, from frame `from` on.
   * @param waitMs how long to wait when there is nothing new
   * @returns undefined when nobody prepares it and it is not in the cache
   */
  async growth(source: string, from: number, waitMs: number, signal: AbortSignal): Promise<Growth | undefined> {
    await this.#started;
    const growing = this.#growing.get(source);
    if (growing !== undefined) return growing.growth(from, waitMs, signal);
    const digest = await this.#dir.lookupSource(source);
    const manifest = digest === undefined ? undefined : await this.manifest(digest);
    return manifest === undefined ? undefined : growthFrom(manifest.frames, from, manifest.diskBytes, digest);
  }

  /**
   * Checks every stored frame, and drops the image when one is damaged: the next `prepare` makes it again. For when an
   * agent says that a frame does not fit its hash.
   * @returns whether the image is there and whole
   */
  async recheck(digest: string, signal: AbortSignal): Promise<boolean> {
    if ((await this.#image(digest)) === undefined) return false;
    const { damagedFrames } = await verifyImage(this.#dir.imageDir(digest), undefined, signal);
    if (damagedFrames.length === 0) return true;
    this.#log.warn('a cached image is damaged and is dropped', { digest, frames: damagedFrames.slice(0, 10) });
    await this.#drop(digest);
    return false;
  }

  /** Closes all files. */
  async close(): Promise<void> {
    const open = [...this.#open.values()];
    this.#open.clear();
    await Promise.allSettled(open.map(async (o) => (await o.image).close()));
  }

  async #checksum(request: ImageRequest, source: ImageSource, signal: AbortSignal): Promise<Checksum> {
    const spec = parseChecksum(request.checksum, request.checksumType);
    if (spec.kind === 'digest') return spec.checksum;
    const where = redactUrl(spec.url);
    try {
      const text = await downloadText(new URL(spec.url), this.#doors, signal);
      return findInSums(text, sourceBaseName(source), request.checksumType, where);
    } catch (error) {
      throw nameField(error, 'spec.image.checksum', where);
    }
  }

  async #make(
    key: string,
    source: ImageSource,
    checksum: Checksum,
    request: ImageRequest,
    signal: AbortSignal,
    report: (progress: ImageProgress) => void,
  ): Promise<PreparedImage> {
    const name = sourceName(key);
    let growing: GrowingImage | undefined;
    const grows = (image: GrowingImage) => {
      growing = image;
      this.#growing.set(name, image);
    };
    try {
      const made = await this.#pack(key, source, checksum, request, signal, report, grows);
      growing?.complete(made.digest);
      return made;
    } catch (error) {
      // After everything is tidied up: whoever hears of it finds nothing half made.
      growing?.fail(error);
      throw error;
    } finally {
      // An aborted preparation may end after the next one of the same image has begun.
      if (this.#growing.get(name) === growing) this.#growing.delete(name);
      await growing?.close();
    }
  }

  async #pack(
    key: string,
    source: ImageSource,
    checksum: Checksum,
    request: ImageRequest,
    signal: AbortSignal,
    report: (progress: ImageProgress) => void,
    grows: (image: GrowingImage) => void,
  ): Promise<PreparedImage> {
    const work = await this.#dir.workDir();
    const packed = await this.#dir.workDir();
    const where = redactUrl(request.url);
    let growing: GrowingImage | undefined;
    try {
      const file = await this.#obtain(source, join(work, 'source'), checksum, where, signal, report);
      const onProgress = (bytesDone: number) =>
        report({
          step: 'converting',
          bytesDone,
          ...(growing === undefined
            ? {}
            : { bytesTotal: growing.diskBytes, growing: { source: sourceName(key), diskBytes: growing.diskBytes } }),
        });
      const manifest = await convertImage(file.path, packed, {
        format: request.format,
        where,
        maxDiskBytes: this.#maxImageBytes,
        signal,
        onProgress,
        onSize: (diskBytes) => {
          growing = new GrowingImage(join(packed, FRAMES_FILE), diskBytes, this.#clock);
          grows(growing);
        },
        onFrame: (frame) => growing?.add(frame),
      });
      await file.check();
      // Looking at it drops a damaged copy, which would be in the way.
      await this.#image(manifest.digest);
      await this.#dir.publish(packed, manifest.digest);
      await this.#dir.remember(key, manifest.digest);
      this.#log.info('image is ready', { url: where, digest: manifest.digest, diskBytes: manifest.diskBytes });
      await this.#evict(manifest.digest);
      return { digest: manifest.digest, manifest, source: sourceName(key) };
    } catch (error) {
      throw nameField(noSpace(error, this.#dir.root), 'spec.image.url', where);
    } finally {
      await this.#dir.discard(work);
      await this.#dir.discard(packed);
    }
  }

  /** Gets a local file with the right checksum. `check` must be called after the last read. */
  async #obtain(
    source: ImageSource,
    path: string,
    checksum: Checksum,
    where: string,
    signal: AbortSignal,
    report: (progress: ImageProgress) => void,
  ): Promise<{ path: string; check: () => Promise<void> }> {
    if (source.kind === 'http') {
      const onProgress = (bytesDone: number, bytesTotal: number | undefined) =>
        report({ step: 'downloading', bytesDone, ...(bytesTotal === undefined ? {} : { bytesTotal }) });
      const maxBytes = Math.min(this.#maxImageBytes, await this.#freeBytes());
      const got = await downloadTo(source.url, path, checksum.algorithm, this.#doors, { signal, maxBytes, onProgress });
      compare(checksum, got.hex, where);
      return { path, check: async () => {} };
    }
    report({ step: 'verifying', bytesDone: 0 });
    const before = await hashFile(source.path, checksum.algorithm, signal);
    compare(checksum, before.hex, where);
    const check = async () => {
      const after = await fileFacts(source.path);
      if (after.bytes !== before.bytes || after.mtimeMs !== before.mtimeMs) {
        throw imageErrors.make('IMAGE_CHANGED', `${where} was changed while it was being read`);
      }
    };
    return { path: source.path, check };
  }

  async #freeBytes(): Promise<number> {
    const fs = await statfs(this.#dir.root);
    const free = fs.bavail * fs.bsize - RESERVE_BYTES;
    if (free <= 0) {
      throw imageErrors.make('IMAGE_CACHE_FULL', `the file system of ${this.#dir.root} has no space left for images`);
    }
    return free;
  }

  /** An open image, or undefined when it is not there or not whole (then it is dropped, to be made again). */
  async #image(digest: string): Promise<PackedImage | undefined> {
    await this.#started;
    const now = this.#clock.monotonic();
    let entry = this.#open.get(digest);
    if (entry === undefined) {
      entry = { image: PackedImage.open(this.#dir.imageDir(digest), digest), usedAt: now };
      // Awaited below; until then a failure must not count as unhandled.
      entry.image.catch(() => {});
      this.#open.set(digest, entry);
      this.#closeOldest();
      await this.#dir.touch(digest, this.#clock.now()).catch(() => {});
    }
    entry.usedAt = now;
    try {
      return await entry.image;
    } catch (error) {
      this.#open.delete(digest);
      if (imageErrors.is(error)) {
        this.#log.warn('a cached image is damaged and is dropped', { digest, error: errorText(error) });
        await this.#dir.remove(digest).catch(() => {});
      }
      return undefined;
    }
  }

  #closeOldest(): void {
    if (this.#open.size <= MAX_OPEN) return;
    const [oldest] = [...this.#open].sort(([, a], [, b]) => a.usedAt - b.usedAt);
    if (oldest === undefined) return;
    this.#open.delete(oldest[0]);
    oldest[1].image.then((i) => i.close()).catch(() => {});
  }

  async #evict(fresh: string): Promise<void> {
    const now = this.#clock.monotonic();
    const busy = [...this.#open].filter(([, o]) => now - o.usedAt < BUSY_MS).map(([digest]) => digest);
    const drop = evictions(await this.#dir.list(), this.#maxCacheBytes, new Set([fresh, ...busy]));
    for (const digest of drop) {
      this.#log.info('image dropped from the cache, it was used least recently', { digest });
      await this.#drop(digest);
    }
  }

  /** Takes an image out of the cache. Reads that are under way end with an error and are tried again by the agent. */
  async #drop(digest: string): Promise<void> {
    const open = this.#open.get(digest);
    this.#open.delete(digest);
    await this.#dir.remove(digest).catch(() => {});
    open?.image.then((i) => i.close()).catch(() => {});
  }
}

/** @throws IMAGE_CHECKSUM_MISMATCH */
function compare(expected: Checksum, got: string, where: string): void {
  if (expected.hex === got) return;
  throw imageErrors.make(
    'IMAGE_CHECKSUM_MISMATCH',
    `${where} has ${expected.algorithm} ${got}, spec.image.checksum says ${expected.hex}`,
    { seen: { expected: expected.hex, got } },
  );
}

function noSpace(error: unknown, dir: string): unknown {
  if (error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT')) {
    return imageErrors.make('IMAGE_CACHE_FULL', `no space left in ${dir}`, { cause: error });
  }
  return error;
}
