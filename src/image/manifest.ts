import { imageErrors } from './errors.ts';
import { FRAME_BYTES, type Frame, type ImageManifest } from './manifest-types.ts';
import { imageDigest } from './merkle.ts';

/** 4 TiB of disk; a manifest of that many frames is about 100 MB of JSON. */
const MAX_FRAMES = 1 << 20;
/** Images are kept in whole sectors of this size, filled with zeros. */
export const IMAGE_SECTOR = 512;

/** The most bytes a zstd frame of `rawBytes` may have: incompressible data plus headers (zstd's own bound, rounded up). */
export function maxZstdBytes(rawBytes: number): number {
  return rawBytes + (rawBytes >>> 8) + 512;
}

/** Raw bytes of frame `index`; the last frame may be shorter than the others. */
export function frameLength(image: Pick<ImageManifest, 'diskBytes' | 'frameBytes'>, index: number): number {
  return Math.min(image.frameBytes, image.diskBytes - index * image.frameBytes);
}

export function sealManifest(diskBytes: number, frames: Frame[]): ImageManifest {
  const body = { version: 1 as const, diskBytes, frameBytes: FRAME_BYTES, frames };
  return { ...body, digest: imageDigest(body) };
}

/** @throws IMAGE_MANIFEST_INVALID */
export function invalidManifest(message: string): never {
  throw imageErrors.make('IMAGE_MANIFEST_INVALID', `image manifest: ${message}`);
}

const isCount = (v: unknown, max: number): v is number =>
  typeof v === 'number' && Number.isInteger(v) && v > 0 && v <= max;

/**
 * Checks a manifest from outside: shape, limits, and that its digest is the root over its frames.
 * @param expected the digest decided on (`sha256:<hex>`); undefined accepts any that is consistent
 * @throws IMAGE_MANIFEST_INVALID
 */
export function parseManifest(json: unknown, expected?: string): ImageManifest {
  if (typeof json !== 'object' || json === null) invalidManifest('not an object');
  const m = json as Record<string, unknown>;
  if (m['version'] !== 1) invalidManifest('version is not 1');
  if (m['frameBytes'] !== FRAME_BYTES) invalidManifest(`frames are not ${FRAME_BYTES} bytes`);
  const { frames } = m;
  const diskBytes = parseDiskBytes(m['diskBytes']);
  if (!Array.isArray(frames) || frames.length !== Math.ceil(diskBytes / FRAME_BYTES))
    invalidManifest('bad number of frames');
  const manifest = sealManifest(diskBytes, parseFrames(frames, 0, diskBytes));
  if (m['digest'] !== manifest.digest)
    invalidManifest(`digest is ${String(m['digest'])}, its frames make ${manifest.digest}`);
  if (expected !== undefined && expected !== manifest.digest) {
    invalidManifest(`digest is ${manifest.digest}, expected was ${expected}`);
  }
  return manifest;
}

/** @throws IMAGE_MANIFEST_INVALID */
export function parseDiskBytes(json: unknown): number {
  if (!isCount(json, MAX_FRAMES * FRAME_BYTES) || json % IMAGE_SECTOR !== 0) invalidManifest('bad diskBytes');
  return json;
}

/**
 * Frames of an image of this size, beginning with frame `from`.
 * @throws IMAGE_MANIFEST_INVALID
 */
export function parseFrames(json: readonly unknown[], from: number, diskBytes: number): Frame[] {
  const size = { diskBytes, frameBytes: FRAME_BYTES };
  if (from + json.length > Math.ceil(diskBytes / FRAME_BYTES)) invalidManifest('more frames than the disk has');
  return json.map((f, i) => parseFrame(f, frameLength(size, from + i), from + i));
}

function parseFrame(json: unknown, rawBytes: number, index: number): Frame {
  if (typeof json !== 'object' || json === null) invalidManifest(`frame ${index} is not an object`);
  const f = json as Record<string, unknown>;
  if (f['kind'] === 'zero' || f['kind'] === 'hole') return { kind: f['kind'] };
  if (f['kind'] !== 'data') invalidManifest(`frame ${index} has an unknown kind`);
  const { sha256, zstdBytes } = f;
  if (typeof sha256 !== 'string' || !/^[0-9a-f]{64}$/.test(sha256)) invalidManifest(`frame ${index} has no SHA-256`);
  if (!isCount(zstdBytes, maxZstdBytes(rawBytes))) invalidManifest(`frame ${index} has a bad size`);
  return { kind: 'data', sha256, zstdBytes };
}

export interface ManifestSummary {
  diskBytes: number;
  frames: number;
  dataFrames: number;
  zeroFrames: number;
  holeFrames: number;
  /** Raw bytes of the data frames. */
  dataBytes: number;
  /** What is sent over the network. */
  zstdBytes: number;
}

export function summarize(m: ImageManifest): ManifestSummary {
  const sum = { dataFrames: 0, zeroFrames: 0, holeFrames: 0, dataBytes: 0, zstdBytes: 0 };
  m.frames.forEach((frame, i) => {
    if (frame.kind === 'zero') sum.zeroFrames++;
    else if (frame.kind === 'hole') sum.holeFrames++;
    else {
      sum.dataFrames++;
      sum.dataBytes += frameLength(m, i);
      sum.zstdBytes += frame.zstdBytes;
    }
  });
  return { diskBytes: m.diskBytes, frames: m.frames.length, ...sum };
}
