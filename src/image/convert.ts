import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { type FileHandle, open, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { ChecksumAlgorithm } from './checksum.ts';
import { decompressed } from './decompress.ts';
import { imageErrors } from './errors.ts';
import { packFolder, type PackOptions } from './folder.ts';
import type { ImageManifest } from './manifest-types.ts';
import { framesOfQcow2 } from './qcow2-frames.ts';
import { type FrameLimits, framesOfStream, tooLarge, wholeSectors } from './raw-frames.ts';
import { decideFormat, SNIFF_BYTES, sniffCompression } from './sniff.ts';

export interface ConvertOptions extends PackOptions {
  /** `spec.image.format`; undefined or '' detects. */
  format: string | undefined;
  /** The image's URL, redacted, for messages. */
  where: string;
  maxDiskBytes: number;
  /** Told before the first frame, when the size of the disk is known by then: not for a compressed raw image. */
  onSize?: (diskBytes: number) => void;
}

/**
 * Packs the image file at `path` (raw or qcow2, maybe compressed) into `dir`, which exists and is empty.
 * @throws IMAGE_FORMAT_MISMATCH, IMAGE_FORMAT_UNSUPPORTED, IMAGE_QCOW2_INVALID, IMAGE_DECOMPRESS_FAILED, IMAGE_EMPTY,
 *   IMAGE_TOO_LARGE, the signal's reason
 */
export async function convertImage(path: string, dir: string, options: ConvertOptions): Promise<ImageManifest> {
  const compression = sniffCompression(await readHead(path));
  const limits: FrameLimits = {
    maxDiskBytes: options.maxDiskBytes,
    signal: options.signal,
    onSize: options.onSize,
  };
  const stream = decompressed(path, compression, options.signal);
  const { head, rest } = await peek(stream);
  const format = decideFormat(head, options.format, options.where);
  if (format === 'raw') {
    if (compression === 'none') options.onSize?.(wholeSectors((await stat(path)).size));
    return packFolder(framesOfStream(rest, limits), dir, options);
  }
  if (compression === 'none') {
    await rest.return(undefined);
    return withFile(path, (file) => packFolder(framesOfQcow2(file, limits), dir, options));
  }
  // qcow2 is read back and forth, so it has to be a file.
  const spool = join(dir, 'spool');
  try {
    await pipeline(bounded(rest, options.maxDiskBytes), createWriteStream(spool), { signal: options.signal });
    return await withFile(spool, (file) => packFolder(framesOfQcow2(file, limits), dir, options));
  } finally {
    await unlink(spool);
  }
}

async function readHead(path: string): Promise<Uint8Array> {
  return withFile(path, async (file) => {
    const head = new Uint8Array(SNIFF_BYTES);
    const { bytesRead } = await file.read(head, 0, SNIFF_BYTES, 0);
    return head.subarray(0, bytesRead);
  });
}

async function withFile<T>(path: string, use: (file: FileHandle) => Promise<T>): Promise<T> {
  const file = await open(path, 'r');
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}

/** Looks at the beginning of a stream without losing it. */
async function peek(
  stream: AsyncGenerator<Uint8Array, void, undefined>,
): Promise<{ head: Uint8Array; rest: AsyncGenerator<Uint8Array, void, undefined> }> {
  const seen: Uint8Array[] = [];
  let size = 0;
  while (size < SNIFF_BYTES) {
    const next = await stream.next();
    if (next.done === true) break;
    seen.push(next.value);
    size += next.value.length;
  }
  const head = Buffer.concat(seen).subarray(0, SNIFF_BYTES);
  async function* rest(): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      yield* seen;
      yield* stream;
    } finally {
      await stream.return(undefined);
    }
  }
  return { head, rest: rest() };
}

async function* bounded(chunks: AsyncIterable<Uint8Array>, max: number): AsyncGenerator<Uint8Array, void, undefined> {
  let total = 0;
  for await (const chunk of chunks) {
    total += chunk.length;
    if (total > max) tooLarge(max);
    yield chunk;
  }
}

/**
 * Hex digest of a local file.
 * @throws IMAGE_NOT_FOUND when it is not a regular file, the signal's reason
 */
export async function hashFile(
  path: string,
  algorithm: ChecksumAlgorithm,
  signal: AbortSignal,
): Promise<{ hex: string; bytes: number; mtimeMs: number }> {
  const facts = await fileFacts(path);
  const hash = createHash(algorithm);
  for await (const chunk of createReadStream(path, { signal, highWaterMark: 1 << 20 }))
    hash.update(chunk as Uint8Array);
  return { hex: hash.digest('hex'), ...facts };
}

/** @throws IMAGE_NOT_FOUND */
export async function fileFacts(path: string): Promise<{ bytes: number; mtimeMs: number }> {
  const facts = await stat(path).catch((cause: unknown) => {
    throw imageErrors.make('IMAGE_NOT_FOUND', `${path} cannot be opened on this server`, { cause });
  });
  if (!facts.isFile()) throw imageErrors.make('IMAGE_NOT_FOUND', `${path} is not a regular file`);
  return { bytes: facts.size, mtimeMs: facts.mtimeMs };
}
