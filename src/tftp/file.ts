import { open, realpath } from 'node:fs/promises';
import path from 'node:path';
import { errorCode } from '../core/errors.ts';

/** A file as the server reads it. */
export interface TftpFile {
  /** Bytes. */
  size: number;
  /** Exactly `length` bytes at `offset`, fewer only at the end. */
  read(offset: number, length: number): Promise<Uint8Array>;
  close?(): Promise<void>;
}

export interface TftpClient {
  address: string;
  port: number;
}

/** Where files come from; undefined when there is none of that name. `path` is relative and has passed `cleanPath`. */
export type TftpSource = (path: string, client: TftpClient) => Promise<TftpFile | undefined>;

/** A file whose bytes are in memory. */
export function bytesFile(bytes: Uint8Array): TftpFile {
  return {
    size: bytes.length,
    read: (offset, length) => Promise.resolve(bytes.subarray(offset, offset + length)),
  };
}

/** Serves the regular files below `root`; links are followed only to places that are below it as well. */
export function folderSource(root: string): TftpSource {
  return async (name) => {
    try {
      const top = await realpath(root);
      const real = await realpath(path.join(top, name));
      if (!real.startsWith(`${top}${path.sep}`)) return undefined;
      return await diskFile(real);
    } catch (error) {
      if (['ENOENT', 'ENOTDIR', 'EACCES', 'ELOOP', 'ENAMETOOLONG'].includes(errorCode(error))) return undefined;
      throw error;
    }
  };
}

async function diskFile(name: string): Promise<TftpFile | undefined> {
  const handle = await open(name, 'r');
  const info = await handle.stat();
  if (!info.isFile()) {
    await handle.close();
    return undefined;
  }
  return {
    size: info.size,
    async read(offset, length) {
      const buffer = new Uint8Array(length);
      const { bytesRead } = await handle.read(buffer, 0, length, offset);
      return buffer.subarray(0, bytesRead);
    },
    close: () => handle.close(),
  };
}

/** A file that grows in netascii has to be counted before it is sent; larger ones are refused. */
export const NETASCII_MAX_BYTES = 1 << 20;

/** `file` in netascii (RFC 764): LF becomes CR LF, CR becomes CR NUL. Reads and closes `file`. */
export async function netasciiFile(file: TftpFile): Promise<TftpFile> {
  const bytes = await file.read(0, file.size);
  await file.close?.();
  const out: number[] = [];
  for (const b of bytes) {
    if (b === 10) out.push(13, 10);
    else if (b === 13) out.push(13, 0);
    else out.push(b);
  }
  return bytesFile(Uint8Array.from(out));
}
