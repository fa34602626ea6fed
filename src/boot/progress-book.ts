import type { BareMetalHost } from '../api/baremetalhost.ts';
import type { HostProgress, HostProgressStatus } from '../api/hostprogress.ts';
import { type ObjectKey, keyOf, keyText } from '../api/meta.ts';
import { BARE_METAL_HOST, HOST_PROGRESS } from '../api/resources.ts';
import { type Clock, type Timer, kubeTime } from '../core/clock.ts';
import { errorText } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import { storeErrors } from '../store/errors.ts';
import type { Store, StoreEvent } from '../store/store.ts';
import { HostIndex } from './host-index.ts';

/** Fields to set; `undefined` removes one. Objects inside are replaced, not merged. */
export type ProgressPatch = { [K in keyof HostProgressStatus]?: HostProgressStatus[K] | undefined };

/** Notes (progress figures, timeline) may wait this long before they are stored. */
const NOTE_DELAY_MS = 1000;
const CONFLICT_ATTEMPTS = 8;

interface Page {
  object: HostProgress | undefined;
  /** Noted, not yet stored. */
  pending: ProgressPatch;
  timer: Timer | undefined;
  /** Writes of one host happen one after the other. */
  tail: Promise<void>;
}

/**
 * The hosts and their HostProgress, in memory and in the store. Reading is immediate (DHCP asks for each packet) and sees
 * this process's own writes; `update` is durable when it resolves; `note` is durable soon.
 */
export class ProgressBook {
  readonly hosts = new HostIndex();
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #pages = new Map<string, Page>();

  constructor(doors: { store: Store; clock: Clock; log: Logger }) {
    this.#store = doors.store;
    this.#clock = doors.clock;
    this.#log = doors.log;
  }

  /**
   * Follows both kinds until `signal` aborts.
   * @returns resolves when everything there is has been read; `done` resolves when following has ended
   */
  async start(signal: AbortSignal): Promise<{ done: Promise<void> }> {
    const progress = this.#follow(this.#store.watch(HOST_PROGRESS, { signal }), (e) => this.#onProgress(e));
    const hosts = this.#follow(this.#store.watch(BARE_METAL_HOST, { signal }), (e) => this.#onHost(e));
    await Promise.all([progress.synced, hosts.synced]);
    return { done: Promise.all([progress.done, hosts.done]).then(() => {}) };
  }

  /** What is known now, notes included. Never undefined: a host without progress has an empty one. */
  status(key: ObjectKey): HostProgressStatus {
    const page = this.#pages.get(keyText(key));
    return page === undefined ? {} : merged(page.object?.status, page.pending);
  }

  /**
   * Changes the stored status; makes the object when there is none.
   * @param change gets the newest status; may run again after a conflict. Returning undefined changes nothing.
   * @throws errors of `storeErrors`
   */
  async update(key: ObjectKey, change: (status: HostProgressStatus) => ProgressPatch | undefined): Promise<void> {
    const page = this.#page(key);
    const write = page.tail.then(() => this.#write(key, page, change));
    page.tail = write.catch(() => {});
    await write;
  }

  /** Changes what readers see at once and the store within a second. For figures that may be lost. */
  note(key: ObjectKey, patch: ProgressPatch): void {
    const page = this.#page(key);
    page.pending = { ...page.pending, ...patch };
    page.timer ??= this.#clock.timer(NOTE_DELAY_MS, () => this.#flushLater(key, page), true);
  }

  /** Stores all notes. Called at shutdown. */
  async flush(): Promise<void> {
    await Promise.all(
      [...this.#pages].map(async ([text, page]) => {
        const [namespace = '', name = ''] = text.split('/');
        if (Object.keys(page.pending).length > 0) await this.update({ namespace, name }, () => ({}));
        page.timer?.cancel();
      }),
    );
  }

  #flushLater(key: ObjectKey, page: Page): void {
    page.timer = undefined;
    if (Object.keys(page.pending).length === 0) return;
    this.update(key, () => ({})).catch((error: unknown) =>
      this.#log.warn('progress was not stored', { host: keyText(key), error: errorText(error) }),
    );
  }

  #page(key: ObjectKey): Page {
    const text = keyText(key);
    let page = this.#pages.get(text);
    if (page === undefined) {
      page = { object: undefined, pending: {}, timer: undefined, tail: Promise.resolve() };
      this.#pages.set(text, page);
    }
    return page;
  }

  async #write(
    key: ObjectKey,
    page: Page,
    change: (status: HostProgressStatus) => ProgressPatch | undefined,
  ): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const pending = page.pending;
      const object = await this.#current(key, page);
      // The host is gone: nobody will ever read this.
      if (object === undefined) return;
      const patch = change(merged(object.status, pending));
      if (patch === undefined) return;
      const status = merged(merged(object.status, pending), { ...patch, updatedAt: kubeTime(this.#clock.now()) });
      try {
        page.object = await this.#store.updateStatus(HOST_PROGRESS, { ...object, status });
        page.pending = without(page.pending, pending);
        return;
      } catch (error) {
        const stale = storeErrors.is(error, 'STORE_CONFLICT') || storeErrors.is(error, 'STORE_NOT_FOUND');
        if (!stale || attempt >= CONFLICT_ATTEMPTS) throw error;
        page.object = await this.#read(key);
      }
    }
  }

  async #current(key: ObjectKey, page: Page): Promise<HostProgress | undefined> {
    const host = this.hosts.get(keyText(key)) ?? (await this.#readHost(key));
    if (host === undefined) return undefined;
    const object = page.object ?? (await this.#read(key));
    if (object !== undefined && ownedBy(object, host)) return object;
    // Left over from an earlier host of that name: its disk pin and agent are not this host's.
    if (object !== undefined) await this.#store.delete(HOST_PROGRESS, key).catch(ignoreMissing);
    page.pending = {};
    try {
      return await this.#store.create(HOST_PROGRESS, newProgress(key, host));
    } catch (error) {
      if (storeErrors.is(error, 'STORE_ALREADY_EXISTS')) return this.#read(key);
      throw error;
    }
  }

  #read(key: ObjectKey): Promise<HostProgress | undefined> {
    return this.#store.get(HOST_PROGRESS, key).catch(ignoreMissing);
  }

  async #readHost(key: ObjectKey): Promise<BareMetalHost | undefined> {
    const host = await this.#store.get(BARE_METAL_HOST, key).catch(ignoreMissing);
    if (host !== undefined) this.hosts.set(host);
    return host;
  }

  #onProgress(event: StoreEvent<HostProgress>): void {
    if (event.type === 'synced') return;
    const page = this.#page(keyOf(event.object));
    if (event.type === 'deleted') {
      if (page.object?.metadata.uid === event.object.metadata.uid) page.object = undefined;
    } else if (page.object === undefined || notOlder(event.object, page.object)) page.object = event.object;
  }

  #onHost(event: StoreEvent<BareMetalHost>): void {
    if (event.type === 'synced') return;
    if (event.type !== 'deleted') {
      this.hosts.set(event.object);
      return;
    }
    const text = keyText(keyOf(event.object));
    this.hosts.remove(text);
    this.#pages.get(text)?.timer?.cancel();
    this.#pages.delete(text);
  }

  #follow<T>(events: AsyncIterable<StoreEvent<T>>, take: (event: StoreEvent<T>) => void) {
    const synced = Promise.withResolvers<void>();
    const done = (async () => {
      for await (const event of events) {
        take(event);
        if (event.type === 'synced') synced.resolve();
      }
    })().finally(() => synced.resolve());
    done.catch((error: unknown) => this.#log.error('following the hosts ended', { error: errorText(error) }));
    return { synced: synced.promise, done };
  }
}

function newProgress(key: ObjectKey, host: BareMetalHost): HostProgress {
  const owner = { apiVersion: host.apiVersion, kind: host.kind, name: key.name, uid: host.metadata.uid ?? '' };
  return {
    apiVersion: 'ingot.dev/v1alpha1',
    kind: 'HostProgress',
    metadata: { namespace: key.namespace, name: key.name, ownerReferences: [owner] },
  };
}

function ownedBy(object: HostProgress, host: BareMetalHost): boolean {
  return object.metadata.ownerReferences?.some((o) => o.uid === host.metadata.uid) === true;
}

/** Versions are numbers in both stores; anything else is taken as new. */
function notOlder(candidate: HostProgress, held: HostProgress): boolean {
  const a = Number(candidate.metadata.resourceVersion);
  const b = Number(held.metadata.resourceVersion);
  return !(a < b);
}

function merged(status: HostProgressStatus | undefined, patch: ProgressPatch): HostProgressStatus {
  const all = Object.entries({ ...status, ...patch }).filter(([, value]) => value !== undefined);
  return Object.fromEntries(all) as HostProgressStatus;
}

/** `now` less what was stored, unless noted anew meanwhile. */
function without(now: ProgressPatch, stored: ProgressPatch): ProgressPatch {
  const left = Object.entries(now).filter(([k, value]) => stored[k as keyof ProgressPatch] !== value);
  return Object.fromEntries(left) as ProgressPatch;
}

function ignoreMissing(error: unknown): undefined {
  if (storeErrors.is(error, 'STORE_NOT_FOUND')) return undefined;
  throw error;
}
