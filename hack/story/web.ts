/**
 * The outside world of the demo, run inside the lab's namespace: a plain web server with the image, as anybody's file
 * server would be, and the place that the provisioned machine calls back to. Says what happens as JSON lines on stdout.
 *
 * usage: node hack/story/web.ts ADDRESS PORT IMAGE-FILE
 */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import { basename } from 'node:path';
import { pipeline } from 'node:stream/promises';

export type WebEvent =
  | { event: 'listening' }
  | { event: 'served'; method: string; path: string; status: number; bytes: number }
  | { event: 'callback'; from: string; body: Record<string, unknown> };

const MAX_CALLBACK_BYTES = 64 << 10;

function say(event: WebEvent): void {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}

async function serveImage(file: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { size, mtime } = await stat(file);
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
  const start = range === null ? 0 : Number(range[1]);
  const end = range === null || range[2] === '' ? size - 1 : Math.min(Number(range[2]), size - 1);
  if (start > end) {
    response.writeHead(416, { 'content-range': `bytes */${size}` }).end();
    return;
  }
  response.writeHead(range === null ? 200 : 206, {
    'content-length': end - start + 1,
    'content-type': 'application/octet-stream',
    'accept-ranges': 'bytes',
    'last-modified': mtime.toUTCString(),
    ...(range === null ? {} : { 'content-range': `bytes ${start}-${end}/${size}` }),
  });
  if (request.method === 'HEAD') response.end();
  else {
    let bytes = 0;
    const source = createReadStream(file, { start, end });
    source.on('data', (chunk) => (bytes += chunk.length));
    await pipeline(source, response).catch(() => {});
    say({ event: 'served', method: 'GET', path: request.url ?? '', status: response.statusCode, bytes });
  }
}

async function takeCallback(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_CALLBACK_BYTES) {
      response.writeHead(413).end();
      return;
    }
    chunks.push(chunk);
  }
  const body: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'));
  if (body === null || typeof body !== 'object') throw new Error('not an object');
  say({ event: 'callback', from: request.socket.remoteAddress ?? '', body: body as Record<string, unknown> });
  response.writeHead(204).end();
}

const [address = '', port = '', image = ''] = process.argv.slice(2);
const server = createServer((request, response) => {
  const work =
    request.method === 'POST' && request.url === '/callback'
      ? takeCallback(request, response)
      : (request.method === 'GET' || request.method === 'HEAD') && request.url === `/${basename(image)}`
        ? serveImage(image, request, response)
        : Promise.resolve(void response.writeHead(404).end());
  work.catch(() => {
    if (response.headersSent) response.destroy();
    else response.writeHead(400).end();
  });
});
server.listen(Number(port), address, () => say({ event: 'listening' }));
