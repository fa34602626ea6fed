import { request } from 'undici';
import { type BackoffPolicy, backoffMs } from '../../core/backoff.ts';
import { type Clock, sleep } from '../../core/clock.ts';
import { IngotError, errorText } from '../../core/errors.ts';
import { storeErrors } from '../errors.ts';
import type { KubeConnection } from './connection.ts';
import { type KubeStatus, isBusy, statusError } from './status.ts';

export interface KubeRequest {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  path: string;
  query?: Record<string, string>;
  body?: unknown;
  /** Default application/json. */
  contentType?: string;
  /** As a person would name it; begins every error's message. */
  what: string;
  signal?: AbortSignal;
}

export interface KubeClientDoors {
  connection: KubeConnection;
  clock: Clock;
  random: () => number;
}

/** A busy server (429, 503) is asked again for up to about half a minute; it says so before doing anything. */
const BUSY: BackoffPolicy = { initialMs: 250, maxMs: 5000, factor: 2, jitter: 0.5, attempts: 10 };

/** One request, one answer. Big lists are paged by the caller, so this bounds what a server can make us hold. */
const MAX_ANSWER_BYTES = 256 << 20;

const REQUEST_MS = 60_000;

/** JSON over HTTPS to a kube-apiserver, errors mapped to `storeErrors`, nothing cached. */
export class KubeClient {
  readonly #doors: KubeClientDoors;

  constructor(doors: KubeClientDoors) {
    this.#doors = doors;
  }

  /** @throws an error of storeErrors, or the signal's reason */
  async json<T>(req: KubeRequest): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      const answer = await this.#once(req);
      if (answer.code < 300) return answer.body as T;
      const status = (answer.body ?? {}) as KubeStatus;
      if (!isBusy(answer.code) || attempt >= BUSY.attempts) throw statusError(req.what, answer.code, status);
      const told = (status.details?.retryAfterSeconds ?? 0) * 1000;
      await sleep(
        this.#doors.clock,
        Math.min(10_000, Math.max(told, backoffMs(BUSY, attempt, this.#doors.random))),
        req.signal,
      );
    }
  }

  /**
   * Opens a streaming GET (a watch).
   * @returns the body's chunks; ends or throws when the connection does
   * @throws an error of storeErrors when the server refuses
   */
  async stream(req: KubeRequest & { signal: AbortSignal }): Promise<AsyncIterable<Uint8Array>> {
    const response = await this.#send(req, req.signal);
    if (response.statusCode < 300) return response.body;
    throw statusError(req.what, response.statusCode, parse(await response.body.text()) as KubeStatus);
  }

  async #once(req: KubeRequest): Promise<{ code: number; body: unknown }> {
    const limit = AbortSignal.timeout(REQUEST_MS);
    const signal = req.signal === undefined ? limit : AbortSignal.any([req.signal, limit]);
    try {
      const response = await this.#send(req, signal);
      const length = Number(response.headers['content-length'] ?? 0);
      if (length > MAX_ANSWER_BYTES) {
        response.body.destroy();
        throw storeErrors.make('STORE_UNAVAILABLE', `${req.what}: the answer is ${length} bytes`);
      }
      return { code: response.statusCode, body: parse(await response.body.text()) };
    } catch (cause) {
      throw this.#explain(req, cause);
    }
  }

  async #send(req: KubeRequest, signal: AbortSignal) {
    const { headers, dispatcher } = await this.#doors.connection.credentials();
    const url = new URL(this.#doors.connection.server + req.path);
    for (const [k, v] of Object.entries(req.query ?? {})) url.searchParams.set(k, v);
    const body = req.body === undefined ? null : JSON.stringify(req.body);
    try {
      return await request(url, {
        method: req.method,
        headers: {
          ...headers,
          accept: 'application/json',
          'user-agent': 'ingot',
          ...(body === null ? {} : { 'content-type': req.contentType ?? 'application/json' }),
        },
        body,
        dispatcher,
        signal,
      });
    } catch (cause) {
      throw this.#explain(req, cause);
    }
  }

  #explain(req: KubeRequest, cause: unknown): unknown {
    if (cause instanceof IngotError) return cause;
    if (req.signal?.aborted === true) return req.signal.reason;
    return storeErrors.make('STORE_UNAVAILABLE', `${req.what}: ${errorText(cause)}`, { cause });
  }
}

/** JSON, or undefined for anything else: proxies answer in HTML. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text === '' ? undefined : { message: text.slice(0, 200) };
  }
}
