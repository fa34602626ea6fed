import { createServer } from 'node:net';
import Fastify, { type FastifyInstance } from 'fastify';
import { IngotError, errorCode, errorText } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import type { Metrics } from '../core/metrics.ts';
import { type AgentApiDoors, agentRoutes } from './agent-api.ts';
import { entryRoutes } from './boot-entry.ts';
import { type BootHttpDoors, bootRoutes } from './boot-http.ts';
import { serverErrors } from './errors.ts';
import { type MediaHttpDoors, mediaRoutes } from './media-http.ts';
import { type EventDoors, eventRoutes } from './redfish-events.ts';

export interface Listener {
  port: number;
  close(): Promise<void>;
}

interface Where {
  address: string;
  /** 0 takes any free one. */
  port: number;
}

/** HTTP status per error code; anything else typed is 400, anything untyped is our fault. */
const STATUS: Readonly<Record<string, number>> = {
  AGENT_TOKEN_REFUSED: 403,
  AGENT_SESSION_INVALID: 401,
  AGENT_RESULT_INVALID: 400,
  BOOT_URL_INVALID: 403,
  BOOT_URL_EXPIRED: 410,
  BOOT_NOTHING: 404,
};

/** Peers that send or take nothing are cut off: neither firmware nor an agent pauses for that long. */
const PATIENCE = {
  forceCloseConnections: true,
  /** A request must be complete, ms. */
  requestTimeout: 60_000,
  /** A connection on which nothing moves, ms; longer than the longest poll. */
  connectionTimeout: 120_000,
  keepAliveTimeout: 75_000,
} as const;
/** More than the machines of a boot network need, fewer than the files a process may have open. */
const MAX_CONNECTIONS = 4000;

/** Boot files, scripts and frames: plain HTTP, for firmware. @throws SERVER_PORT_IN_USE */
export async function startBootHttp(
  where: Where,
  doors: BootHttpDoors,
  metrics: Metrics,
  log: Logger,
  more: { media?: MediaHttpDoors | undefined; events?: EventDoors | undefined } = {},
): Promise<Listener> {
  const app = Fastify({ logger: false, ...PATIENCE, bodyLimit: 1024, exposeHeadRoutes: true });
  errorsAsJson(app, log);
  bootRoutes(app, doors);
  if (more.media !== undefined) mediaRoutes(app, more.media);
  if (more.events !== undefined) eventRoutes(app, more.events);
  if (doors.entry !== undefined) entryRoutes(app, doors, doors.entry);
  app.get('/healthz', () => Promise.resolve('ok\n'));
  app.get('/metrics', async (_request, reply) => {
    const { contentType, body } = await metrics.expose();
    return reply.type(contentType).send(body);
  });
  return listen(app, where);
}

/** The agent API: HTTPS, its certificate pinned by the agent. @throws SERVER_PORT_IN_USE */
export async function startAgentApi(
  where: Where,
  tls: { certPem: string; keyPem: string },
  doors: AgentApiDoors,
  log: Logger,
): Promise<Listener> {
  const app = Fastify({
    logger: false,
    ...PATIENCE,
    https: { cert: tls.certPem, key: tls.keyPem, minVersion: 'TLSv1.3' },
  });
  const plain = app as unknown as FastifyInstance;
  errorsAsJson(plain, log);
  agentRoutes(plain, doors);
  return listen(plain, where);
}

/** All addresses of this computer: by IPv6 and IPv4, where its kernel speaks both. */
export async function everywhere(): Promise<string> {
  const probe = createServer();
  const speaks = new Promise<boolean>((resolve) => {
    probe.once('error', () => resolve(false));
    probe.listen(0, '::', () => resolve(true));
  });
  const address = (await speaks) ? '::' : '0.0.0.0';
  probe.close();
  return address;
}

async function listen(app: FastifyInstance, where: Where): Promise<Listener> {
  app.server.maxConnections = MAX_CONNECTIONS;
  try {
    await app.listen({ host: where.address, port: where.port });
  } catch (error) {
    if (errorCode(error) !== 'EADDRINUSE') throw error;
    throw serverErrors.make('SERVER_PORT_IN_USE', `port ${where.port} is in use`, { cause: error });
  }
  const address = app.server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : where.port,
    close: () => app.close(),
  };
}

function errorsAsJson(app: FastifyInstance, log: Logger): void {
  app.setErrorHandler((error, request, reply) => {
    const status = statusOf(error);
    const fields = { path: request.url.slice(0, 200), from: request.ip, error: errorText(error) };
    if (status >= 500) log.error('request failed', fields);
    else log.debug('request refused', { ...fields, status });
    return reply
      .code(status)
      .send({ code: errorCode(error), message: status >= 500 ? 'internal error' : textOf(error) });
  });
}

function statusOf(error: unknown): number {
  if (error instanceof IngotError) return STATUS[error.code] ?? (error.code.startsWith('SERVER_') ? 400 : 500);
  const given = error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 500;
  return given >= 400 && given < 600 ? given : 500;
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
