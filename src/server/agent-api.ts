import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { AGENT_PATHS, type AgentLogLine, type ManifestReply } from '../agent-protocol/messages.ts';
import { type Checked, checkAgentMessage } from '../agent-protocol/schema.ts';
import type { ObjectKey } from '../api/meta.ts';
import type { Clock } from '../core/clock.ts';
import type { ProgressBook } from '../boot/progress-book.ts';
import type { AgentSessions } from '../provisioner/agent-sessions.ts';
import { provisionerErrors } from '../provisioner/errors.ts';
import type { TaskBoard } from '../provisioner/task-board.ts';
import type { AgentLogs } from './agent-logs.ts';
import { serverErrors } from './errors.ts';
import { localAddress, plainAddress } from './boot-http.ts';

/** Images that may still be prepared. `image/cache.ts` through the composition. */
export interface ImageGrowth {
  /** Undefined: nothing is known of this image now. */
  growth(source: string, from: number, waitMs: number, signal: AbortSignal): Promise<ManifestReply | undefined>;
}

export interface AgentApiDoors {
  images: ImageGrowth;
  sessions: AgentSessions;
  board: TaskBoard;
  book: ProgressBook;
  logs: AgentLogs;
  clock: Clock;
  /** Aborts when the server stops: open polls are answered. */
  signal: AbortSignal;
}

/** Longest poll. An agent that waits for work is silent as long: shorter than what counts as gone (REBOOTED_MS). */
const MAX_WAIT_S = 8;
const REGISTER_BYTES = 256 * 1024;
/** An inspection of a server with hundreds of disks. */
const RESULT_BYTES = 8 << 20;
const LOG_BYTES = 1 << 20;
const MAX_LOG_LINES = 2000;

/** The agent's side of the server: see `agent-protocol/messages.ts`. */
export function agentRoutes(app: FastifyInstance, doors: AgentApiDoors): void {
  const { sessions, board } = doors;
  app.addContentTypeParser(['application/x-ndjson', 'text/plain'], { parseAs: 'string' }, (_request, body, done) =>
    done(null, body),
  );

  app.post(AGENT_PATHS.register, { bodyLimit: REGISTER_BYTES }, (request) =>
    sessions.register(
      accepted(checkAgentMessage.register(request.body)),
      plainAddress(request.ip),
      localAddress(request),
    ),
  );

  // Before the body is read: nobody without a session makes the server hold megabytes.
  const onRequest = (request: FastifyRequest, _reply: FastifyReply, done: (error?: Error) => void) => {
    try {
      sessionOf(doors, request);
      done();
    } catch (error) {
      done(error instanceof Error ? error : new Error(String(error)));
    }
  };

  app.get<{ Querystring: { wait?: string } }>(AGENT_PATHS.task, async (request, reply) => {
    const key = sessionOf(doors, request);
    const signal = goneSignal(doors, request);
    const task = await board.next(key, waitMs(request.query.wait), signal);
    if (task === undefined || (signal.aborted && !doors.signal.aborted)) return reply.code(204).send();
    // A session that ended while it waited gets no task of its successor.
    sessionOf(doors, request);
    await markRunning(doors, key, task.id);
    return task;
  });

  app.get<{ Querystring: ManifestQuery }>(AGENT_PATHS.manifest, async (request, reply) => {
    const known = await manifestFor(doors, sessionOf(doors, request), request);
    return known ?? reply.code(503).send('nothing is known of this image now\n');
  });

  app.post(AGENT_PATHS.progress, { bodyLimit: REGISTER_BYTES, onRequest }, (request) => {
    const key = sessionOf(doors, request);
    const { taskId, step, bytesDone, bytesTotal } = accepted(checkAgentMessage.progress(request.body));
    return Promise.resolve({ cancel: sessions.progress(key, taskId, step, bytesDone, bytesTotal) });
  });

  app.post(AGENT_PATHS.result, { bodyLimit: RESULT_BYTES, onRequest }, async (request, reply) => {
    const key = sessionOf(doors, request);
    await sessions.result(key, accepted(checkAgentMessage.result(request.body)));
    return reply.code(204).send();
  });

  app.post(AGENT_PATHS.logs, { bodyLimit: LOG_BYTES, onRequest }, async (request, reply) => {
    const key = sessionOf(doors, request);
    await doors.logs.append(key, logLines(request.body));
    return reply.code(204).send();
  });
}

interface ManifestQuery {
  task?: string;
  from?: string;
  wait?: string;
}

/** Only of the image that this machine is told to write. */
async function manifestFor(
  doors: AgentApiDoors,
  key: ObjectKey,
  request: FastifyRequest<{ Querystring: ManifestQuery }>,
): Promise<ManifestReply | undefined> {
  const { task: id, from, wait } = request.query;
  const task = doors.board.current(key);
  if (task?.id !== id || task?.kind !== 'write' || !('source' in task.write)) return undefined;
  const first = Number(from ?? 0);
  if (!Number.isSafeInteger(first) || first < 0)
    throw serverErrors.make('SERVER_REQUEST_INVALID', 'from: not a number');
  return doors.images.growth(task.write.source, first, waitMs(wait), goneSignal(doors, request));
}

/** How long a poll may take, ms. */
function waitMs(wait: string | undefined): number {
  return Math.min(MAX_WAIT_S, Math.max(0, Number(wait ?? 0) || 0)) * 1000;
}

/** Aborts when the peer hangs up or the server stops. */
function goneSignal(doors: AgentApiDoors, request: Pick<FastifyRequest, 'raw'>): AbortSignal {
  const gone = new AbortController();
  request.raw.once('close', () => gone.abort());
  return AbortSignal.any([gone.signal, doors.signal]);
}

function sessionOf(doors: AgentApiDoors, request: FastifyRequest): ObjectKey {
  const [scheme, key] = (request.headers.authorization ?? '').split(' ');
  if (scheme !== 'Bearer' || key === undefined) {
    throw provisionerErrors.make('AGENT_SESSION_INVALID', 'no session key was sent');
  }
  return doors.sessions.authenticate(key);
}

async function markRunning(doors: AgentApiDoors, key: ObjectKey, taskId: string): Promise<void> {
  await doors.book.update(key, ({ task }) =>
    task?.id === taskId && task.state === 'issued' ? { task: { ...task, state: 'running' } } : undefined,
  );
}

/** One JSON object a line; lines that are none are kept as text, since a log must not be lost to its own trouble. */
function logLines(body: unknown) {
  const text = typeof body === 'string' ? body : JSON.stringify(body ?? '');
  return text
    .split('\n')
    .filter((l) => l.trim() !== '')
    .slice(0, MAX_LOG_LINES)
    .map(logLine);
}

function logLine(line: string): AgentLogLine {
  const checked = checkAgentMessage.logLine(parsed(line));
  return checked.ok ? checked.message : { atMs: Number.NaN, level: 'info', message: line.slice(0, 2000) };
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/** @throws SERVER_REQUEST_INVALID naming the first field that is wrong */
function accepted<T>(checked: Checked<T>): T {
  if (checked.ok) return checked.message;
  throw serverErrors.make('SERVER_REQUEST_INVALID', checked.problem);
}
