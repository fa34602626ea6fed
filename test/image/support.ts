import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Clock, systemClock } from '../../src/core/clock.ts';

export const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** Pauses between attempts take no time. */
export const quickClock: Clock = {
  ...systemClock,
  timer: (ms, fn, background = false) => systemClock.timer(background ? ms : 0, fn, background),
};

export async function withTempDir(use: (dir: string) => Promise<void>): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'ingot-image-test-'));
  try {
    await use(dir);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

export interface TestServer {
  url: string;
  requests: { path: string; range: string | undefined; authorization: string | undefined }[];
}

/** An HTTP server on loopback for the time of `use`. */
export async function withServer(
  handler: (request: IncomingMessage, response: ServerResponse, n: number) => void,
  use: (server: TestServer) => Promise<void>,
): Promise<void> {
  const requests: TestServer['requests'] = [];
  const server = createServer((request, response) => {
    const { range, authorization } = request.headers;
    requests.push({ path: request.url ?? '', range, authorization });
    handler(request, response, requests.length);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    await use({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests });
  } finally {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  }
}

/** Raw disk bytes: data in frames 0 and 2, nothing in frame 1; not a whole number of frames. */
export function sampleRaw(): Uint8Array {
  const raw = new Uint8Array(9 * (1 << 20) + 700);
  for (let i = 0; i < 4096; i++) raw[i] = (i * 31) & 0xff;
  raw.set([0x55, 0xaa], 510);
  for (let i = 0; i < 100_000; i++) raw[(8 << 20) + i] = (i * i) & 0xff;
  return raw;
}
