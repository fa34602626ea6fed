import { type Clock, sleep } from '../core/clock.ts';
import { type IngotError } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import type { Trace } from '../core/trace.ts';
import type { Pace } from '../core/pacer.ts';
import { AUTH_TIMING, Auth, type AuthKind, type AuthTiming } from './auth.ts';
import type { JsonObject, RedfishCalls, Resource, TaskHandle, TaskState, WriteOptions, Written } from './calls.ts';
import { jobsBehind } from './dell-jobs.ts';
import { redfishErrors } from './errors.ts';
import { type Match, firstMatch, nextMatch, usableEtag } from './etags.ts';
import { refusalError } from './faults.ts';
import { followTask } from './follow.ts';
import { membersOf } from './members.ts';
import { textAt } from './json.ts';
import { RETRY_TIMING, type RetryTiming, pauseAfter, retryAfterMs } from './retries.ts';
import { stateOf, taskOf } from './tasks.ts';
import { type Endpoint, TRANSPORT_TIMING, Transport, type TransportTiming } from './transport.ts';
import { REDFISH_PACE, type Reply, Wire, type WireRequest } from './wire.ts';

export interface RedfishTarget extends Endpoint {
  username: string;
  password: string;
  /** Default `auto`. */
  auth?: AuthKind;
}

export interface RedfishDoors {
  clock: Clock;
  log: Logger;
  /** Hears of every exchange, secrets included. */
  trace?: Trace;
}

export interface RedfishTiming extends TransportTiming, AuthTiming, RetryTiming {
  pace: Pace;
}

export const REDFISH_TIMING: RedfishTiming = {
  ...TRANSPORT_TIMING,
  ...AUTH_TIMING,
  ...RETRY_TIMING,
  pace: REDFISH_PACE,
};

/** One Redfish service (DSP0266) with one login. Nothing is sent before the first call. */
export class RedfishClient implements RedfishCalls {
  /** As `RedfishTarget.address`. */
  readonly address: string;
  readonly #transport: Transport;
  readonly #wire: Wire;
  readonly #auth: Auth;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #timing: RedfishTiming;

  /** @throws REDFISH_TLS_SETTINGS */
  constructor(target: RedfishTarget, doors: RedfishDoors, timing: Partial<RedfishTiming> = {}) {
    const { address, username, password } = target;
    this.#timing = { ...REDFISH_TIMING, ...timing };
    this.address = address;
    this.#clock = doors.clock;
    this.#log = doors.log;
    this.#transport = new Transport(target, doors.clock, this.#timing);
    this.#wire = new Wire({ transport: this.#transport, address, ...doors, pace: this.#timing.pace, secret: password });
    const kind = target.auth ?? 'auto';
    this.#auth = new Auth({ wire: this.#wire, address, username, password, kind, ...doors, timing: this.#timing });
  }

  /** How the BMC knows us: `session` or `basic`; `auto` before the first exchange. */
  get authKind(): AuthKind {
    return this.#auth.kind;
  }

  async get(path: string, signal: AbortSignal): Promise<Resource> {
    return this.#resource(this.#checked('GET', await this.#read(path, signal)));
  }

  async find(path: string, signal: AbortSignal): Promise<Resource | undefined> {
    const reply = await this.#read(path, signal);
    if (reply.status === 404 || reply.status === 405 || reply.status === 410) return undefined;
    return this.#resource(this.#checked('GET', reply));
  }

  members(path: string, signal: AbortSignal): Promise<Resource[]> {
    return membersOf(this, path, signal);
  }

  async patch(path: string, body: JsonObject, signal: AbortSignal, options: WriteOptions = {}): Promise<Written> {
    const repeatable = options.repeatable ?? true;
    const tried: Match[] = [firstMatch(options.etag)];
    for (;;) {
      const match = tried.at(-1);
      const headers = match === undefined ? {} : { 'if-match': match };
      const reply = await this.#send({ method: 'PATCH', path, body, headers, repeatable }, signal);
      if (reply.status < 400) return this.#written('PATCH', reply);
      const present = async () => etagOf(await this.#read(path, signal));
      const next = await nextMatch(reply.refusal, tried, present);
      if (next === undefined) throw this.#refusal('PATCH', reply);
      this.#log.debug('redfish etag refused', { path, status: reply.status, tried: match ?? 'none' });
      tried.push(next.match);
    }
  }

  async post(
    path: string,
    body: JsonObject | undefined,
    signal: AbortSignal,
    options: WriteOptions = {},
  ): Promise<Written> {
    const match = firstMatch(options.etag);
    const headers = match === undefined ? {} : { 'if-match': match };
    const request = { method: 'POST', path, headers, repeatable: options.repeatable ?? false } as const;
    return this.#written('POST', await this.#send(body === undefined ? request : { ...request, body }, signal));
  }

  async delete(path: string, signal: AbortSignal): Promise<Written> {
    return this.#written('DELETE', await this.#send({ method: 'DELETE', path, repeatable: true }, signal));
  }

  async upload(
    path: string,
    upload: { contentType: string; bytes: number; data: AsyncIterable<Uint8Array> },
    signal: AbortSignal,
  ): Promise<Written> {
    const { bytes, data, contentType } = upload;
    const reply = await this.#auth.run(
      signal,
      (headers) => {
        const request = { method: 'POST', path, body: { bytes, data }, repeatable: false } as const;
        return this.#wire.send({ ...request, headers: { ...headers, 'content-type': contentType } }, signal);
      },
      true,
    );
    return this.#written('POST', reply);
  }

  async task(handle: TaskHandle, signal: AbortSignal): Promise<TaskState> {
    if (handle.task !== undefined) {
      const state = stateOf(await this.#read(handle.task, signal), false);
      // The place of the task may be a guess of ours; the monitor is what the BMC named.
      if (state.kind !== 'gone' || handle.monitor === undefined || handle.monitor === handle.task) return state;
    }
    const gone: TaskState = { kind: 'gone', state: 'gone', messages: [] };
    const state = handle.monitor === undefined ? gone : stateOf(await this.#read(handle.monitor, signal), true);
    if (state.kind !== 'gone') return state;
    for (const job of jobsBehind(handle)) {
      const behind = stateOf(await this.#read(job, signal), false);
      if (behind.kind !== 'gone') return behind;
    }
    return state;
  }

  follow(handle: TaskHandle, signal: AbortSignal, onState?: (state: TaskState) => void): Promise<TaskState> {
    return followTask({ calls: this, clock: this.#clock, address: this.address }, handle, signal, onState);
  }

  /** Logs out and closes the connections. Requests under way fail. Never throws. */
  async close(): Promise<void> {
    await this.#auth.close();
    await this.#transport.close();
  }

  #read(path: string, signal: AbortSignal): Promise<Reply> {
    return this.#send({ method: 'GET', path, repeatable: true }, signal);
  }

  /** Sends as often as is safe and sensible. The last refusal is returned, not thrown. */
  async #send(request: WireRequest, signal: AbortSignal): Promise<Reply> {
    for (let attempt = 1; ; attempt++) {
      const reply = await this.#heard(request, signal);
      if (reply.status < 400) return reply;
      const { refusal } = reply;
      const pause = pauseAfter(refusal, attempt, request.method === 'GET', this.#timing, retryAfterMs(reply.headers));
      if (pause === undefined) return reply;
      const { method, path } = request;
      this.#log.info('redfish busy', { method, path, status: reply.status, messageIds: refusal.messageIds, pause });
      await sleep(this.#clock, pause, signal);
    }
  }

  /** One answer; a request that got lost is sent again when that cannot do harm. */
  async #heard(request: WireRequest, signal: AbortSignal): Promise<Reply> {
    const { lostTries, lostPauseMs } = this.#timing;
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#auth.run(signal, (headers) =>
          this.#wire.send({ ...request, headers: { ...request.headers, ...headers } }, signal),
        );
      } catch (error) {
        const lost = redfishErrors.is(error, 'REDFISH_UNREACHABLE') || redfishErrors.is(error, 'REDFISH_TIMEOUT');
        if (!lost || signal.aborted || attempt >= lostTries) throw error;
        if (!request.repeatable && error.seen['sent'] !== false) throw error;
        await sleep(this.#clock, lostPauseMs * attempt, signal);
      }
    }
  }

  #checked(method: string, reply: Reply): Reply {
    if (reply.status < 400) return reply;
    throw this.#refusal(method, reply);
  }

  #refusal(method: string, reply: Reply): IngotError {
    return refusalError(this.address, `${method} ${reply.path}`, reply.refusal);
  }

  #resource(reply: Reply): Resource {
    const { path, body, status, length } = reply;
    if (body === undefined || status >= 300) {
      const text = `${this.address}: GET ${path}: ${length} bytes that are no JSON object (HTTP ${status})`;
      throw redfishErrors.make('REDFISH_MALFORMED', text);
    }
    const etag = etagOf(reply);
    return { path, body, ...(etag === undefined ? {} : { etag }) };
  }

  #written(method: string, reply: Reply): Written {
    const { status, body } = this.#checked(method, reply);
    const location = this.#wire.location(reply.headers);
    const task = taskOf(reply, location);
    const pause = retryAfterMs(reply.headers);
    return {
      status,
      ...(location === undefined ? {} : { location }),
      ...(body === undefined ? {} : { body }),
      ...(task === undefined ? {} : { task }),
      ...(pause === undefined ? {} : { retryAfterMs: pause }),
    };
  }
}

function etagOf(reply: Reply): string | undefined {
  return usableEtag(reply.headers.get('etag') ?? textAt(reply.body, '@odata.etag'));
}
