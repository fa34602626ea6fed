import { createHash, timingSafeEqual } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import type { Clock } from '../core/clock.ts';
import { errorText } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import { urlHost } from '../core/url-host.ts';
import { formatYaml } from '../api/yaml.ts';
import type { RawStore } from '../store/raw.ts';
import { Api } from './api.ts';
import { ApiError, statusOf } from './api-error.ts';
import type { ApiReply, ApiRequest, ApiStream } from './api-request.ts';
import { apiserverErrors } from './errors.ts';

export interface ApiServerOptions {
  store: RawStore;
  address: string;
  /** 0 lets the system choose. */
  port: number;
  /** Bearer tokens that are let in, with all rights. */
  tokens: readonly string[];
  tls: { certPem: string; keyPem: string };
  log: Logger;
  clock: Clock;
  /** Told by /version. Default: the Kubernetes version whose behaviour is followed. */
  version?: string;
}

export interface ApiServer {
  /** `https://address:port` */
  url: string;
  port: number;
  /** Ends watches and connections, then resolves. */
  close(): Promise<void>;
}

/** What kube-apiserver takes at most. */
const BODY_LIMIT = 3 << 20;
/** A client gets this long for its whole request; watches are answers and go on. */
const REQUEST_TIMEOUT_MS = 60_000;
const DEFAULT_VERSION = 'v1.33.0+ingot';
const HEALTH = new Set(['/healthz', '/livez', '/readyz']);

/**
 * Serves the Kubernetes-style API over HTTPS.
 * @throws APISERVER_LISTEN
 */
export async function startApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const { store, clock, log } = options;
  const stopping = new AbortController();
  const server = fastify({
    https: { cert: options.tls.certPem, key: options.tls.keyPem, minVersion: 'TLSv1.2' },
    bodyLimit: BODY_LIMIT,
    requestTimeout: REQUEST_TIMEOUT_MS,
    forceCloseConnections: true,
    exposeHeadRoutes: false,
    logger: false,
  });
  const host = urlHost(options.address);
  const api = new Api({
    store,
    clock,
    address: `${host}:${options.port}`,
    version: options.version ?? DEFAULT_VERSION,
  });
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  server.setErrorHandler((error, _request, reply) => sendError(reply, transportError(error), log));
  const allowed = options.tokens.map(digest);
  server.all('*', async (request, reply) => {
    if (HEALTH.has(pathOf(request))) return reply.type('text/plain').send('ok');
    if (!isAllowed(request.headers.authorization, allowed)) {
      return sendError(reply, new ApiError(401, 'Unauthorized', 'Unauthorized'), log);
    }
    return answer(api, request, reply, stopping.signal, log);
  });
  const port = await listen(server, options);
  return {
    url: `https://${host}:${port}`,
    port,
    async close() {
      stopping.abort();
      await server.close();
    },
  };
}

async function listen(server: FastifyInstance, options: ApiServerOptions): Promise<number> {
  try {
    await server.listen({ host: options.address, port: options.port });
  } catch (cause) {
    const where = `${options.address}:${options.port}`;
    throw apiserverErrors.make('APISERVER_LISTEN', `cannot listen on ${where}: ${errorText(cause)}`, { cause });
  }
  const address = server.server.address();
  return typeof address === 'object' && address !== null ? address.port : options.port;
}

function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

/** Compares digests, so that neither content nor length of a token can be learnt by timing. */
function isAllowed(header: string | undefined, allowed: readonly Buffer[]): boolean {
  const match = /^Bearer +(\S+)$/i.exec(header ?? '');
  if (match === null) return false;
  const given = digest(match[1] ?? '');
  return allowed.map((token) => timingSafeEqual(token, given)).includes(true);
}

function pathOf(request: FastifyRequest): string {
  return request.url.split('?')[0] ?? '';
}

async function answer(
  api: Api,
  request: FastifyRequest,
  reply: FastifyReply,
  stopping: AbortSignal,
  log: Logger,
): Promise<FastifyReply> {
  const gone = new AbortController();
  reply.raw.once('close', () => gone.abort());
  try {
    const result = api.handle(toApiRequest(request, AbortSignal.any([stopping, gone.signal])));
    if ('stream' in result) {
      reply.hijack();
      await stream(reply.raw, result, log);
      return reply;
    }
    return send(reply, result);
  } catch (error) {
    return sendError(reply, error, log);
  }
}

function toApiRequest(request: FastifyRequest, signal: AbortSignal): ApiRequest {
  const question = request.url.indexOf('?');
  const { accept, 'content-type': contentType, 'user-agent': userAgent } = request.headers;
  return {
    method: request.method,
    path: pathOf(request),
    query: new URLSearchParams(question < 0 ? '' : request.url.slice(question + 1)),
    accept,
    contentType,
    userAgent,
    body: request.body instanceof Uint8Array ? request.body : new Uint8Array(),
    signal,
  };
}

/** Sends past fastify, whose idea of a legal content type is narrower than that of Kubernetes. */
function send(reply: FastifyReply, result: ApiReply): FastifyReply {
  reply.hijack();
  const response = reply.raw;
  for (const text of result.warnings ?? []) response.appendHeader('Warning', `299 - ${quoted(text)}`);
  const bytes = encode(result);
  response.writeHead(result.status, {
    'Content-Type': result.contentType,
    'Content-Length': bytes.length,
    'Cache-Control': 'no-cache, private',
  });
  response.end(bytes);
  return reply;
}

function encode({ body, contentType }: ApiReply): Uint8Array {
  if (body instanceof Uint8Array) return body;
  return Buffer.from(contentType === 'application/yaml' ? formatYaml(body) : `${JSON.stringify(body)}\n`);
}

/** RFC 7230 quoted-string; header values are one line of ASCII. */
function quoted(text: string): string {
  return `"${text.replaceAll(/[^\x20-\x7e]/g, '?').replaceAll(/["\\]/g, String.raw`\$&`)}"`;
}

function sendError(reply: FastifyReply, error: unknown, log: Logger): FastifyReply {
  const status = statusOf(error);
  if (status.code >= 500) log.error('request failed', { error: errorText(error), path: reply.request.url });
  return reply
    .code(status.code)
    .header('Content-Type', 'application/json')
    .send(Buffer.from(`${JSON.stringify(status)}\n`));
}

/** What the HTTP library itself refuses (too large, malformed) in the words of the API. */
function transportError(error: unknown): unknown {
  const code = typeof error === 'object' && error !== null && 'statusCode' in error ? Number(error.statusCode) : 500;
  if (code === 413)
    return new ApiError(413, 'RequestEntityTooLarge', `Request entity too large: limit is ${BODY_LIMIT}`);
  if (code >= 400 && code < 500) return new ApiError(code, 'BadRequest', errorText(error));
  return error;
}

/** Writes one JSON line per event, at the pace of the client. */
async function stream(response: ServerResponse, result: ApiStream, log: Logger): Promise<void> {
  response.writeHead(200, { 'Content-Type': result.contentType, 'Cache-Control': 'no-cache, private' });
  response.flushHeaders();
  try {
    for await (const line of result.stream) {
      if (response.destroyed) break;
      if (!response.write(`${JSON.stringify(line)}\n`)) await drained(response);
    }
  } catch (error) {
    log.error('watch failed', { error: errorText(error) });
  }
  response.end();
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off('drain', done);
      response.off('close', done);
      resolve();
    };
    response.once('drain', done);
    response.once('close', done);
  });
}
