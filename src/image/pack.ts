import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { type Checksum, findInSums, parseChecksum } from './checksum.ts';
import { convertImage, hashFile } from './convert.ts';
import { downloadText, downloadTo, type FetchDoors } from './download.ts';
import { imageErrors } from './errors.ts';
import { syncFolder } from './folder.ts';
import type { ImageManifest } from './manifest-types.ts';
import { parseSource, redactUrl, sourceBaseName } from './source-url.ts';

export interface PackRequest {
  /** URL or path. */
  source: string;
  /** Folder to make; must not exist. */
  dir: string;
  /** Optional for a local file, needed for everything that comes over a network. */
  checksum?: string;
  checksumType?: string;
  format?: string;
}

const MAX_BYTES = 2 ** 50;

/**
 * Packs one image into a folder of its own, outside of any cache.
 * @throws an error of `imageErrors`, the signal's reason
 */
export async function packImage(
  request: PackRequest,
  doors: FetchDoors,
  options: { signal: AbortSignal; onProgress?: (diskBytesDone: number) => void },
): Promise<ImageManifest> {
  const target = resolve(request.dir);
  const taken = await stat(target).catch(() => undefined);
  if (taken !== undefined) throw imageErrors.make('IMAGE_TARGET_EXISTS', `${request.dir} exists already`);
  const work = `${target}.part`;
  await rm(work, { recursive: true, force: true });
  await mkdir(join(work, 'packed'), { recursive: true });
  try {
    const path = await obtain(request, join(work, 'source'), doors, options.signal);
    const manifest = await convertImage(path, join(work, 'packed'), {
      ...options,
      format: request.format,
      where: redactUrl(request.source),
      maxDiskBytes: MAX_BYTES,
    });
    await rename(join(work, 'packed'), target);
    await syncFolder(dirname(target));
    return manifest;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function obtain(request: PackRequest, path: string, doors: FetchDoors, signal: AbortSignal): Promise<string> {
  const local = !URL.canParse(request.source);
  const source = parseSource(local ? resolve(request.source) : request.source);
  if (source.kind === 'file' && request.checksum === undefined) return source.path;
  if (request.checksum === undefined) {
    throw imageErrors.make('IMAGE_NO_CHECKSUM', `no checksum for ${redactUrl(request.source)}`, {
      hint: 'an image from the network is packed only with --checksum',
    });
  }
  const checksum = await wanted(request, sourceBaseName(source), doors, signal);
  const got =
    source.kind === 'file'
      ? await hashFile(source.path, checksum.algorithm, signal)
      : await downloadTo(source.url, path, checksum.algorithm, doors, { signal, maxBytes: MAX_BYTES });
  if (got.hex !== checksum.hex) {
    const text = `${redactUrl(request.source)} has ${checksum.algorithm} ${got.hex}, expected ${checksum.hex}`;
    throw imageErrors.make('IMAGE_CHECKSUM_MISMATCH', text, { seen: { expected: checksum.hex, got: got.hex } });
  }
  return source.kind === 'file' ? source.path : path;
}

async function wanted(
  request: PackRequest,
  baseName: string,
  doors: FetchDoors,
  signal: AbortSignal,
): Promise<Checksum> {
  const spec = parseChecksum(request.checksum, request.checksumType);
  if (spec.kind === 'digest') return spec.checksum;
  const text = await downloadText(new URL(spec.url), doors, signal);
  return findInSums(text, baseName, request.checksumType, redactUrl(spec.url));
}
