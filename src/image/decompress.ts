import { spawn } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { execErrors } from '../core/exec.ts';
import { imageErrors } from './errors.ts';
import type { Compression } from './sniff.ts';

/** Memory an xz header may ask for; `xz -9` needs 65 MiB. */
const XZ_MEMORY = '--memlimit-decompress=256MiB';

/**
 * The content of a file, decompressed, as a stream of chunks. Nothing is held beyond a few buffers.
 * @throws IMAGE_DECOMPRESS_FAILED, EXEC_MISSING, the signal's reason
 */
export async function* decompressed(
  path: string,
  compression: Compression,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const big = { highWaterMark: 1 << 20 };
  if (compression === 'none') {
    yield* createReadStream(path, { ...big, signal });
    return;
  }
  try {
    if (compression === 'xz') yield* program('xz', ['-dc', XZ_MEMORY, '--', path], signal);
    else if (compression === 'bzip2') yield* program('bzip2', ['-dc', '--', path], signal);
    else {
      const source = createReadStream(path, { ...big, signal });
      const codec = compression === 'gzip' ? createGunzip({ chunkSize: 1 << 18 }) : createZstdDecompress();
      source.on('error', (e) => codec.destroy(e));
      yield* source.pipe(codec);
    }
  } catch (cause) {
    signal.throwIfAborted();
    if (execErrors.is(cause, 'EXEC_MISSING')) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw imageErrors.make('IMAGE_DECOMPRESS_FAILED', `the ${compression} data cannot be decompressed: ${why}`, {
      cause,
    });
  }
}

/** Output of a program as it comes; back pressure reaches the program through its pipe. */
async function* program(
  name: string,
  args: string[],
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const child = spawn(name, args, { stdio: ['ignore', 'pipe', 'pipe'], signal, killSignal: 'SIGKILL' });
  let words = '';
  child.stderr.on('data', (c: Uint8Array) => (words = (words + Buffer.from(c).toString('utf8')).slice(-500)));
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on('close', resolve);
    child.on('error', reject);
  });
  ended.catch(() => {});
  try {
    yield* child.stdout;
    const code = await ended;
    if (code !== 0) throw new Error(words.trim() === '' ? `${name} ended with code ${code}` : words.trim());
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      throw execErrors.make('EXEC_MISSING', `program ${name} is not installed`, { cause: error });
    }
    throw error;
  } finally {
    child.kill('SIGKILL');
  }
}
