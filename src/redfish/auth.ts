import { type Clock, type Timer, sleep } from '../core/clock.ts';
import { Deadline } from '../core/deadline.ts';
import type { Logger } from '../core/log.ts';
import { redfishErrors } from './errors.ts';
import { hasMessage, refusalError, wantsLicense } from './faults.ts';
import { linkAt, textAt } from './json.ts';
import { retryAfterMs } from './retries.ts';
import type { Reply, Wire } from './wire.ts';

/** `auto`: a session, and basic authentication on services that have none. */
export type AuthKind = 'auto' | 'session' | 'basic';

export interface AuthTiming {
  /** Longest wait for a session, retries included. */
  loginMs: number;
  /** Tries while the BMC says that it is busy or that all its sessions are taken. */
  loginTries: number;
  loginPauseMs: number;
  /** A session that is not used for so long is given back. */
  idleMs: number;
  /** Longest wait for a session to end. */
  logoutMs: number;
  /** While all sessions are taken: so long basic authentication does, then a session is asked for again. */
  fullMs: number;
}

export const AUTH_TIMING: AuthTiming = {
  loginMs: 120_000,
  loginTries: 4,
  loginPauseMs: 4000,
  idleMs: 120_000,
  logoutMs: 10_000,
  fullMs: 60_000,
};

const NEVER = new AbortController().signal;

interface Session {
  token: string;
  /** Undefined when the BMC did not say: it ends by itself. */
  path: string | undefined;
}

export const SERVICE_ROOT = '/redfish/v1/';
const DEFAULT_SESSIONS = '/redfish/v1/SessionService/Sessions';
/** Answers to a login that mean: no sessions here. */
const NO_SESSIONS = new Set([404, 405, 501]);
/** A refused login that does not say 401. */
const REFUSED = ['UnauthorizedLoginAttempt', 'InvalidCredentials', 'AccountForSessionNoLongerExists', 'AccessDenied'];
/** All sessions taken, whatever the status. XCC has 16. */
const FULL = ['SessionLimitExceeded', 'CreateLimitReachedForResource'];

/**
 * Who we are to one BMC: one session that all requests share, made when it is first needed, renewed once when it was
 * lost, given back when it is not used and when the BMC is closed. Sessions are few (XCC has 16): a login whose asker
 * went away is kept, not lost.
 */
export class Auth {
  readonly #wire: Wire;
  readonly #address: string;
  readonly #login: { username: string; password: string };
  readonly #timing: AuthTiming;
  readonly #clock: Clock;
  readonly #log: Logger;
  #kind: AuthKind;
  #session: Session | undefined;
  #opening: Promise<Session | undefined> | undefined;
  #idle: Timer | undefined;
  /** Monotonic ms. */
  #basicUntil = Number.NEGATIVE_INFINITY;
  #users = 0;
  readonly #ending = new Set<Promise<void>>();
  readonly #closed = new AbortController();

  constructor(parts: {
    wire: Wire;
    address: string;
    username: string;
    password: string;
    kind: AuthKind;
    clock: Clock;
    log: Logger;
    timing: AuthTiming;
  }) {
    this.#wire = parts.wire;
    this.#address = parts.address;
    this.#login = { username: parts.username, password: parts.password };
    this.#kind = parts.kind;
    this.#clock = parts.clock;
    this.#log = parts.log;
    this.#timing = parts.timing;
  }

  /** "session" or "basic" once known. */
  get kind(): AuthKind {
    return this.#kind;
  }

  /**
   * Runs `send` with the headers that say who we are. A session that the BMC no longer knows (401) is replaced once;
   * a refused password is not tried again.
   * @param once the request cannot be sent again
   * @throws REDFISH_AUTH_FAILED, REDFISH_BUSY, REDFISH_SESSIONS_FULL, and what `send` throws
   */
  async run(
    signal: AbortSignal,
    send: (headers: Readonly<Record<string, string>>) => Promise<Reply>,
    once = false,
  ): Promise<Reply> {
    this.#users++;
    this.#idle?.cancel();
    try {
      const session = await this.#current(signal);
      const reply = await send(this.#headers(session));
      if (reply.status !== 401) return reply;
      if (session === undefined || once) throw this.#refused(reply);
      if (this.#session === session) this.#session = undefined;
      this.#log.info('redfish session is gone; logging in again');
      const again = await send(this.#headers(await this.#current(signal)));
      if (again.status === 401) throw this.#refused(again);
      return again;
    } finally {
      this.#users--;
      if (this.#users === 0) this.#rest();
    }
  }

  /** Gives the session back. Never throws: a BMC that does not answer ends it by itself. */
  async close(): Promise<void> {
    this.#idle?.cancel();
    this.#closed.abort(redfishErrors.make('REDFISH_CLOSED', `${this.#address}: closed`));
    if (this.#opening !== undefined) await this.#settled(this.#opening);
    this.#leave();
    await Promise.all(this.#ending);
  }

  /** A login whose answer is on its way would leave a session behind: it is waited for, not for ever. */
  async #settled(opening: Promise<unknown>): Promise<void> {
    using deadline = new Deadline(this.#clock, `BMC ${this.#address} to log in`, this.#timing.logoutMs);
    await abandonable(opening, deadline.signal).catch(() => {});
  }

  #headers(session: Session | undefined): Record<string, string> {
    if (session !== undefined) return { 'x-auth-token': session.token };
    const { username, password } = this.#login;
    return { authorization: `Basic ${Buffer.from(`${username}:${password}`, 'utf8').toString('base64')}` };
  }

  #rest(): void {
    if (this.#session === undefined || this.#closed.signal.aborted) return;
    this.#idle = this.#clock.timer(this.#timing.idleMs, () => this.#leave(), true);
  }

  /** The session, or undefined for basic authentication. */
  async #current(signal: AbortSignal): Promise<Session | undefined> {
    this.#closed.signal.throwIfAborted();
    if (this.#kind === 'basic') return undefined;
    if (this.#session !== undefined) return this.#session;
    if (this.#clock.monotonic() < this.#basicUntil) return undefined;
    // On its own time: the answer of a login must be kept also when whoever asked for it went away.
    this.#opening ??= this.#open().finally(() => (this.#opening = undefined));
    return await abandonable(this.#opening, signal);
  }

  async #open(): Promise<Session | undefined> {
    using deadline = new Deadline(
      this.#clock,
      `BMC ${this.#address} to log in`,
      this.#timing.loginMs,
      this.#closed.signal,
    );
    const path = await this.#sessionsPath(deadline.signal);
    const session = path === undefined ? 'none' : await this.#create(path, deadline.signal);
    if (session === 'full') {
      this.#basicUntil = this.#clock.monotonic() + this.#timing.fullMs;
      this.#log.warn('all sessions of the BMC are taken: basic authentication meanwhile');
      return undefined;
    }
    if (session === 'none') {
      this.#kind = 'basic';
      this.#log.debug('redfish has no sessions: basic authentication');
      return undefined;
    }
    // From now on a service that refuses sessions is in trouble; the password does not go out with every request.
    this.#kind = 'session';
    this.#session = session;
    return session;
  }

  /** Undefined: the service says by its root that it has no sessions. */
  async #sessionsPath(signal: AbortSignal): Promise<string | undefined> {
    const root = await this.#wire.send({ method: 'GET', path: SERVICE_ROOT, repeatable: true }, signal);
    const link = linkAt(root.body, 'Links', 'Sessions');
    if (link !== undefined) return link;
    const service = linkAt(root.body, 'SessionService');
    if (service !== undefined) return `${service.replace(/\/$/, '')}/Sessions`;
    const readable = root.status === 200 && root.body !== undefined;
    return readable && this.#kind === 'auto' ? undefined : DEFAULT_SESSIONS;
  }

  /** `none`: the service has no sessions; `full`: it has none left, and takes the password instead. */
  async #create(path: string, signal: AbortSignal): Promise<Session | 'none' | 'full'> {
    const { username: UserName, password: Password } = this.#login;
    for (let attempt = 1; ; attempt++) {
      signal.throwIfAborted();
      const body = { UserName, Password };
      // Not under `signal`: closing does not cut off an answer that brings a session.
      const reply = await this.#wire.send({ method: 'POST', path, body, repeatable: false }, NEVER);
      if (reply.status < 300) return this.#accepted(reply);
      const { refusal } = reply;
      if (NO_SESSIONS.has(reply.status) && this.#kind === 'auto') return 'none';
      if (wantsLicense(refusal)) throw refusalError(this.#address, `POST ${path}`, refusal);
      const full = hasMessage(refusal, ...FULL);
      if (!full && (reply.status === 401 || reply.status === 403 || hasMessage(refusal, ...REFUSED))) {
        throw this.#refused(reply);
      }
      const busy = full || reply.status === 503 || reply.status === 429 || reply.status >= 500;
      if (!busy) throw refusalError(this.#address, `POST ${path}`, refusal);
      // Sessions that somebody else has leaked last for hours, and some BMCs count password logins among them.
      if (full && this.#kind === 'auto' && (await this.#basicWorks(path, signal))) return 'full';
      if (attempt >= this.#timing.loginTries) {
        const [code, what] = full
          ? (['REDFISH_SESSIONS_FULL', 'all its sessions are taken'] as const)
          : (['REDFISH_BUSY', `HTTP ${reply.status}`] as const);
        throw redfishErrors.make(code, `${this.#address}: no login: ${what}`, { seen: { ...refusal } });
      }
      await sleep(this.#clock, retryAfterMs(reply.headers) ?? this.#timing.loginPauseMs, signal);
    }
  }

  async #basicWorks(path: string, signal: AbortSignal): Promise<boolean> {
    const reply = await this.#wire.send(
      { method: 'GET', path, headers: this.#headers(undefined), repeatable: true },
      signal,
    );
    return reply.status < 300;
  }

  #accepted(reply: Reply): Session {
    const token = reply.headers.get('x-auth-token') ?? '';
    // Older Supermicro firmware says 200 to a wrong password, and gives no token.
    if (token === '') {
      const said = reply.body === undefined ? '' : ' and no session';
      throw redfishErrors.make(
        'REDFISH_AUTH_FAILED',
        `${this.#address}: the BMC answered the login with ${reply.status}${said}, but gave no token`,
      );
    }
    const path = this.#wire.location(reply.headers) ?? textAt(reply.body, '@odata.id');
    if (path === undefined) this.#log.warn('redfish session without a path: it cannot be ended, and times out');
    return { token, path };
  }

  #refused(reply: Reply) {
    const said = reply.refusal.texts.join(' ');
    const text = `${this.#address}: user name or password refused (HTTP ${reply.status})${said === '' ? '' : `: ${said}`}`;
    return redfishErrors.make('REDFISH_AUTH_FAILED', text, { seen: { ...reply.refusal } });
  }

  /** Ends the session without waiting. */
  #leave(): void {
    const session = this.#session;
    this.#session = undefined;
    if (session?.path === undefined) return;
    const done = this.#end(session.token, session.path).finally(() => this.#ending.delete(done));
    this.#ending.add(done);
  }

  async #end(token: string, path: string): Promise<void> {
    try {
      using deadline = new Deadline(this.#clock, `BMC ${this.#address} to end the session`, this.#timing.logoutMs);
      const headers = { 'x-auth-token': token };
      await this.#wire.send({ method: 'DELETE', path, headers, repeatable: true }, deadline.signal);
    } catch (error) {
      this.#log.debug('redfish session was not ended', { why: String(error) });
    }
  }
}

/** The result of `work`, or the signal's reason; the work itself goes on. */
async function abandonable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const { promise, reject } = Promise.withResolvers<never>();
  const leave = () => reject(signal.reason);
  signal.addEventListener('abort', leave, { once: true });
  promise.catch(() => {});
  work.catch(() => {});
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener('abort', leave);
  }
}
