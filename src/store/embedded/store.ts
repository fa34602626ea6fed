import { chmodSync, closeSync, mkdirSync, openSync } from 'node:fs';
import path from 'node:path';
import type { Clock, Timer } from '../../core/clock.ts';
import type { Logger } from '../../core/log.ts';
import type { Event } from '../../api/core-types.ts';
import { type KubeObject, type ObjectKey, type ResourceType, apiVersionOf, keyOf, keyText } from '../../api/meta.ts';
import type { CustomResourceDefinition } from '../../api/registry/crd.ts';
import { CUSTOM_RESOURCE_DEFINITION, Registry } from '../../api/registry/core-resources.ts';
import { EVENT, NAMESPACE } from '../../api/resources.ts';
import { mergePatch } from '../../api/validation/merge-patch.ts';
import { storeErrors } from '../errors.ts';
import type { WriteContext } from '../raw.ts';
import type { ListOptions, MergePatch, Store, StoreEvent, WatchOptions } from '../store.ts';
import { establishedCrd } from './crd-object.ts';
import { Objects } from './objects.ts';
import { Tables } from './sqlite.ts';

export interface EmbeddedOptions {
  /** Path of the database file, or ':memory:'. */
  file: string;
  crds: readonly CustomResourceDefinition[];
  clock: Clock;
  log: Logger;
}

/** How long a watch that lost its connection can still resume. */
const KEEP_CHANGES_MS = 10 * 60_000;
/** And how many changes are kept at most, however young. */
const KEEP_CHANGES = 20_000;
const KEEP_EVENTS_MS = 60 * 60_000;
const KEEP_EVENTS = 5_000;
const MAINTENANCE_MS = 30_000;

/** Manager name of the engine's own writes. */
const MANAGER = 'ingot';

/**
 * Opens (or makes) the embedded store.
 * @throws STORE_UNAVAILABLE when another process has the file open
 */
export function openEmbeddedStore(options: EmbeddedOptions): EmbeddedStore {
  if (options.file !== ':memory:') makePrivate(options.file);
  return new EmbeddedStore(options);
}

export class EmbeddedStore implements Store {
  /** The store as an API server needs it. */
  readonly raw: Objects;
  readonly #tables: Tables;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #closing = new AbortController();
  #timer: Timer;

  constructor(options: EmbeddedOptions) {
    this.#clock = options.clock;
    this.#log = options.log;
    this.#tables = openTables(options.file);
    this.raw = new Objects(this.#tables, new Registry(options.crds), options.clock);
    this.raw.ensure(this.raw.registry.of(NAMESPACE), {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'default' },
    });
    const definitions = this.raw.registry.of(CUSTOM_RESOURCE_DEFINITION);
    for (const crd of options.crds) this.raw.ensure(definitions, establishedCrd(crd, options.clock.now()));
    this.#timer = this.#schedule();
  }

  async get<T extends KubeObject>(type: ResourceType<T>, key: ObjectKey): Promise<T> {
    return this.raw.read(this.raw.registry.of(type), key) as T;
  }

  async list<T extends KubeObject>(type: ResourceType<T>, options: ListOptions = {}): Promise<T[]> {
    return this.raw.page(this.raw.registry.of(type), pageOptions(options)).items as T[];
  }

  async *watch<T extends KubeObject>(type: ResourceType<T>, options: WatchOptions): AsyncGenerator<StoreEvent<T>> {
    const signal = AbortSignal.any([options.signal, this.#closing.signal]);
    const known = new Map<string, T>();
    let synced = false;
    while (!signal.aborted) {
      const { items, revision } = this.raw.page(this.raw.registry.of(type), pageOptions(options));
      for (const event of relist(known, items as T[])) yield event;
      if (!synced) yield { type: 'synced' };
      synced = true;
      try {
        yield* this.#follow(type, revision, options, signal, known);
      } catch (error) {
        if (!storeErrors.is(error, 'STORE_EXPIRED')) throw error;
      }
    }
  }

  async *#follow<T extends KubeObject>(
    type: ResourceType<T>,
    revision: number,
    options: WatchOptions,
    signal: AbortSignal,
    known: Map<string, T>,
  ): AsyncGenerator<StoreEvent<T>> {
    const changes = this.raw.changes(this.raw.registry.of(type), revision, { ...pageOptions(options), signal });
    for await (const change of changes) {
      const object = change.object as T;
      const key = keyText(keyOf(object));
      if (change.type === 'DELETED') {
        known.delete(key);
        yield { type: 'deleted', object };
      } else {
        const type = known.has(key) ? 'modified' : 'added';
        known.set(key, object);
        yield { type, object };
      }
    }
  }

  async create<T extends KubeObject>(type: ResourceType<T>, object: T): Promise<T> {
    const context = this.#context(type);
    const created = this.raw.createObject(this.raw.registry.of(type), asOf(type, object), context);
    this.#warnDropped(context, created);
    return created as T;
  }

  async update<T extends KubeObject>(type: ResourceType<T>, object: T): Promise<T> {
    return this.#change(type, keyOf(object), undefined, () => asOf(type, object)) as T;
  }

  async updateStatus<T extends KubeObject>(type: ResourceType<T>, object: T): Promise<T> {
    return this.#change(type, keyOf(object), 'status', () => asOf(type, object)) as T;
  }

  async patch<T extends KubeObject>(type: ResourceType<T>, key: ObjectKey, patch: MergePatch): Promise<T> {
    return this.#change(type, key, undefined, (live) => mergePatch(live, patch) as KubeObject) as T;
  }

  async patchStatus<T extends KubeObject>(type: ResourceType<T>, key: ObjectKey, patch: MergePatch): Promise<T> {
    return this.#change(type, key, 'status', (live) => mergePatch(live, patch) as KubeObject) as T;
  }

  async delete<T extends KubeObject>(
    type: ResourceType<T>,
    key: ObjectKey,
    options: { uid?: string } = {},
  ): Promise<void> {
    this.raw.deleteObject(this.raw.registry.of(type), key, options);
  }

  /** Ends all watches and closes the file. */
  close(): void {
    this.#timer.cancel();
    this.#closing.abort();
    this.#tables.close();
  }

  #change(
    type: ResourceType,
    key: ObjectKey,
    subresource: 'status' | undefined,
    change: (live: KubeObject) => KubeObject,
  ): KubeObject {
    const context = this.#context(type, subresource);
    const updated = this.raw.updateObject(this.raw.registry.of(type), key, context, change);
    this.#warnDropped(context, updated);
    return updated;
  }

  #context(type: ResourceType, subresource?: 'status'): WriteContext & { unknownFields: string[] } {
    const sub = subresource === undefined || !type.status ? {} : { subresource };
    return { manager: MANAGER, unknownFields: [], ...sub };
  }

  /** The engine never means to write a field that its own schema lacks: say so, or the loss stays unseen. */
  #warnDropped(context: { unknownFields: string[] }, object: KubeObject): void {
    if (context.unknownFields.length === 0) return;
    this.#log.warn('fields unknown to the schema were dropped', {
      kind: object.kind,
      object: keyText(keyOf(object)),
      fields: context.unknownFields,
    });
  }

  #schedule(): Timer {
    return this.#clock.timer(
      MAINTENANCE_MS,
      () => {
        this.maintain();
        this.#timer = this.#schedule();
      },
      true,
    );
  }

  /** Forgets old changes and old Events. Runs by itself every 30 s. */
  maintain(): void {
    const now = this.#clock.now();
    this.#expireEvents(now);
    this.raw.compactBefore(now - KEEP_CHANGES_MS);
    const oldest = this.raw.revision() - KEEP_CHANGES;
    if (oldest > this.#tables.getMeta('compacted')) this.raw.compactTo(oldest);
  }

  #expireEvents(now: number): void {
    const events = this.raw.registry.of(EVENT);
    const items = this.raw.page(events, {}).items as Event[];
    const time = (e: Event) => Date.parse(e.lastTimestamp ?? e.metadata.creationTimestamp ?? '') || 0;
    const byAge = items.sort((a, b) => time(a) - time(b));
    const surplus = byAge.length - KEEP_EVENTS;
    byAge.forEach((event, i) => {
      if (i < surplus || now - time(event) > KEEP_EVENTS_MS) this.raw.deleteObject(events, keyOf(event), {});
    });
  }
}

/** There are passwords in it: readable by its owner alone. SQLite gives its side files the mode of the main one. */
function makePrivate(file: string): void {
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  closeSync(openSync(file, 'a', 0o600));
  chmodSync(file, 0o600);
}

function openTables(file: string): Tables {
  try {
    return new Tables(file);
  } catch (cause) {
    throw storeErrors.make('STORE_UNAVAILABLE', `cannot open the object store ${file}: ${String(cause)}`, {
      cause,
      hint: 'check that no other ingot process uses this data folder, and that it is writable',
    });
  }
}

function asOf<T extends KubeObject>(type: ResourceType<T>, object: T): T {
  return { ...object, apiVersion: apiVersionOf(type), kind: type.kind };
}

function pageOptions(options: ListOptions): { namespace?: string; matches?: (object: KubeObject) => boolean } {
  const { namespace, labels } = options;
  const wanted = Object.entries(labels ?? {});
  return {
    ...(namespace === undefined ? {} : { namespace }),
    ...(wanted.length === 0
      ? {}
      : { matches: (object) => wanted.every(([key, value]) => object.metadata.labels?.[key] === value) }),
  };
}

/** Brings `known` to the listed state and tells the difference: after a gap, missed deletions are found here. */
function* relist<T extends KubeObject>(known: Map<string, T>, items: readonly T[]): Generator<StoreEvent<T>> {
  const listed = new Set(items.map((item) => keyText(keyOf(item))));
  for (const [key, object] of known) {
    if (listed.has(key)) continue;
    known.delete(key);
    yield { type: 'deleted', object };
  }
  for (const object of items) {
    const key = keyText(keyOf(object));
    const before = known.get(key);
    known.set(key, object);
    if (before === undefined) yield { type: 'added', object };
    else if (before.metadata.resourceVersion !== object.metadata.resourceVersion) yield { type: 'modified', object };
  }
}
