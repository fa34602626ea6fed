import { createWriteStream } from 'node:fs';
import { type IncomingMessage, request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { errorText } from '../../core/errors.ts';
import { simErrors } from '../errors.ts';

const MAX_REDIRECTS = 5;
const SILENCE_MS = 30_000;

/**
 * The answer to a GET, as a BMC fetches things: no verification of certificates, redirects followed.
 * @throws SIM_MEDIA_FETCH
 */
async function open(url: string, signal: AbortSignal, hops = 0): Promise<IncomingMessage> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const options = { signal, timeout: SILENCE_MS };
    const sent = url.startsWith('https:')
      ? httpsRequest(url, { ...options, rejectUnauthorized: false })
      : httpRequest(url, options);
    sent.on('response', resolve);
    sent.on('timeout', () => sent.destroy(new Error('no data for half a minute')));
    sent.on('error', reject);
    sent.end();
  }).catch((cause: unknown) => {
    throw simErrors.make('SIM_MEDIA_FETCH', `cannot fetch ${shown(url)}: ${errorText(cause)}`, { cause });
  });
  const status = response.statusCode ?? 0;
  const { location } = response.headers;
  if (status >= 300 && status < 400 && location !== undefined && hops < MAX_REDIRECTS) {
    response.destroy();
    return open(new URL(location, url).href, signal, hops + 1);
  }
  if (status !== 200) {
    response.destroy();
    throw simErrors.make('SIM_MEDIA_FETCH', `cannot fetch ${shown(url)}: the server answered ${status}`);
  }
  return response;
}

/** At most `maxBytes` of what is at a URL; the rest is not read. @throws SIM_MEDIA_FETCH */
export async function fetchStart(url: string, maxBytes: number, signal: AbortSignal): Promise<Uint8Array> {
  const response = await open(url, signal);
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Uint8Array>) {
    chunks.push(chunk);
    size += chunk.length;
    if (size >= maxBytes) break;
  }
  return Buffer.concat(chunks).subarray(0, maxBytes);
}

/** Writes what is at a URL to a file. @throws SIM_MEDIA_FETCH, also when it is larger than `maxBytes` */
export async function fetchToFile(url: string, path: string, maxBytes: number, signal: AbortSignal): Promise<void> {
  const response = await open(url, signal);
  let size = 0;
  const bounded = new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      size += chunk.length;
      if (size > maxBytes) done(new Error(`it is larger than ${maxBytes} bytes`));
      else done(null, chunk);
    },
  });
  await pipeline(response, bounded, createWriteStream(path), { signal }).catch((cause: unknown) => {
    throw simErrors.make('SIM_MEDIA_FETCH', `cannot fetch ${shown(url)}: ${errorText(cause)}`, { cause });
  });
}

/** A URL without its query: signatures and tokens are secrets. */
function shown(url: string): string {
  return url.split('?')[0] ?? '';
}
