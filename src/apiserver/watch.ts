import type { Clock } from '../core/clock.ts';
import type { Resource } from '../api/registry/resource.ts';
import type { RawChange, RawStore } from '../store/raw.ts';
import { badRequest, statusOf } from './api-error.ts';
import { selection } from './list.ts';
import { flag, number } from './options.ts';
import type { View } from './views.ts';

export interface WatchDoors {
  store: RawStore;
  clock: Clock;
  signal: AbortSignal;
}

export interface WatchScope {
  resource: Resource;
  namespace: string | undefined;
  name: string | undefined;
  query: URLSearchParams;
}

/** A watch without a timeout of its own ends after this; clients reconnect by themselves. */
const DEFAULT_TIMEOUT_S = 30 * 60;
const BOOKMARK_MS = 30_000;

/** Marks the end of the initial state in a watch that was asked to begin with it. */
const INITIAL_EVENTS_END = 'k8s.io/initial-events-end';

interface WatchPlan {
  initial: boolean;
  since: number;
  timeoutMs: number;
  bookmarks: boolean;
  /** Ends the initial state with a marked bookmark. */
  markEnd: boolean;
}

/** @throws ApiError 400 */
function planOf(query: URLSearchParams, revision: number): WatchPlan {
  const text = query.get('resourceVersion') ?? '';
  if (!/^\d{0,15}$/.test(text)) throw badRequest(`invalid resourceVersion ${JSON.stringify(text)}`);
  const markEnd = flag(query, 'sendInitialEvents');
  const timeout = number(query, 'timeoutSeconds') ?? 0;
  const fresh = text === '' || text === '0';
  return {
    initial: markEnd || (fresh && query.get('sendInitialEvents') !== 'false'),
    since: fresh ? revision : Number(text),
    timeoutMs: (timeout === 0 ? DEFAULT_TIMEOUT_S : timeout) * 1000,
    bookmarks: flag(query, 'allowWatchBookmarks'),
    markEnd,
  };
}

/**
 * The lines of a watch, until its time is over or the client goes. A resourceVersion that is too old is told as an ERROR
 * line with code 410, as kube-apiserver does.
 * @throws ApiError 400 before the first line
 */
export function watchObjects(scope: WatchScope, doors: WatchDoors, view: View): AsyncIterable<unknown> {
  const plan = planOf(scope.query, doors.store.revision());
  const selected = selection(scope.resource, scope.namespace, scope.query, scope.name);
  return lines(plan, scope, doors, view, selected);
}

async function* lines(
  plan: WatchPlan,
  scope: WatchScope,
  doors: WatchDoors,
  view: View,
  selected: ReturnType<typeof selection>,
): AsyncGenerator {
  const { store, clock } = doors;
  const stop = new AbortController();
  const timer = clock.timer(plan.timeoutMs, () => stop.abort(), true);
  const signal = AbortSignal.any([doors.signal, stop.signal]);
  let first = true;
  const event = (change: Pick<RawChange, 'type' | 'object'>) => {
    const line = { type: change.type, object: view.event(change.object, first) };
    first = false;
    return line;
  };
  const ticker = new Ticker(clock, plan.bookmarks);
  try {
    let since = plan.since;
    if (plan.initial) {
      const page = store.page(scope.resource, selected);
      since = page.revision;
      for (const object of page.items) yield event({ type: 'ADDED', object });
      if (plan.markEnd) yield bookmark(view, since, true);
    }
    const changes = store.changes(scope.resource, since, { ...selected, signal, onIdle: ticker.idle });
    yield* ticker.merge(changes, event, view);
  } catch (error) {
    if (!signal.aborted) yield { type: 'ERROR', object: statusOf(error) };
  } finally {
    stop.abort();
    ticker.stop();
    timer.cancel();
  }
}

function bookmark(view: View, revision: number, end: boolean): unknown {
  const object = view.bookmark(String(revision)) as { metadata: Record<string, unknown> };
  if (end) object.metadata['annotations'] = { [INITIAL_EVENTS_END]: 'true' };
  return { type: 'BOOKMARK', object };
}

/** Adds a bookmark every half minute to a feed of changes. */
class Ticker {
  readonly #clock: Clock;
  readonly #on: boolean;
  #wake: (() => void) | undefined;
  #due = false;
  #revision = 0;
  #timer: { cancel(): void } | undefined;

  constructor(clock: Clock, on: boolean) {
    this.#clock = clock;
    this.#on = on;
    this.#arm();
  }

  /** Called by the feed when everything up to `revision` has been taken. */
  readonly idle = (revision: number): void => {
    this.#revision = revision;
  };

  async *merge(changes: AsyncIterable<RawChange>, event: (change: RawChange) => unknown, view: View): AsyncGenerator {
    const feed = changes[Symbol.asyncIterator]();
    let next = feed.next();
    for (;;) {
      const result = await Promise.race([next, this.#ticked()]);
      if (result === undefined) {
        this.#due = false;
        this.#arm();
        if (this.#revision > 0) yield bookmark(view, this.#revision, false);
        continue;
      }
      if (result.done === true) return;
      yield event(result.value);
      this.#revision = Math.max(this.#revision, result.value.revision);
      next = feed.next();
    }
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #ticked(): Promise<undefined> {
    if (this.#due) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      this.#wake = () => resolve(undefined);
    });
  }

  #arm(): void {
    if (!this.#on) return;
    this.#timer = this.#clock.timer(
      BOOKMARK_MS,
      () => {
        this.#due = true;
        this.#wake?.();
      },
      true,
    );
  }
}
