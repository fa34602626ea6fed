import { randomBytes } from 'node:crypto';
import type { Clock } from '../../../core/clock.ts';
import type { Account } from './accounts.ts';

export interface Session {
  id: string;
  token: string;
  account: Account;
  createdAt: number;
  usedAt: number;
}

const DEFAULT_LIMIT = 64;
const DEFAULT_TIMEOUT_S = 1800;

/** Open sessions. They end by DELETE, by silence, or with a restart of the BMC. */
export class SessionBook {
  readonly #clock: Clock;
  readonly #sessions = new Map<string, Session>();
  readonly limit: number;
  timeoutSeconds = DEFAULT_TIMEOUT_S;
  enabled = true;
  #nextId = 1;

  constructor(clock: Clock, limit: number = DEFAULT_LIMIT) {
    this.#clock = clock;
    this.limit = limit;
  }

  /** Undefined when all places are taken. */
  open(account: Account): Session | undefined {
    this.#expire();
    if (this.#sessions.size >= this.limit) return undefined;
    const session = {
      id: String(this.#nextId++),
      token: randomBytes(16).toString('hex'),
      account,
      createdAt: this.#clock.now(),
      usedAt: this.#clock.monotonic(),
    };
    this.#sessions.set(session.id, session);
    return session;
  }

  /** The session of a token, which is kept alive by this. */
  use(token: string): Session | undefined {
    this.#expire();
    const session = this.list().find((s) => s.token === token);
    if (session !== undefined) session.usedAt = this.#clock.monotonic();
    return session;
  }

  get(id: string): Session | undefined {
    this.#expire();
    return this.#sessions.get(id);
  }

  list(): Session[] {
    return [...this.#sessions.values()];
  }

  close(id: string): void {
    this.#sessions.delete(id);
  }

  /** Sessions of an account that is gone or has another password. */
  closeOf(account: Account): void {
    for (const session of this.list()) if (session.account === account) this.close(session.id);
  }

  clear(): void {
    this.#sessions.clear();
  }

  #expire(): void {
    const oldest = this.#clock.monotonic() - this.timeoutSeconds * 1000;
    for (const session of this.list()) if (session.usedAt < oldest) this.close(session.id);
  }
}
