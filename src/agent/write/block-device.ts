import { constants } from 'node:fs';
import { type FileHandle, open, readFile, realpath, stat } from 'node:fs/promises';
import { errorText } from '../../core/errors.ts';
import { exec } from '../../core/exec.ts';
import type { Logger } from '../../core/log.ts';
import { FRAME_BYTES } from '../../image/manifest-types.ts';
import { BufferPool } from './buffer-pool.ts';
import { writeErrors } from './errors.ts';

/**
 * A disk as the writer sees it. Positions and lengths are whole sectors; buffers come from `pool`. Every failure is
 * WRITE_DEVICE_IO with the place.
 */
export interface BlockDevice extends AsyncDisposable {
  readonly path: string;
  readonly sizeBytes: number;
  readonly sectorBytes: number;
  readonly pool: BufferPool;
  /** Fills `target` from `position`. */
  read(target: Uint8Array, position: number): Promise<void>;
  write(source: Uint8Array, position: number): Promise<void>;
  /** Until it returns, nothing written is safe. */
  flush(): Promise<void>;
  /** Asks the device to zero a range by itself. False: it cannot; nothing is known about the range then. */
  zeroRange(position: number, length: number, signal: AbortSignal): Promise<boolean>;
}

export interface OpenOptions {
  log: Logger;
  /** Frames in memory at once. Default 4: with what decompression needs this stays below 64 MiB. */
  slots?: number;
  /** Use the page cache instead of direct I/O. Default: only when direct I/O does not work. */
  buffered?: boolean;
}

export const DEFAULT_SLOTS = 4;

/**
 * Opens a disk for itself alone: a mounted or otherwise claimed one is refused by the kernel. Regular files work too.
 * @throws WRITE_DEVICE_OPEN
 */
export async function openBlockDevice(path: string, options: OpenOptions): Promise<BlockDevice> {
  try {
    const real = await realpath(path);
    const geometry = await readGeometry(real);
    const pool = new BufferPool(options.slots ?? DEFAULT_SLOTS, FRAME_BYTES);
    const direct = options.buffered === true ? undefined : await openDirect(real, geometry, pool, options.log);
    const file = direct ?? (await open(real, constants.O_RDWR | constants.O_EXCL));
    return new FileDevice(real, geometry, pool, file);
  } catch (cause) {
    const busy = cause instanceof Error && 'code' in cause && cause.code === 'EBUSY' ? ' (it is in use)' : '';
    throw writeErrors.make('WRITE_DEVICE_OPEN', `cannot open ${path} for writing${busy}: ${errorText(cause)}`, {
      cause,
    });
  }
}

interface Geometry {
  sizeBytes: number;
  sectorBytes: number;
  block: boolean;
}

async function readGeometry(path: string): Promise<Geometry> {
  const facts = await stat(path);
  if (facts.isFile()) return { sizeBytes: facts.size, sectorBytes: 512, block: false };
  if (!facts.isBlockDevice()) throw new Error('not a disk');
  // dev_t as Linux encodes it: 12 bits of major in the middle, 20 bits of minor around them.
  const major = (facts.rdev >>> 8) & 0xfff;
  const minor = (facts.rdev & 0xff) | ((facts.rdev >>> 12) & 0xfff00);
  const sys = `/sys/dev/block/${major}:${minor}`;
  const number = async (file: string) => Number((await readFile(file, 'utf8')).trim());
  const sectorBytes = await number(`${sys}/queue/logical_block_size`).catch(() =>
    number(`${sys}/../queue/logical_block_size`),
  );
  // /sys counts in 512 bytes whatever the disk's sectors are.
  return { sizeBytes: (await number(`${sys}/size`)) * 512, sectorBytes, block: true };
}

/** Direct I/O, proven by one read; undefined when this file system, device or runtime cannot do it. */
async function openDirect(
  path: string,
  geometry: Geometry,
  pool: BufferPool,
  log: Logger,
): Promise<FileHandle | undefined> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, constants.O_RDWR | constants.O_EXCL | constants.O_DIRECT);
    const handle = file;
    await pool.with((slot) => handle.read(slot, 0, geometry.sectorBytes, 0));
    return file;
  } catch (error) {
    await file?.close();
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code !== 'EINVAL' && code !== 'ENOTSUP' && code !== 'EOPNOTSUPP') throw error;
    log.warn('direct I/O does not work here, writing through the page cache', { device: path });
    return undefined;
  }
}

class FileDevice implements BlockDevice {
  readonly path: string;
  readonly sizeBytes: number;
  readonly sectorBytes: number;
  readonly pool: BufferPool;
  readonly #file: FileHandle;
  #canZero: boolean;

  constructor(path: string, geometry: Geometry, pool: BufferPool, file: FileHandle) {
    this.path = path;
    this.sizeBytes = geometry.sizeBytes;
    this.sectorBytes = geometry.sectorBytes;
    this.pool = pool;
    this.#file = file;
    this.#canZero = geometry.block;
  }

  async read(target: Uint8Array, position: number): Promise<void> {
    await this.#io('read', position, async () => {
      for (let done = 0; done < target.length;) {
        const { bytesRead } = await this.#file.read(target, done, target.length - done, position + done);
        if (bytesRead === 0) throw new Error('the disk ends here');
        done += bytesRead;
      }
    });
  }

  async write(source: Uint8Array, position: number): Promise<void> {
    await this.#io('write', position, async () => {
      for (let done = 0; done < source.length;) {
        const { bytesWritten } = await this.#file.write(source, done, source.length - done, position + done);
        done += bytesWritten;
      }
    });
  }

  async flush(): Promise<void> {
    await this.#io('flush', 0, () => this.#file.datasync());
  }

  async zeroRange(position: number, length: number, signal: AbortSignal): Promise<boolean> {
    if (!this.#canZero) return false;
    try {
      // -f: we hold the disk exclusively already, and the program would ask for that too.
      await exec('blkdiscard', ['-f', '-z', '-o', String(position), '-l', String(length), this.path], { signal });
      return true;
    } catch {
      signal.throwIfAborted();
      // The program is missing, or the device refuses; both stay so.
      this.#canZero = false;
      return false;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }

  async #io(what: string, position: number, action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (cause) {
      const message = `${what} at byte ${position} of ${this.path} failed: ${errorText(cause)}`;
      throw writeErrors.make('WRITE_DEVICE_IO', message, { cause, seen: { position } });
    }
  }
}

/** Reads any range into ordinary memory. */
export async function readBytes(device: BlockDevice, position: number, length: number): Promise<Uint8Array> {
  const out = new Uint8Array(length);
  const { sectorBytes, pool } = device;
  for (let done = 0; done < length;) {
    const start = Math.floor((position + done) / sectorBytes) * sectorBytes;
    const skip = position + done - start;
    const wanted = Math.min(pool.slotBytes, Math.ceil((skip + length - done) / sectorBytes) * sectorBytes);
    await pool.with(async (slot) => {
      await device.read(slot.subarray(0, wanted), start);
      out.set(slot.subarray(skip, Math.min(wanted, skip + length - done)), done);
    });
    done += wanted - skip;
  }
  return out;
}

/** Writes bytes from ordinary memory at a sector boundary; a last part of a sector is filled with zeros. */
export async function writeBytes(device: BlockDevice, position: number, bytes: Uint8Array): Promise<void> {
  const { sectorBytes, pool } = device;
  for (let done = 0; done < bytes.length; done += pool.slotBytes) {
    const part = bytes.subarray(done, done + pool.slotBytes);
    await pool.with(async (slot) => {
      const padded = Math.ceil(part.length / sectorBytes) * sectorBytes;
      slot.set(part);
      slot.fill(0, part.length, padded);
      await device.write(slot.subarray(0, padded), position + done);
    });
  }
}
