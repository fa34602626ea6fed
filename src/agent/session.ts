import type { RegisterReply, RegisterRequest, ResultMessage, TaskMessage } from '../agent-protocol/messages.ts';
import { type BackoffPolicy, retry } from '../core/backoff.ts';
import { type Clock, sleep } from '../core/clock.ts';
import { errorText, IngotError } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import { agentErrors } from './errors.ts';

/** About ten minutes in all: switches that learn spanning tree and servers that restart are waited for. */
const REGISTER: BackoffPolicy = { initialMs: 500, maxMs: 10_000, factor: 2, jitter: 0.5, attempts: 65 };
/** A result is repeated for about half an hour: the work is done, only the server does not know. */
const RESULT: BackoffPolicy = { initialMs: 500, maxMs: 10_000, factor: 2, jitter: 0.5, attempts: 180 };
/** How long a server that is away is polled, and one that says the session is over, ms. */
const AWAY_MS = 30 * 60_000;
const OVER_MS = 2 * 60_000;
const POLL_SECONDS = 30;

/** The messages of one session; `net/server-client.ts` is the real one. */
export interface SessionServer {
  register(request: RegisterRequest, signal: AbortSignal): Promise<RegisterReply>;
  nextTask(waitSeconds: number, signal: AbortSignal): Promise<TaskMessage | undefined>;
  result(message: ResultMessage, signal: AbortSignal): Promise<void>;
}

export interface SessionDoors {
  server: SessionServer;
  clock: Clock;
  random: () => number;
  log: Logger;
  signal: AbortSignal;
}

/**
 * Registers, patiently while the server cannot be reached.
 * @param request made anew for every attempt: it carries clock and uptime
 * @throws AGENT_REFUSED at once, the last error when patience ends, AGENT_TLS_FINGERPRINT
 */
export function register(doors: SessionDoors, request: () => Promise<RegisterRequest>): Promise<RegisterReply> {
  const { server, clock, random, log, signal } = doors;
  const onRetry = (error: unknown, attempt: number, delayMs: number) =>
    log.warn(`registering failed, next attempt in ${Math.round(delayMs / 100) / 10} s: ${errorText(error)}`, {
      attempt,
    });
  return retry(REGISTER, { clock, random, signal, onRetry }, async () => server.register(await request(), signal));
}

/**
 * Takes tasks and reports results until `signal` aborts.
 * @param acknowledged called when the server has taken the result of a task that went well
 * @throws AGENT_SESSION_OVER two minutes after the server first said so, AGENT_SERVER_UNREACHABLE after half an hour away
 */
export async function serveTasks(
  doors: SessionDoors,
  run: (task: TaskMessage) => Promise<ResultMessage | undefined>,
  acknowledged: (task: TaskMessage) => Promise<void>,
): Promise<void> {
  const { server, clock, random, log, signal } = doors;
  const patience = new Patience(clock);
  while (!signal.aborted) {
    let task: TaskMessage | undefined;
    try {
      task = await server.nextTask(POLL_SECONDS, signal);
      patience.reset();
    } catch (error) {
      signal.throwIfAborted();
      const delay = patience.after(error);
      log.warn(`no answer to the poll for tasks, next in ${delay / 1000} s: ${errorText(error)}`);
      await sleep(clock, delay, signal);
      continue;
    }
    if (task === undefined) continue;
    const message = await run(task);
    if (message === undefined) continue;
    const onRetry = (error: unknown) => log.warn(`the result was not taken: ${errorText(error)}`);
    try {
      await retry(RESULT, { clock, random, signal, onRetry }, () => server.result(message, signal));
      if (message.ok) await acknowledged(task);
    } catch (error) {
      signal.throwIfAborted();
      // The server refuses this result; it will issue the task again if it still wants it.
      log.error(`the result of ${task.kind} was given up: ${errorText(error)}`);
      await sleep(clock, patience.after(error), signal);
    }
  }
}

/** How long trouble with the server is borne. */
class Patience {
  readonly #clock: Clock;
  #awaySince: number | undefined;
  #overSince: number | undefined;
  #failures = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  reset(): void {
    this.#awaySince = undefined;
    this.#overSince = undefined;
    this.#failures = 0;
  }

  /** @returns ms to wait before the next attempt @throws `error` when patience has ended */
  after(error: unknown): number {
    const now = this.#clock.monotonic();
    this.#awaySince ??= now;
    const over = agentErrors.is(error, 'AGENT_SESSION_OVER');
    if (over) this.#overSince ??= now;
    else this.#overSince = undefined;
    if (this.#overSince !== undefined && now - this.#overSince >= OVER_MS) throw error;
    if (now - this.#awaySince >= AWAY_MS) throw error;
    if (error instanceof IngotError && !error.retry && !over) throw error;
    return Math.min(10_000, 500 * 2 ** Math.min(10, this.#failures++));
  }
}
