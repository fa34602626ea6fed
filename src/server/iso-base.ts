import { type FileHandle, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type IsoArea, type IsoInfo, type IsoPatch, overlayPieces } from '../disk/iso-overlay.ts';

const CHUNK = 256 * 1024;

/**
 * The ISO that all machines share. It is held open: a ramdisk that is built anew meanwhile takes its place in the folder,
 * and machines that fetch go on with the one they began with.
 */
export class IsoBase {
  readonly info: IsoInfo;
  readonly #file: FileHandle;

  private constructor(info: IsoInfo, file: FileHandle) {
    this.info = info;
    this.#file = file;
  }

  /** @returns undefined when the ramdisk in `dir` was built without an ISO, or its description does not fit */
  static async open(dir: string): Promise<IsoBase | undefined> {
    const info = isoInfo(await readFile(join(dir, 'ramdisk.json'), 'utf8').catch(() => '{}'));
    if (info === undefined) return undefined;
    const file = await open(join(dir, info.file), 'r').catch(() => undefined);
    if (file === undefined) return undefined;
    if ((await file.stat()).size === info.bytes) return new IsoBase(info, file);
    await file.close();
    return undefined;
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  /** The bytes `start` to `end` (past the last) with patches over them; one chunk is in memory at a time. */
  async *read(patches: readonly IsoPatch[], start: number, end: number): AsyncGenerator<Uint8Array> {
    for (const piece of overlayPieces(patches, start, end)) {
      if (piece.kind === 'data') yield piece.data;
      else yield* this.#chunks(piece.start, piece.end);
    }
  }

  async *#chunks(start: number, end: number): AsyncGenerator<Uint8Array> {
    for (let at = start; at < end;) {
      const wanted = Math.min(CHUNK, end - at);
      const { bytesRead, buffer } = await this.#file.read(new Uint8Array(wanted), 0, wanted, at);
      if (bytesRead === 0) throw new Error(`${this.info.file} ended at ${at} instead of ${this.info.bytes}`);
      yield buffer.subarray(0, bytesRead);
      at += bytesRead;
    }
  }
}

/** The description of the ISO in the text of `ramdisk.json`. */
function isoInfo(text: string): IsoInfo | undefined {
  const all = record(JSON.parse(text));
  const iso = record(all?.['iso']);
  const bytes = count(iso?.['bytes']);
  const sha256 = iso?.['sha256'];
  if (bytes === undefined || typeof sha256 !== 'string') return undefined;
  const [args, host] = [areaOf(iso?.['arguments'], bytes), areaOf(iso?.['host'], bytes)];
  if (args === undefined || host === undefined) return undefined;
  return { file: 'ramdisk.iso', bytes, sha256, arguments: args, host };
}

function areaOf(value: unknown, size: number): IsoArea | undefined {
  const area = record(value);
  const [offset, bytes] = [count(area?.['offset']), count(area?.['bytes'])];
  return offset === undefined || bytes === undefined || offset + bytes > size ? undefined : { offset, bytes };
}

function count(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

function record(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
}
