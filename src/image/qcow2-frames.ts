import type { FileHandle } from 'node:fs/promises';
import { promisify } from 'node:util';
import { constants, inflateRaw, zstdDecompress } from 'node:zlib';
import { diskErrors } from '../disk/errors.ts';
import {
  clusterPlace,
  type ClusterPlace,
  l2Offset,
  parseQcow2Header,
  type Qcow2Header,
  QCOW2_HEADER_BYTES,
} from '../disk/qcow2.ts';
import { imageErrors } from './errors.ts';
import { FRAME_BYTES } from './manifest-types.ts';
import { type FrameLimits, type RawFrame, wholeSectors } from './raw-frames.ts';
import { zstdFrameBytes } from './zstd-frame.ts';

const inflate = promisify(inflateRaw);
const unzstd = promisify(zstdDecompress);

/**
 * Reads the active layer of a qcow2 file frame by frame. The file may be hostile: no other file is opened, no offset is
 * believed without a check, memory stays at a few frames whatever the tables say.
 * @throws IMAGE_QCOW2_INVALID, the signal's reason
 */
export async function* framesOfQcow2(file: FileHandle, limits: FrameLimits): AsyncGenerator<RawFrame, void, undefined> {
  try {
    const reader = await Qcow2Reader.open(file, limits.maxDiskBytes);
    const { diskBytes } = reader.header;
    limits.onSize?.(wholeSectors(diskBytes));
    for (let at = 0; at < diskBytes; at += FRAME_BYTES) {
      limits.signal.throwIfAborted();
      yield await reader.frame(at, Math.min(FRAME_BYTES, diskBytes - at));
    }
  } catch (error) {
    if (!diskErrors.is(error, 'DISK_QCOW2_INVALID')) throw error;
    throw imageErrors.make('IMAGE_QCOW2_INVALID', `the qcow2 image cannot be used: ${error.message}`, {
      cause: error,
      hint: error.hint,
    });
  }
}

interface Piece {
  /** Offset in the frame. */
  at: number;
  length: number;
  place: ClusterPlace;
}

export class Qcow2Reader {
  readonly header: Qcow2Header;
  readonly #file: FileHandle;
  readonly #fileBytes: number;
  readonly #l1: DataView;
  /** The L2 table used last: reading goes upwards, so one is enough. */
  #l2: { index: number; table: DataView | undefined } = { index: -1, table: undefined };

  private constructor(file: FileHandle, fileBytes: number, header: Qcow2Header, l1: Uint8Array) {
    this.#file = file;
    this.#fileBytes = fileBytes;
    this.header = header;
    this.#l1 = new DataView(l1.buffer, l1.byteOffset, l1.byteLength);
  }

  /** @throws DISK_QCOW2_INVALID */
  static async open(file: FileHandle, maxDiskBytes: number): Promise<Qcow2Reader> {
    const { size } = await file.stat();
    const head = await readAt(file, 0, Math.min(QCOW2_HEADER_BYTES, size));
    const header = parseQcow2Header(head, size, maxDiskBytes);
    const l1 = await readAt(file, header.l1Offset, header.l1Entries * 8);
    return new Qcow2Reader(file, size, header, l1);
  }

  async frame(start: number, length: number): Promise<RawFrame> {
    const pieces = await this.#pieces(start, length);
    const padded = wholeSectors(length);
    if (pieces.every((p) => p.place.kind === 'hole')) return { kind: 'hole', length: padded };
    if (pieces.every((p) => p.place.kind === 'hole' || p.place.kind === 'zero'))
      return { kind: 'zero', length: padded };
    const bytes = new Uint8Array(padded);
    await Promise.all(pieces.map((piece) => this.#fill(bytes, piece, start)));
    return { kind: 'bytes', bytes };
  }

  /** What the frame is made of; neighbours that lie behind each other in the file are one piece. */
  async #pieces(start: number, length: number): Promise<Piece[]> {
    const { clusterBytes } = this.header;
    const pieces: Piece[] = [];
    for (let at = 0; at < length;) {
      const inCluster = (start + at) % clusterBytes;
      const size = Math.min(clusterBytes - inCluster, length - at);
      const place = shifted(await this.#place(Math.floor((start + at) / clusterBytes)), inCluster);
      const last = pieces.at(-1);
      if (last !== undefined && continues(last, place)) last.length += size;
      else pieces.push({ at, length: size, place });
      at += size;
    }
    return pieces;
  }

  async #place(cluster: number): Promise<ClusterPlace> {
    const perTable = this.header.clusterBytes / 8;
    const index = Math.floor(cluster / perTable);
    if (this.#l2.index !== index) this.#l2 = { index, table: await this.#readL2(index) };
    const { table } = this.#l2;
    if (table === undefined) return { kind: 'hole' };
    return clusterPlace(this.header, table.getBigUint64((cluster % perTable) * 8), this.#fileBytes);
  }

  async #readL2(index: number): Promise<DataView | undefined> {
    const offset = l2Offset(this.#l1.getBigUint64(index * 8));
    if (offset === 0) return undefined;
    const { clusterBytes } = this.header;
    if (offset % clusterBytes !== 0 || offset + clusterBytes > this.#fileBytes) {
      throw diskErrors.make('DISK_QCOW2_INVALID', `an L2 table is at ${offset}, beyond the file or not on a cluster`);
    }
    const bytes = await readAt(this.#file, offset, clusterBytes);
    return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  async #fill(frame: Uint8Array, piece: Piece, start: number): Promise<void> {
    const { place } = piece;
    const target = frame.subarray(piece.at, piece.at + piece.length);
    if (place.kind === 'data') await readInto(this.#file, target, place.offset);
    else if (place.kind === 'compressed') {
      const cluster = await this.#expand(await readAt(this.#file, place.offset, place.bytes));
      const from = (start + piece.at) % this.header.clusterBytes;
      target.set(cluster.subarray(from, from + piece.length));
    }
  }

  async #expand(bytes: Uint8Array): Promise<Uint8Array> {
    const { clusterBytes, compression } = this.header;
    const limit = { chunkSize: Math.max(64, clusterBytes), maxOutputLength: clusterBytes };
    let out: Uint8Array;
    try {
      out =
        compression === 'zstd'
          ? await unzstd(bytes.subarray(0, zstdFrameBytes(bytes)), limit)
          : // What follows the stream in its last sector belongs to the next cluster.
            await inflate(bytes, { ...limit, finishFlush: constants.Z_SYNC_FLUSH });
    } catch (cause) {
      throw diskErrors.make('DISK_QCOW2_INVALID', 'a compressed cluster is damaged', { cause });
    }
    if (out.length !== clusterBytes) throw diskErrors.make('DISK_QCOW2_INVALID', 'a compressed cluster is cut short');
    return out;
  }
}

function shifted(place: ClusterPlace, by: number): ClusterPlace {
  return place.kind === 'data' ? { kind: 'data', offset: place.offset + by } : place;
}

function continues(last: Piece, next: ClusterPlace): boolean {
  if (last.place.kind === 'data') return next.kind === 'data' && next.offset === last.place.offset + last.length;
  return last.place.kind !== 'compressed' && last.place.kind === next.kind;
}

async function readAt(file: FileHandle, offset: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  await readInto(file, bytes, offset);
  return bytes;
}

/** Reads until `target` is full or the file ends; what lies beyond the end stays zero, as QEMU has it. */
async function readInto(file: FileHandle, target: Uint8Array, offset: number): Promise<void> {
  for (let done = 0; done < target.length;) {
    const { bytesRead } = await file.read(target, done, target.length - done, offset + done);
    if (bytesRead === 0) return;
    done += bytesRead;
  }
}
