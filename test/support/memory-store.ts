import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { KubeObject, ObjectKey, ResourceType } from '../../src/api/meta.ts';
import { type Clock, kubeTime, systemClock } from '../../src/core/clock.ts';
import { storeErrors } from '../../src/store/errors.ts';
import type { ListOptions, MergePatch, Store, StoreEvent, WatchOptions } from '../../src/store/store.ts';

type Stored = KubeObject & { spec?: unknown; status?: unknown; data?: unknown; stringData?: Record<string, string> };

interface Watcher {
  type: ResourceType;
  options: ListOptions;
  push(event: StoreEvent<Stored>): void;
}

/** A Store in a Map, with Kubernetes' semantics: versions, status apart, finalizers, owner references. For tests only. */
export class MemoryStore implements Store {
  readonly #objects = new Map<string, { type: ResourceType; object: Stored }>();
  readonly #watchers = new Set<Watcher>();
  readonly #clock: Clock;
  #revision = 0;
  /** Called before each write; may throw to make it fail, as a crash or a lost connection would. */
  beforeWrite: ((verb: string, type: ResourceType, object: KubeObject) => void) | undefined;

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  async get<T extends KubeObject>(type: ResourceType<T>, key: ObjectKey): Promise<T> {
    return structuredClone(this.#find(type, key)) as unknown as T;
  }

  async list<T extends KubeObject>(type: ResourceType<T>, options: ListOptions = {}): Promise<T[]> {
    return this.#select(type, options) as unknown as T[];
  }

  async *watch<T extends KubeObject>(type: ResourceType<T>, options: WatchOptions): AsyncGenerator<StoreEvent<T>> {
    const { signal } = options;
    if (signal.aborted) return;
    const queue: StoreEvent<Stored>[] = this.#select(type, options).map((object) => ({ type: 'added', object }));
    queue.push({ type: 'synced' });
    let wake = () => {};
    const watcher: Watcher = {
      type,
      options,
      push: (event) => {
        queue.push(event);
        wake();
      },
    };
    const onAbort = () => wake();
    this.#watchers.add(watcher);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      while (!signal.aborted) {
        const event = queue.shift();
        if (event !== undefined) yield event as unknown as StoreEvent<T>;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
      this.#watchers.delete(watcher);
    }
  }

  async create<T extends KubeObject>(type: ResourceType<T>, object: T): Promise<T> {
    const fresh = structuredClone(object) as unknown as Stored;
    const { metadata } = fresh;
    if (metadata.name === '') metadata.name = `${metadata.generateName ?? ''}${randomUUID().slice(0, 5)}`;
    if (metadata.name === '') throw storeErrors.make('STORE_INVALID', 'metadata.name: Required value');
    this.beforeWrite?.('create', type, fresh);
    const id = identify(type, { namespace: metadata.namespace ?? '', name: metadata.name });
    if (this.#objects.has(id)) throw storeErrors.make('STORE_ALREADY_EXISTS', `${id} exists`);
    if (type.status) delete fresh.status;
    fold(fresh);
    metadata.uid = randomUUID();
    metadata.generation = 1;
    metadata.creationTimestamp = kubeTime(this.#clock.now());
    delete metadata.deletionTimestamp;
    return this.#put('added', type, fresh) as unknown as T;
  }

  async update<T extends KubeObject>(type: ResourceType<T>, object: T): Promise<T> {
    const next = structuredClone(object) as unknown as Stored;
    const old = this.#current(type, next);
    if (type.status) {
      if (old.status === undefined) delete next.status;
      else next.status = structuredClone(old.status);
    }
    this.beforeWrite?.('update', type, next);
    return this.#replace(type, old, next) as unknown as T;
  }

  async updateStatus<T extends KubeObject>(type: ResourceType<T>, object: T): Promise<T> {
    const given = object as unknown as Stored;
    const old = this.#current(type, given);
    const next: Stored = { ...structuredClone(old), status: structuredClone(given.status) };
    this.beforeWrite?.('updateStatus', type, next);
    return this.#replace(type, old, next) as unknown as T;
  }

  async patch<T extends KubeObject>(type: ResourceType<T>, key: ObjectKey, mergePatch: MergePatch): Promise<T> {
    const merged = merge(structuredClone(this.#find(type, key)), mergePatch) as unknown as T;
    return await this.update(type, merged);
  }

  async patchStatus<T extends KubeObject>(type: ResourceType<T>, key: ObjectKey, mergePatch: MergePatch): Promise<T> {
    const merged = merge(structuredClone(this.#find(type, key)), mergePatch) as unknown as T;
    return await this.updateStatus(type, merged);
  }

  async delete<T extends KubeObject>(
    type: ResourceType<T>,
    key: ObjectKey,
    options: { uid?: string } = {},
  ): Promise<void> {
    const old = this.#find(type, key);
    if (options.uid !== undefined && options.uid !== old.metadata.uid) {
      throw storeErrors.make('STORE_CONFLICT', 'the uid is another one');
    }
    this.beforeWrite?.('delete', type, old);
    this.#end(type, old);
  }

  #end(type: ResourceType, old: Stored): void {
    if ((old.metadata.finalizers ?? []).length === 0) {
      this.#remove(type, old);
      return;
    }
    if (old.metadata.deletionTimestamp !== undefined) return;
    const next = structuredClone(old);
    next.metadata.deletionTimestamp = kubeTime(this.#clock.now());
    next.metadata.deletionGracePeriodSeconds = 0;
    next.metadata.generation = (old.metadata.generation ?? 0) + 1;
    this.#put('modified', type, next);
  }

  #find(type: ResourceType, key: ObjectKey): Stored {
    const found = this.#objects.get(identify(type, key));
    if (found === undefined) throw storeErrors.make('STORE_NOT_FOUND', `${identify(type, key)} not found`);
    return found.object;
  }

  #select(type: ResourceType, options: ListOptions): Stored[] {
    return [...this.#objects.values()]
      .filter((entry) => sameType(entry.type, type) && matches(entry.object, options))
      .map((entry) => structuredClone(entry.object))
      .toSorted((a, b) => (path(a) < path(b) ? -1 : 1));
  }

  #current(type: ResourceType, object: KubeObject): Stored {
    const { namespace = '', name, resourceVersion } = object.metadata;
    const old = this.#find(type, { namespace, name });
    if (resourceVersion !== undefined && resourceVersion !== old.metadata.resourceVersion) {
      throw storeErrors.make('STORE_CONFLICT', `${path(object)} was changed by somebody else`);
    }
    return old;
  }

  #replace(type: ResourceType, old: Stored, next: Stored): Stored {
    fold(next);
    const kept = ['uid', 'creationTimestamp', 'generation', 'deletionTimestamp', 'deletionGracePeriodSeconds'] as const;
    for (const key of kept) Object.assign(next.metadata, { [key]: old.metadata[key] });
    if (old.metadata.deletionTimestamp === undefined) delete next.metadata.deletionTimestamp;
    if (old.metadata.deletionGracePeriodSeconds === undefined) delete next.metadata.deletionGracePeriodSeconds;
    next.metadata.resourceVersion = old.metadata.resourceVersion ?? '';
    if (isDeepStrictEqual(old, next)) return structuredClone(old);
    if (!isDeepStrictEqual(desired(old), desired(next))) next.metadata.generation = (old.metadata.generation ?? 0) + 1;
    if (next.metadata.deletionTimestamp !== undefined && (next.metadata.finalizers ?? []).length === 0) {
      this.#remove(type, next);
      return structuredClone(next);
    }
    return this.#put('modified', type, next);
  }

  #put(kind: 'added' | 'modified', type: ResourceType, object: Stored): Stored {
    object.metadata.resourceVersion = String(++this.#revision);
    this.#objects.set(identify(type, keyOf(object)), { type, object });
    this.#tell(kind, type, object);
    return structuredClone(object);
  }

  #remove(type: ResourceType, object: Stored): void {
    this.#objects.delete(identify(type, keyOf(object)));
    object.metadata.resourceVersion = String(++this.#revision);
    this.#tell('deleted', type, object);
    for (const { type: other, object: child } of this.#objects.values()) {
      const owners = child.metadata.ownerReferences ?? [];
      if (!owners.some((o) => o.uid === object.metadata.uid)) continue;
      const alive = owners.some((o) => [...this.#objects.values()].some((e) => e.object.metadata.uid === o.uid));
      if (!alive) this.#end(other, child);
    }
  }

  #tell(kind: 'added' | 'modified' | 'deleted', type: ResourceType, object: Stored): void {
    for (const watcher of this.#watchers) {
      if (
        !sameType(watcher.type, type) ||
        !matches(object, { namespace: watcher.options.namespace ?? object.metadata.namespace ?? '' })
      )
        continue;
      // An object that loses the label leaves the selection, which a watch reports as a deletion.
      const selected = matches(object, watcher.options);
      if (selected || kind === 'modified') {
        watcher.push({ type: selected ? kind : 'deleted', object: structuredClone(object) });
      }
    }
  }
}

function identify(type: ResourceType, key: ObjectKey): string {
  return `${type.plural}.${type.group}/${key.namespace}/${key.name}`;
}

function keyOf(object: KubeObject): ObjectKey {
  return { namespace: object.metadata.namespace ?? '', name: object.metadata.name };
}

function path(object: KubeObject): string {
  return `${object.metadata.namespace ?? ''}/${object.metadata.name}`;
}

function sameType(a: ResourceType, b: ResourceType): boolean {
  return a.group === b.group && a.plural === b.plural;
}

function matches(object: KubeObject, options: ListOptions): boolean {
  if (options.namespace !== undefined && options.namespace !== (object.metadata.namespace ?? '')) return false;
  return Object.entries(options.labels ?? {}).every(([k, v]) => object.metadata.labels?.[k] === v);
}

/** What a person wants of an object: everything but metadata and status. */
function desired(object: Stored): unknown {
  const { metadata: _m, status: _s, ...rest } = object;
  return rest;
}

function fold(object: Stored): void {
  if (object.stringData === undefined) return;
  const encoded = Object.entries(object.stringData).map(([k, v]) => [k, Buffer.from(v).toString('base64')]);
  object.data = { ...(object.data as object | undefined), ...Object.fromEntries(encoded) };
  delete object.stringData;
}

/** RFC 7396. */
function merge(target: unknown, patch: unknown): unknown {
  if (patch === null || typeof patch !== 'object' || Array.isArray(patch)) return patch;
  const base = target !== null && typeof target === 'object' && !Array.isArray(target) ? target : {};
  const out: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete out[key];
    else if (value !== undefined) out[key] = merge(out[key], value);
  }
  return out;
}
