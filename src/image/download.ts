import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { type BackoffPolicy, retry } from '../core/backoff.ts';
import type { Clock } from '../core/clock.ts';
import { errorText, IngotError } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import type { ChecksumAlgorithm } from './checksum.ts';
import { imageErrors } from './errors.ts';
import type { HttpDoor, HttpReply } from './http-door.ts';
import { redactUrl } from './source-url.ts';

export interface FetchDoors {
  http: HttpDoor;
  clock: Clock;
  random: () => number;
  log: Logger;
}

const POLICY: BackoffPolicy = { initialMs: 500, maxMs: 10_000, factor: 2, jitter: 0.5, attempts: 6 };
const MAX_SUMS_BYTES = 4 * 1024 * 1024;

export interface DownloadOptions {
  signal: AbortSignal;
  maxBytes: number;
  onProgress?: (done: number, total: number | undefined) => void;
}

/** State of one download over all its attempts. */
interface Progress {
  file: FileHandle;
  hash: Hash;
  algorithm: ChecksumAlgorithm;
  done: number;
  total: number | undefined;
  /** ETag or date that makes a range request safe. */
  validator: string | undefined;
}

/**
 * Downloads `url` to `path`, hashing on the way. A broken transfer goes on where it broke, when the server can.
 * @returns hex digest and size of the file
 * @throws IMAGE_NOT_FOUND, IMAGE_FORBIDDEN, IMAGE_FETCH_FAILED, IMAGE_TRUNCATED, IMAGE_TOO_LARGE, the signal's reason
 */
export async function downloadTo(
  url: URL,
  path: string,
  algorithm: ChecksumAlgorithm,
  doors: FetchDoors,
  options: DownloadOptions,
): Promise<{ hex: string; bytes: number }> {
  const file = await open(path, 'w');
  try {
    const state: Progress = {
      file,
      algorithm,
      hash: createHash(algorithm),
      done: 0,
      total: undefined,
      validator: undefined,
    };
    await withRetries(url, doors, options.signal, () => attempt(url, state, doors, options));
    return { hex: state.hash.digest('hex'), bytes: state.done };
  } finally {
    await file.close();
  }
}

/** Downloads a small text, a sums file. @throws as `downloadTo` */
export async function downloadText(url: URL, doors: FetchDoors, signal: AbortSignal): Promise<string> {
  return withRetries(url, doors, signal, async () => {
    const reply = await ask(url, {}, doors, signal);
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of reply.body) {
      size += chunk.length;
      if (size > MAX_SUMS_BYTES) {
        throw imageErrors.make('IMAGE_CHECKSUM_INVALID', `${redactUrl(url.href)} is too large to be a sums file`);
      }
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString('utf8');
  });
}

/** Errors that are not ours yet are the network's; they get the URL and a code. */
async function withRetries<T>(url: URL, doors: FetchDoors, signal: AbortSignal, action: () => Promise<T>): Promise<T> {
  const onRetry = (error: unknown, n: number, delayMs: number) =>
    doors.log.warn('image fetch broke, trying again', {
      url: redactUrl(url.href),
      error: errorText(error),
      attempt: n,
      delayMs,
    });
  return retry(POLICY, { clock: doors.clock, random: doors.random, signal, onRetry }, async () => {
    try {
      return await action();
    } catch (cause) {
      signal.throwIfAborted();
      if (cause instanceof IngotError) throw cause;
      throw imageErrors.make('IMAGE_FETCH_FAILED', `${redactUrl(url.href)}: ${errorText(cause)}`, { cause });
    }
  });
}

async function ask(
  url: URL,
  headers: Record<string, string>,
  doors: FetchDoors,
  signal: AbortSignal,
): Promise<HttpReply> {
  const reply = await doors.http(url, headers, signal);
  if (reply.status === 200 || reply.status === 206) return reply;
  reply.discard();
  const where = redactUrl(url.href);
  if (reply.status === 404 || reply.status === 410) {
    throw imageErrors.make('IMAGE_NOT_FOUND', `${where} is not there (HTTP ${reply.status})`);
  }
  if (reply.status === 401 || reply.status === 403) {
    throw imageErrors.make('IMAGE_FORBIDDEN', `${where} is refused (HTTP ${reply.status})`);
  }
  throw imageErrors.make('IMAGE_FETCH_FAILED', `${where} answers HTTP ${reply.status}`);
}

async function attempt(url: URL, state: Progress, doors: FetchDoors, options: DownloadOptions): Promise<void> {
  const range: Record<string, string> =
    state.done > 0 && state.validator !== undefined
      ? { range: `bytes=${state.done}-`, 'if-range': state.validator }
      : {};
  const reply = await ask(url, range, doors, options.signal);
  try {
    await acceptHeaders(reply, state);
    if ((state.total ?? 0) > options.maxBytes) tooLarge(url, options.maxBytes);
  } catch (error) {
    reply.discard();
    throw error;
  }
  const take = async () => {
    for await (const chunk of reply.body) {
      await append(state, chunk);
      if (state.done > options.maxBytes) tooLarge(url, options.maxBytes);
      options.onProgress?.(state.done, state.total);
    }
  };
  try {
    await take();
  } catch (cause) {
    options.signal.throwIfAborted();
    if (cause instanceof IngotError || state.total === undefined || state.done >= state.total) throw cause;
    truncated(url, state, cause);
  }
  if (state.total !== undefined && state.done !== state.total) truncated(url, state);
}

function tooLarge(url: URL, limit: number): never {
  throw imageErrors.make('IMAGE_TOO_LARGE', `${redactUrl(url.href)} is larger than ${limit} bytes`);
}

function truncated(url: URL, state: Progress, cause?: unknown): never {
  throw imageErrors.make(
    'IMAGE_TRUNCATED',
    `${redactUrl(url.href)} ended after ${state.done} of ${state.total} bytes`,
    cause === undefined ? {} : { cause },
  );
}

/** A whole reply (200) starts over; a part (206) must begin where we are. */
async function acceptHeaders(reply: HttpReply, state: Progress): Promise<void> {
  const header = (name: string) => {
    const value = reply.headers[name];
    return Array.isArray(value) ? value[0] : value;
  };
  const length = Number(header('content-length') ?? Number.NaN);
  const from = /^bytes (\d+)-/.exec(header('content-range') ?? '')?.[1];
  if (reply.status === 206 && Number(from) === state.done) {
    if (Number.isSafeInteger(length)) state.total = state.done + length;
    return;
  }
  if (reply.status === 206) throw new Error(`asked for bytes from ${state.done}, got them from ${from ?? 'nowhere'}`);
  await state.file.truncate(0);
  state.hash = createHash(state.algorithm);
  state.done = 0;
  state.total = Number.isSafeInteger(length) ? length : undefined;
  const etag = header('etag');
  state.validator = etag !== undefined && !etag.startsWith('W/') ? etag : header('last-modified');
}

async function append(state: Progress, chunk: Uint8Array): Promise<void> {
  state.hash.update(chunk);
  for (let at = 0; at < chunk.length;) {
    const { bytesWritten } = await state.file.write(chunk, at, chunk.length - at, state.done + at);
    at += bytesWritten;
  }
  state.done += chunk.length;
}
