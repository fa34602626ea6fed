import { type KubeObject, type ResourceType, apiVersionOf, keyOf, keyText } from '../../api/meta.ts';
import { type BackoffPolicy, backoffMs } from '../../core/backoff.ts';
import { type Clock, sleep } from '../../core/clock.ts';
import type { Logger } from '../../core/log.ts';
import { errorText } from '../../core/errors.ts';
import { storeErrors } from '../errors.ts';
import type { StoreEvent, WatchOptions } from '../store.ts';
import type { KubeClient } from './client.ts';
import { jsonLines } from './lines.ts';
import { collectionPath, listQuery } from './paths.ts';
import { type KubeStatus, statusError } from './status.ts';

export interface ReflectorDoors {
  client: KubeClient;
  clock: Clock;
  random: () => number;
  log: Logger;
}

interface ListPage<T> {
  metadata?: { resourceVersion?: string; continue?: string };
  items?: T[];
}

interface WatchEvent<T> {
  type?: string;
  object?: T;
}

const PAGE = 500;
const BACKOFF: BackoffPolicy = { initialMs: 500, maxMs: 30_000, factor: 2, jitter: 0.5, attempts: Infinity };
/** The server ends each watch after this; spread so that a fleet of watches does not reconnect at once. */
const WATCH_SECONDS = 300;
/** A server that ends watches sooner than this is in trouble; opening them again at once would make it worse. */
const SHORTEST_WATCH_MS = 1000;

/** Every object of a type, page by page, with the revision of the list. `continue` tokens that expired start over. */
export async function listAll<T extends KubeObject>(
  client: KubeClient,
  type: ResourceType<T>,
  options: Omit<WatchOptions, 'signal'> & { signal?: AbortSignal },
): Promise<{ items: T[]; revision: string }> {
  const items: T[] = [];
  let token = '';
  for (;;) {
    const page: ListPage<T> = await client.json({
      method: 'GET',
      path: collectionPath(type, options.namespace),
      query: listQuery(options, { limit: String(PAGE), ...(token === '' ? {} : { continue: token }) }),
      what: `list ${type.plural}`,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
    for (const item of page.items ?? []) items.push(withKind(type, item));
    token = page.metadata?.continue ?? '';
    if (token === '') return { items, revision: page.metadata?.resourceVersion ?? '' };
  }
}

/** Items of a list come without apiVersion and kind. */
function withKind<T extends KubeObject>(type: ResourceType<T>, object: T): T {
  return { ...object, apiVersion: apiVersionOf(type), kind: type.kind };
}

/**
 * The consumer's feed of `Store.watch`: list, then watch from the list's revision; a dropped connection resumes from the
 * last revision seen (bookmarks keep it fresh), an expired one lists again and tells what vanished meanwhile.
 */
export async function* reflect<T extends KubeObject>(
  doors: ReflectorDoors,
  type: ResourceType<T>,
  options: WatchOptions,
): AsyncGenerator<StoreEvent<T>> {
  const known = new Map<string, T>();
  let revision = '';
  let synced = false;
  let failures = 0;
  while (!options.signal.aborted) {
    try {
      if (revision === '') {
        const list = await listAll(doors.client, type, options);
        yield* difference(known, list.items);
        revision = list.revision;
        if (!synced) yield { type: 'synced' };
        synced = true;
      }
      const opened = doors.clock.monotonic();
      for await (const event of openWatch(doors, type, options, revision)) {
        failures = 0;
        if (event.object === undefined) continue;
        revision = event.object.metadata.resourceVersion ?? revision;
        const change = take(known, withKind(type, event.object), event.type);
        if (change !== undefined) yield change;
      }
      if (doors.clock.monotonic() - opened < SHORTEST_WATCH_MS) {
        throw storeErrors.make('STORE_UNAVAILABLE', 'the server ended the watch at once');
      }
    } catch (error) {
      if (options.signal.aborted) return;
      failures++;
      if (storeErrors.is(error, 'STORE_EXPIRED')) {
        revision = '';
        // Once is how watches age; again without an event in between is a server in trouble.
        if (failures === 1) continue;
      }
      doors.log.warn(`watch of ${type.plural} failed, trying again: ${errorText(error)}`, { failures });
      await pause(doors, failures, options.signal);
    }
  }
}

async function pause(doors: ReflectorDoors, failures: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(doors.clock, backoffMs(BACKOFF, failures, doors.random), signal);
  } catch {
    // Aborted: the loop's own condition ends it.
  }
}

/** Events that lead from what the consumer knows to a fresh list. */
function* difference<T extends KubeObject>(known: Map<string, T>, items: T[]): Generator<StoreEvent<T>> {
  const fresh = new Set(items.map((item) => keyText(keyOf(item))));
  for (const [key, object] of known) {
    if (fresh.has(key)) continue;
    known.delete(key);
    yield { type: 'deleted', object };
  }
  for (const item of items) {
    const change = take(known, item, 'MODIFIED');
    if (change !== undefined) yield change;
  }
}

/** Notes one change; undefined when it is no news (a replay, a bookmark). */
function take<T extends KubeObject>(
  known: Map<string, T>,
  object: T,
  type: string | undefined,
): StoreEvent<T> | undefined {
  if (type === 'BOOKMARK') return undefined;
  const key = keyText(keyOf(object));
  const before = known.get(key);
  if (type === 'DELETED') {
    known.delete(key);
    return { type: 'deleted', object };
  }
  if (
    before?.metadata.uid === object.metadata.uid &&
    before?.metadata.resourceVersion === object.metadata.resourceVersion
  ) {
    return undefined;
  }
  known.set(key, object);
  return { type: before === undefined ? 'added' : 'modified', object };
}

async function* openWatch<T extends KubeObject>(
  doors: ReflectorDoors,
  type: ResourceType<T>,
  options: WatchOptions,
  revision: string,
): AsyncGenerator<WatchEvent<T>> {
  const seconds = Math.round(WATCH_SECONDS * (1 + doors.random()));
  const what = `watch ${type.plural}`;
  const body = await doors.client.stream({
    method: 'GET',
    path: collectionPath(type, options.namespace),
    query: listQuery(options, {
      watch: 'true',
      allowWatchBookmarks: 'true',
      resourceVersion: revision,
      timeoutSeconds: String(seconds),
    }),
    what,
    signal: options.signal,
  });
  for await (const line of jsonLines(body)) {
    const event = line as WatchEvent<T>;
    // An ERROR event carries a Status where the object would be; 410 arrives this way more often than by HTTP.
    if (event.type === 'ERROR') {
      const status = event.object as KubeStatus | undefined;
      throw statusError(what, status?.code ?? 500, status ?? {});
    }
    yield event;
  }
}
