import { type FileHandle, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { imageErrors } from './errors.ts';
import { decodeFrame, encodeFrame, isZero } from './frame-codec.ts';
import type { Frame, ImageManifest } from './manifest-types.ts';
import { frameLength, parseManifest, sealManifest } from './manifest.ts';
import type { RawFrame } from './raw-frames.ts';

/**
 * A packed image is a folder of two files: `manifest.json` and `frames.zst`, all data frames one behind the other. One
 * file, because then serving is one open descriptor and sequential reading, fsync is one call, and the offsets are the
 * running sum of the sizes in the manifest: no index that could disagree with it. `zstd -dc frames.zst` gives the data.
 */
export const MANIFEST_FILE = 'manifest.json';
export const FRAMES_FILE = 'frames.zst';

/** Frames being compressed at once: what the thread pool has, and at most 32 MiB of memory. */
const IN_FLIGHT = 4;

export interface PackOptions {
  signal: AbortSignal;
  /** Raw bytes of disk done so far. */
  onProgress?: (diskBytesDone: number) => void;
  /** The next frame is in `frames.zst`. */
  onFrame?: (frame: Frame) => void;
}

/**
 * Packs frames into `dir` (which exists and is empty) and flushes both files to the disk.
 * @throws what the frames throw, file system errors, the signal's reason
 */
export async function packFolder(
  frames: AsyncIterable<RawFrame>,
  dir: string,
  options: PackOptions,
): Promise<ImageManifest> {
  const out = await open(join(dir, FRAMES_FILE), 'wx');
  try {
    const { diskBytes, list } = await packFrames(frames, out, options);
    await out.sync();
    const manifest = sealManifest(diskBytes, list);
    await writeSynced(join(dir, MANIFEST_FILE), JSON.stringify(manifest));
    return manifest;
  } finally {
    await out.close();
  }
}

interface Encoded {
  frame: Frame;
  zstd: Uint8Array | undefined;
  rawBytes: number;
}

async function packFrames(
  frames: AsyncIterable<RawFrame>,
  out: FileHandle,
  options: PackOptions,
): Promise<{ diskBytes: number; list: Frame[] }> {
  const list: Frame[] = [];
  let diskBytes = 0;
  const queue: Promise<Encoded>[] = [];
  const finishOne = async () => {
    const done = await queue.shift();
    if (done === undefined) return;
    if (done.zstd !== undefined) await writeAll(out, done.zstd);
    list.push(done.frame);
    options.onFrame?.(done.frame);
    diskBytes += done.rawBytes;
    options.onProgress?.(diskBytes);
  };
  try {
    for await (const raw of frames) {
      options.signal.throwIfAborted();
      queue.push(encodeOne(raw));
      if (queue.length >= IN_FLIGHT) await finishOne();
    }
    while (queue.length > 0) await finishOne();
  } finally {
    await Promise.allSettled(queue);
  }
  return { diskBytes, list };
}

async function encodeOne(raw: RawFrame): Promise<Encoded> {
  if (raw.kind !== 'bytes') return { frame: { kind: raw.kind }, zstd: undefined, rawBytes: raw.length };
  const rawBytes = raw.bytes.length;
  if (isZero(raw.bytes)) return { frame: { kind: 'zero' }, zstd: undefined, rawBytes };
  return { ...(await encodeFrame(raw.bytes)), rawBytes };
}

async function writeAll(out: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += (await out.write(bytes, at)).bytesWritten;
}

/** Writes a file and flushes it. */
export async function writeSynced(path: string, text: string): Promise<void> {
  const file = await open(path, 'w');
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Makes renames in `dir` durable. */
export async function syncFolder(dir: string): Promise<void> {
  const handle = await open(dir, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Where frame `index` lies in `frames.zst`. */
export interface FrameRange {
  offset: number;
  length: number;
}

/** An opened packed image. */
export class PackedImage {
  readonly dir: string;
  readonly manifest: ImageManifest;
  readonly #file: FileHandle;
  readonly #offsets: Float64Array;

  private constructor(dir: string, manifest: ImageManifest, file: FileHandle, offsets: Float64Array) {
    this.dir = dir;
    this.manifest = manifest;
    this.#file = file;
    this.#offsets = offsets;
  }

  /**
   * @param digest refuse any other image
   * @throws IMAGE_CACHE_DAMAGED, IMAGE_MANIFEST_INVALID, ENOENT
   */
  static async open(dir: string, digest?: string): Promise<PackedImage> {
    const manifest = parseManifest(parseJson(await readFile(join(dir, MANIFEST_FILE), 'utf8')), digest);
    const offsets = new Float64Array(manifest.frames.length + 1);
    manifest.frames.forEach((f, i) => (offsets[i + 1] = (offsets[i] ?? 0) + (f.kind === 'data' ? f.zstdBytes : 0)));
    const file = await open(join(dir, FRAMES_FILE), 'r');
    const { size } = await file.stat();
    if (size !== offsets.at(-1)) {
      await file.close();
      throw imageErrors.make(
        'IMAGE_CACHE_DAMAGED',
        `${FRAMES_FILE} has ${size} bytes, its manifest says ${offsets.at(-1)}`,
      );
    }
    return new PackedImage(dir, manifest, file, offsets);
  }

  /** Undefined when there is no such frame or it carries no data. */
  range(index: number): FrameRange | undefined {
    const frame = this.manifest.frames[index];
    if (frame?.kind !== 'data') return undefined;
    return { offset: this.#offsets[index] ?? 0, length: frame.zstdBytes };
  }

  /** The zstd bytes of a data frame, undefined for anything else. @throws IMAGE_CACHE_DAMAGED */
  async frame(index: number): Promise<Uint8Array | undefined> {
    const range = this.range(index);
    if (range === undefined) return undefined;
    const bytes = new Uint8Array(range.length);
    const { bytesRead } = await this.#file.read(bytes, 0, range.length, range.offset);
    if (bytesRead !== range.length) throw imageErrors.make('IMAGE_CACHE_DAMAGED', `${FRAMES_FILE} is cut short`);
    return bytes;
  }

  /** The raw bytes of a data frame, verified; undefined for anything else. @throws IMAGE_FRAME_INVALID */
  async raw(index: number): Promise<Uint8Array | undefined> {
    const frame = this.manifest.frames[index];
    const zstd = await this.frame(index);
    if (frame?.kind !== 'data' || zstd === undefined) return undefined;
    return decodeFrame(frame, frameLength(this.manifest, index), zstd);
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw imageErrors.make('IMAGE_MANIFEST_INVALID', `${MANIFEST_FILE} is not JSON`, { cause });
  }
}
