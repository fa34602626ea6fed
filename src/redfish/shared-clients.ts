import type { AuthKind } from './auth.ts';
import type { JsonObject, RedfishCalls, Resource, TaskHandle, TaskState, WriteOptions, Written } from './calls.ts';
import { RedfishClient, type RedfishDoors, type RedfishTarget, type RedfishTiming } from './client.ts';
import { redfishErrors } from './errors.ts';

/** A service with one login, and what is known of both. */
export interface RedfishConnection extends RedfishCalls {
  /** Of the service, without credentials and without a system: for messages. */
  readonly address: string;
  readonly authKind: AuthKind;
  /** Never throws. */
  close(): Promise<void>;
}

interface Shared {
  client: RedfishClient;
  users: number;
}

/**
 * One client per service, login and trust, however many systems are behind it: the sixteen nodes of a chassis share one
 * session, the same few connections and one pace, since it is the manager that has 16 sessions (XCC) and gives up
 * after a burst, not the node. The system is not part of the key (facts §2.1).
 */
export class RedfishClients {
  readonly #clients = new Map<string, Shared>();

  /** Number of services with a client. */
  get size(): number {
    return this.#clients.size;
  }

  /**
   * The client of a service, for one more user; the last one who closes it ends the session.
   * @throws REDFISH_TLS_SETTINGS
   */
  open(target: RedfishTarget, doors: RedfishDoors, timing: Partial<RedfishTiming> = {}): RedfishConnection {
    const key = keyOf(target, timing);
    const known = this.#clients.get(key);
    const shared = known ?? { client: new RedfishClient(target, doors, timing), users: 0 };
    this.#clients.set(key, shared);
    shared.users++;
    return new Share(shared.client, async () => {
      if (--shared.users > 0) return;
      if (this.#clients.get(key) === shared) this.#clients.delete(key);
      await shared.client.close();
    });
  }
}

/** Schemes that lead to the same port are the same service. Stays in memory: it holds the password. */
function keyOf(target: RedfishTarget, timing: Partial<RedfishTiming>): string {
  const { transport, host, port, username, password, auth, trust } = target;
  const { verify, fingerprint, ca } = trust;
  const service = [transport, host.toLowerCase(), port ?? (transport === 'http' ? 80 : 443)];
  return JSON.stringify([service, username, password, auth, verify, fingerprint, ca, timing]);
}

/** What one user has of a client: closing it ends that user's requests and nobody else's. */
class Share implements RedfishConnection {
  readonly #client: RedfishClient;
  readonly #leave: () => Promise<void>;
  readonly #closed = new AbortController();
  #left: Promise<void> | undefined;

  constructor(client: RedfishClient, leave: () => Promise<void>) {
    this.#client = client;
    this.#leave = leave;
  }

  get address(): string {
    return this.#client.address;
  }

  get authKind(): AuthKind {
    return this.#client.authKind;
  }

  get(path: string, signal: AbortSignal): Promise<Resource> {
    return this.#until(signal, (s) => this.#client.get(path, s));
  }

  find(path: string, signal: AbortSignal): Promise<Resource | undefined> {
    return this.#until(signal, (s) => this.#client.find(path, s));
  }

  members(path: string, signal: AbortSignal): Promise<Resource[]> {
    return this.#until(signal, (s) => this.#client.members(path, s));
  }

  patch(path: string, body: JsonObject, signal: AbortSignal, options?: WriteOptions): Promise<Written> {
    return this.#until(signal, (s) => this.#client.patch(path, body, s, options));
  }

  post(path: string, body: JsonObject | undefined, signal: AbortSignal, options?: WriteOptions): Promise<Written> {
    return this.#until(signal, (s) => this.#client.post(path, body, s, options));
  }

  delete(path: string, signal: AbortSignal): Promise<Written> {
    return this.#until(signal, (s) => this.#client.delete(path, s));
  }

  upload(path: string, upload: Parameters<RedfishCalls['upload']>[1], signal: AbortSignal): Promise<Written> {
    return this.#until(signal, (s) => this.#client.upload(path, upload, s));
  }

  task(handle: TaskHandle, signal: AbortSignal): Promise<TaskState> {
    return this.#until(signal, (s) => this.#client.task(handle, s));
  }

  follow(handle: TaskHandle, signal: AbortSignal, onState?: (state: TaskState) => void): Promise<TaskState> {
    return this.#until(signal, (s) => this.#client.follow(handle, s, onState));
  }

  close(): Promise<void> {
    this.#closed.abort(redfishErrors.make('REDFISH_CLOSED', `${this.address}: closed`));
    this.#left ??= this.#leave();
    return this.#left;
  }

  /**
   * Until the caller gives up or this share is closed, whichever comes first. Not by AbortSignal.any: a share lives for
   * months, and each signal made so that anybody still listens to would live as long.
   */
  async #until<T>(signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const both = new AbortController();
    const unlinks = [signal, this.#closed.signal].map((source) => {
      const end = () => both.abort(source.reason);
      if (source.aborted) end();
      else source.addEventListener('abort', end, { once: true });
      return () => source.removeEventListener('abort', end);
    });
    try {
      both.signal.throwIfAborted();
      return await work(both.signal);
    } finally {
      for (const unlink of unlinks) unlink();
    }
  }
}
