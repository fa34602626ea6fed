import { type FileHandle, open, stat } from 'node:fs/promises';
import { diskErrors } from '../disk/errors.ts';
import { type Gpt, parsePrimaryGpt } from '../disk/gpt.ts';
import { parseMbr } from '../disk/mbr.ts';
import { parseQcow2Header, QCOW2_HEADER_BYTES } from '../disk/qcow2.ts';
import { PackedImage } from './folder.ts';
import { decodeFrame } from './frame-codec.ts';
import { frameLength, type ManifestSummary, summarize } from './manifest.ts';
import { Qcow2Reader } from './qcow2-frames.ts';
import { type Compression, type DiskFormat, sniffCompression, sniffFormat } from './sniff.ts';

export interface PartitionFacts {
  number: number;
  name?: string;
  type: string;
  offset: number;
  bytes: number;
}

export interface TableFacts {
  kind: 'gpt' | 'mbr' | 'none' | 'damaged';
  sectorBytes?: number;
  partitions: PartitionFacts[];
}

export type ImageFacts =
  | ({ kind: 'packed'; digest: string; table: TableFacts } & ManifestSummary)
  | {
      kind: 'file';
      compression: Compression;
      /** Of what is in the file, when it is not compressed. */
      format?: DiskFormat;
      fileBytes: number;
      diskBytes?: number;
      table?: TableFacts;
    };

const HEAD_BYTES = 1024 * 1024;
const MAX_DISK_BYTES = 2 ** 50;

/**
 * What a packed image folder or an image file is, without changing or converting anything.
 * @throws IMAGE_MANIFEST_INVALID, IMAGE_CACHE_DAMAGED, DISK_QCOW2_INVALID, ENOENT
 */
export async function inspectImage(path: string): Promise<ImageFacts> {
  if ((await stat(path)).isDirectory()) return inspectFolder(path);
  const file = await open(path, 'r');
  try {
    return await inspectFile(file);
  } finally {
    await file.close();
  }
}

async function inspectFolder(path: string): Promise<ImageFacts> {
  const image = await PackedImage.open(path);
  try {
    const { manifest } = image;
    const head = (await image.raw(0)) ?? new Uint8Array(frameLength(manifest, 0));
    return { kind: 'packed', digest: manifest.digest, ...summarize(manifest), table: readTable(head) };
  } finally {
    await image.close();
  }
}

async function inspectFile(file: FileHandle): Promise<ImageFacts> {
  const { size: fileBytes } = await file.stat();
  const buffer = new Uint8Array(HEAD_BYTES);
  const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
  const head = buffer.subarray(0, bytesRead);
  const compression = sniffCompression(head);
  if (compression !== 'none') return { kind: 'file', compression, fileBytes };
  const format = sniffFormat(head);
  if (format === 'qcow2') {
    const { diskBytes } = parseQcow2Header(head.subarray(0, QCOW2_HEADER_BYTES), fileBytes, MAX_DISK_BYTES);
    const frame = await (await Qcow2Reader.open(file, MAX_DISK_BYTES)).frame(0, Math.min(HEAD_BYTES, diskBytes));
    const table = readTable(frame.kind === 'bytes' ? frame.bytes : new Uint8Array(frame.length));
    return { kind: 'file', compression, format, fileBytes, diskBytes, table };
  }
  if (format !== 'raw') return { kind: 'file', compression, format, fileBytes };
  return { kind: 'file', compression, format, fileBytes, diskBytes: fileBytes, table: readTable(head) };
}

function readTable(head: Uint8Array): TableFacts {
  for (const sectorBytes of [512, 4096]) {
    try {
      const gpt = parsePrimaryGpt(head.subarray(0, HEAD_BYTES), sectorBytes);
      if (gpt !== undefined) return gptFacts(gpt);
    } catch (error) {
      if (!diskErrors.is(error)) throw error;
      return { kind: 'damaged', sectorBytes, partitions: [] };
    }
  }
  const mbr = parseMbr(head);
  if (mbr === undefined || mbr.partitions.length === 0) return { kind: 'none', partitions: [] };
  const partitions = mbr.partitions.map((p) => ({
    number: p.number,
    type: `0x${p.type.toString(16).padStart(2, '0')}`,
    offset: p.firstLba * 512,
    bytes: p.sectors * 512,
  }));
  return { kind: 'mbr', sectorBytes: 512, partitions };
}

function gptFacts(gpt: Gpt): TableFacts {
  const { sectorBytes } = gpt;
  const partitions = gpt.partitions.map((p) => ({
    number: p.number,
    name: p.name,
    type: p.type,
    offset: p.firstLba * sectorBytes,
    bytes: (p.lastLba - p.firstLba + 1) * sectorBytes,
  }));
  return { kind: 'gpt', sectorBytes, partitions };
}

export interface VerifyReport {
  digest: string;
  frames: number;
  /** Frames whose stored bytes do not give the raw bytes the manifest promises. */
  damagedFrames: number[];
  /** Frames that differ from the file or disk compared with; absent when none was. */
  differentFrames?: number[];
}

/**
 * Checks every frame of a packed image and, when `against` is given, compares a file or disk with it.
 * @throws IMAGE_MANIFEST_INVALID, IMAGE_CACHE_DAMAGED, the signal's reason
 */
export async function verifyImage(
  dir: string,
  against: string | undefined,
  signal: AbortSignal,
): Promise<VerifyReport> {
  const image = await PackedImage.open(dir);
  const other = against === undefined ? undefined : await open(against, 'r');
  try {
    const { manifest } = image;
    const damagedFrames: number[] = [];
    const differentFrames: number[] = [];
    for (const [index, frame] of manifest.frames.entries()) {
      signal.throwIfAborted();
      const length = frameLength(manifest, index);
      let raw: Uint8Array | undefined = new Uint8Array(length);
      if (frame.kind === 'data') {
        const zstd = await image.frame(index);
        raw = zstd === undefined ? undefined : await decodeFrame(frame, length, zstd).catch(() => undefined);
        if (raw === undefined) damagedFrames.push(index);
      }
      const same = other === undefined || raw === undefined || (await reads(other, raw, index * manifest.frameBytes));
      if (!same) differentFrames.push(index);
    }
    const report = { digest: manifest.digest, frames: manifest.frames.length, damagedFrames };
    return other === undefined ? report : { ...report, differentFrames };
  } finally {
    await image.close();
    await other?.close();
  }
}

async function reads(file: FileHandle, expected: Uint8Array, position: number): Promise<boolean> {
  const got = new Uint8Array(expected.length);
  for (let done = 0; done < got.length;) {
    const { bytesRead } = await file.read(got, done, got.length - done, position + done);
    if (bytesRead === 0) return false;
    done += bytesRead;
  }
  return Buffer.compare(got, expected) === 0;
}
