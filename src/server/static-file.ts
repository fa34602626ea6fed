import { open } from 'node:fs/promises';
import type { FastifyReply, FastifyRequest, HTTPMethods } from 'fastify';

/**
 * Methods of a route that sends files. HEAD is named because the HEAD route that Fastify would add by itself says
 * `content-length: 0`, whatever the handler set: UEFI HTTP boot makes its buffer as large as HEAD says, and then waits
 * for ever with a file that does not fit.
 */
export const FILE_METHODS: HTTPMethods[] = ['GET', 'HEAD'];

export interface ByteRange {
  start: number;
  /** Inclusive. */
  end: number;
}

/**
 * Reads a Range header for a file of `size` bytes (RFC 9110 §14.1.2). Only one range is served; several, or another
 * unit, are as if none were asked for.
 */
export function parseRange(header: string | undefined, size: number): ByteRange | 'all' | 'unsatisfiable' {
  const match = header === undefined ? null : /^bytes=(\d*)-(\d*)$/.exec(header.trim());
  if (match === null) return 'all';
  const [, first = '', last = ''] = match;
  if (first === '' && last === '') return 'all';
  if (first === '') {
    const count = Math.min(Number(last), size);
    return count === 0 ? 'unsatisfiable' : { start: size - count, end: size - 1 };
  }
  const start = Number(first);
  const end = last === '' ? size - 1 : Math.min(Number(last), size - 1);
  if (last !== '' && Number(last) < start) return 'all';
  return start >= size ? 'unsatisfiable' : { start, end };
}

/**
 * Sends a file, whole or the range asked for. The caller has decided that it may be read.
 * @param count told how many bytes of the file are about to be sent
 */
export async function sendFile(
  request: FastifyRequest,
  reply: FastifyReply,
  path: string,
  count: (bytes: number) => void = () => {},
): Promise<FastifyReply> {
  const handle = await open(path, 'r');
  try {
    const { size } = await handle.stat();
    const range = parseRange(request.headers.range, size);
    // UEFI HTTP boot starts only what is called a program (UEFI 2.10 §24.7, media type application/efi).
    const type = path.endsWith('.efi') ? 'application/efi' : 'application/octet-stream';
    reply.header('accept-ranges', 'bytes').type(type);
    if (range === 'unsatisfiable') {
      await handle.close();
      return await reply.code(416).header('content-range', `bytes */${size}`).send();
    }
    const { start, end } = range === 'all' ? { start: 0, end: size - 1 } : range;
    if (range !== 'all') reply.code(206).header('content-range', `bytes ${start}-${end}/${size}`);
    reply.header('content-length', Math.max(0, end - start + 1));
    if (request.method === 'HEAD' || size === 0) {
      await handle.close();
      return await reply.send();
    }
    count(end - start + 1);
    // The stream owns the handle from here and closes it, also when the client goes away.
    return await reply.send(handle.createReadStream({ start, end, highWaterMark: 256 * 1024 }));
  } catch (error) {
    await handle.close().catch(() => {});
    throw error;
  }
}
