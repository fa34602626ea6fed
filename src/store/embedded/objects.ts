import { type Clock, kubeTime } from '../../core/clock.ts';
import type { KubeObject, ObjectKey } from '../../api/meta.ts';
import { applyConfig, conflictText, ownerText, trackUpdate, writeManagers } from '../../api/managed/managers.ts';
import type { Registry } from '../../api/registry/core-resources.ts';
import { type Resource, storageKey } from '../../api/registry/resource.ts';
import { NAMESPACE } from '../../api/resources.ts';
import { invalid } from '../../api/validation/field-error.ts';
import { isObject, jsonEqual } from '../../api/validation/schema.ts';
import type {
  ApplyContext,
  ApplyResult,
  ChangesOptions,
  DeleteOptions,
  DeleteResult,
  Page,
  PageOptions,
  RawChange,
  RawStore,
  WriteContext,
} from '../raw.ts';
import { Collector } from './collector.ts';
import {
  alreadyExists,
  applyConflict,
  badObject,
  conflict,
  forbiddenWrite,
  invalidObject,
  namespaceNotFound,
  notFound,
} from './errors.ts';
import { Feed } from './feed.ts';
import { Journal, parseRow } from './journal.ts';
import { admit, checkObject, prepareCreate, prepareUpdate } from './prepare.ts';
import type { Tables } from './sqlite.ts';

const NO_LIMIT = 1_000_000_000;
const CHUNK = 500;

/** The object store itself: every write is one transaction, from reading the stored object to noting the change. */
export class Objects implements RawStore {
  readonly registry: Registry;
  readonly #tables: Tables;
  readonly #clock: Clock;
  readonly #journal: Journal;
  readonly #collector: Collector;
  readonly #feed: Feed;

  constructor(tables: Tables, registry: Registry, clock: Clock) {
    this.registry = registry;
    this.#tables = tables;
    this.#clock = clock;
    this.#journal = new Journal(tables, clock);
    this.#collector = new Collector(tables, this.#journal, registry, clock);
    this.#feed = new Feed(tables);
  }

  revision(): number {
    return this.#tables.getMeta('revision');
  }

  read(resource: Resource, key: ObjectKey): KubeObject {
    const row = this.#tables.get(storageKey(resource.type), key.namespace, key.name);
    if (row === undefined) throw notFound(resource, key);
    return parseRow(row);
  }

  page(resource: Resource, options: PageOptions): Page {
    const { namespace, matches, limit = NO_LIMIT } = options;
    const kind = storageKey(resource.type);
    const items: KubeObject[] = [];
    let after = options.after ?? { namespace: '', name: '' };
    const revision = this.revision();
    for (;;) {
      const rows = this.#tables.list(kind, namespace, after, CHUNK);
      for (const row of rows) {
        const object = parseRow(row);
        if (matches !== undefined && !matches(object)) continue;
        if (items.length === limit) return { items, revision, more: true, ...this.#remaining(kind, options, items) };
        items.push(object);
      }
      const last = rows.at(-1);
      if (last === undefined || rows.length < CHUNK) return { items, revision, more: false };
      after = { namespace: last.namespace, name: last.name };
    }
  }

  #remaining(kind: string, options: PageOptions, items: readonly KubeObject[]): { remaining?: number } {
    const last = items.at(-1);
    if (options.matches !== undefined || last === undefined) return {};
    const { namespace = '', name } = last.metadata;
    return { remaining: this.#tables.count(kind, options.namespace, { namespace, name }) };
  }

  changes(resource: Resource, revision: number, options: ChangesOptions): AsyncIterable<RawChange> {
    return this.#feed.changes(storageKey(resource.type), revision, options);
  }

  createObject(resource: Resource, object: KubeObject, context: WriteContext): KubeObject {
    this.#checkWritable(resource, object.metadata?.name ?? '');
    const admitted = admit(resource, object, context);
    const created = this.#write(context, () => this.#insert(resource, admitted, context));
    // What a dry run made has no place in the order of versions.
    if (context.dryRun === true) delete created.metadata.resourceVersion;
    return created;
  }

  #insert(resource: Resource, admitted: KubeObject, context: WriteContext): KubeObject {
    const created = prepareCreate(resource, admitted, this.#clock.now());
    const { name, namespace = '' } = created.metadata;
    checkObject(resource, created);
    if (resource.type.namespaced) this.#checkNamespace(resource, created);
    if (this.#tables.get(storageKey(resource.type), namespace, name) !== undefined) {
      throw alreadyExists(resource, name);
    }
    if (created.metadata.managedFields === undefined) this.#track(resource, undefined, created, context);
    const stored = this.#journal.save(resource, created);
    this.#collector.collectIfOrphan(resource, stored);
    return stored;
  }

  updateObject(
    resource: Resource,
    key: ObjectKey,
    context: WriteContext,
    change: (live: KubeObject) => KubeObject,
  ): KubeObject {
    return this.#write(context, () => {
      const live = this.read(resource, key);
      const admitted = admit(resource, change(live), context);
      const next = prepareUpdate(resource, live, admitted, context.subresource);
      this.#track(resource, live, next, context);
      return this.#replace(resource, live, next);
    });
  }

  /** Stores `next` unless nothing changed: a write without effect makes no event and no new resourceVersion. */
  #replace(resource: Resource, live: KubeObject, next: KubeObject): KubeObject {
    checkObject(resource, next, live);
    if (jsonEqual(live, next)) return live;
    // `kubectl apply` of the definitions that are there anyway changes its own annotation only, and is let be.
    if (!jsonEqual(withoutMetadata(live), withoutMetadata(next))) this.#checkWritable(resource, live.metadata.name);
    const stored = this.#journal.save(resource, next, live);
    if (this.#collector.afterUpdate(resource, stored)) return stored;
    if (!jsonEqual(live.metadata.ownerReferences, stored.metadata.ownerReferences)) {
      this.#collector.collectIfOrphan(resource, stored);
    }
    return stored;
  }

  applyObject(resource: Resource, key: ObjectKey, config: KubeObject, context: ApplyContext): ApplyResult {
    if (config.metadata?.managedFields !== undefined) throw badObject('metadata.managedFields must be nil');
    const admitted = admitConfig(resource, key, config, context);
    return this.#write(context, () => {
      const row = this.#tables.get(storageKey(resource.type), key.namespace, key.name);
      if (row === undefined && context.subresource !== undefined) throw notFound(resource, key);
      if (row === undefined) this.#checkWritable(resource, key.name);
      const live = row === undefined ? undefined : parseRow(row);
      const merged = this.#merge(resource, live, admitted, context);
      const full = admit(resource, merged, { ...context, unknownFields: [] });
      if (live === undefined) return { object: this.#insert(resource, full, context), created: true };
      const wanted = { ...full, metadata: { ...full.metadata } };
      if (admitted.metadata.resourceVersion !== undefined) {
        wanted.metadata.resourceVersion = admitted.metadata.resourceVersion;
      }
      const next = prepareUpdate(resource, live, wanted, context.subresource);
      return { object: this.#replace(resource, live, next), created: false };
    });
  }

  #merge(resource: Resource, live: KubeObject | undefined, config: KubeObject, context: ApplyContext): KubeObject {
    const writer = { manager: context.manager, time: kubeTime(this.#clock.now()), ...subresourceOf(context) };
    const applied = applyConfig(live, config, resource.schema, writer);
    if (applied.conflicts.length > 0 && !context.force) {
      const causes = applied.conflicts.map(({ owner, path }) => ({
        reason: 'FieldManagerConflict',
        message: `conflict with ${ownerText(owner)}`,
        field: path,
      }));
      throw applyConflict(conflictText(applied.conflicts), causes);
    }
    const object = applied.object as KubeObject;
    return { ...object, metadata: { ...object.metadata, managedFields: writeManagers(applied.managers) } };
  }

  deleteObject(resource: Resource, key: ObjectKey, options: DeleteOptions): DeleteResult {
    this.#checkWritable(resource, key.name);
    return this.#write(options, () => {
      const object = this.read(resource, key);
      const { uid, resourceVersion } = object.metadata;
      if (options.uid !== undefined && options.uid !== uid) {
        const text = `the UID in the precondition (${options.uid}) does not match the UID in record (${uid}). The object might have been deleted and then recreated`;
        throw conflict(resource, key.name, text);
      }
      if (options.resourceVersion !== undefined && options.resourceVersion !== resourceVersion) {
        const text = `Precondition failed: ResourceVersion in precondition: ${options.resourceVersion}, ResourceVersion in object meta: ${resourceVersion}`;
        throw conflict(resource, key.name, text);
      }
      if (resource.type.kind === 'Namespace' && key.name === 'default') {
        throw forbiddenWrite(resource, key.name, 'this namespace may not be deleted');
      }
      return this.#collector.delete(resource, object, options.propagation ?? 'Background');
    });
  }

  /** Puts an object that only the server makes (definitions, the default namespace), changed or not. */
  ensure(resource: Resource, object: KubeObject): void {
    this.#write({}, () => {
      const key = { namespace: object.metadata.namespace ?? '', name: object.metadata.name };
      const row = this.#tables.get(storageKey(resource.type), key.namespace, key.name);
      if (row === undefined) {
        const made: KubeObject & { status?: unknown } = prepareCreate(resource, object, this.#clock.now());
        const { status } = object as { status?: unknown };
        if (status !== undefined) made.status = status;
        return this.#journal.save(resource, made);
      }
      const live = parseRow(row);
      if (resource.readOnly) {
        const next = { ...object, metadata: { ...live.metadata, ...object.metadata } };
        // The status carries the time of its making; alone it is no reason to write at every start.
        const status = (live as { status?: unknown }).status;
        if (!jsonEqual({ ...next, status }, live)) return this.#journal.save(resource, next, live);
      }
      return live;
    });
  }

  /** Forgets changes made before `at` (ms). */
  compactBefore(at: number): void {
    const rv = this.#tables.lastRevisionBefore(at);
    if (rv > this.#tables.getMeta('compacted')) this.compactTo(rv);
  }

  /** Forgets changes up to and including revision `rv`. */
  compactTo(rv: number): void {
    this.#tables.transaction(() => this.#tables.compact(rv));
  }

  #write<T>(options: { dryRun?: boolean }, work: () => T): T {
    const result = this.#tables.transaction(work, options.dryRun !== true);
    if (options.dryRun !== true) this.#feed.notify();
    return result;
  }

  #track(resource: Resource, live: KubeObject | undefined, next: KubeObject, context: WriteContext): void {
    // Events are written once and read by people; bookkeeping of their fields would only double their size.
    if (resource.type.kind === 'Event') return;
    const writer = { manager: context.manager, time: kubeTime(this.#clock.now()), ...subresourceOf(context) };
    const fields = trackUpdate(live, next, resource.schema, writer);
    if (fields.length === 0) delete next.metadata.managedFields;
    else next.metadata.managedFields = fields;
  }

  #checkNamespace(resource: Resource, object: KubeObject): void {
    const name = object.metadata.namespace ?? '';
    const row = this.#tables.get(storageKey(NAMESPACE), '', name);
    if (row === undefined) throw namespaceNotFound(name);
    if (parseRow(row).metadata.deletionTimestamp === undefined) return;
    const text = `unable to create new content in namespace ${name} because it is being terminated`;
    const cause = {
      reason: 'NamespaceTerminating',
      message: `namespace ${name} is being terminated`,
      field: 'metadata.namespace',
    };
    throw forbiddenWrite(resource, object.metadata.name, text, cause);
  }

  #checkWritable(resource: Resource, name: string): void {
    if (!resource.readOnly) return;
    throw forbiddenWrite(
      resource,
      name,
      'this server brings its own definitions; they cannot be changed through the API',
    );
  }
}

function withoutMetadata(object: KubeObject): unknown {
  return { ...object, metadata: undefined };
}

function subresourceOf(context: WriteContext): { subresource?: string } {
  return context.subresource === undefined ? {} : { subresource: context.subresource };
}

/** What a client applies: pruned, without defaults, and without the part that this write is not about. */
function admitConfig(resource: Resource, key: ObjectKey, config: KubeObject, context: ApplyContext): KubeObject {
  if (!isObject(config) || !isObject(config.metadata)) throw badObject('metadata is missing');
  if (config.metadata.name !== key.name) {
    throw badObject(
      `the name of the object (${config.metadata.name}) does not match the name on the URL (${key.name})`,
    );
  }
  // Run for its errors and warnings only: defaults that were not asked for must not become fields of this manager.
  const admitted = admit(resource, config, context);
  const kept: Record<string, unknown> = keepMentioned(admitted, config) as Record<string, unknown>;
  kept['apiVersion'] = admitted.apiVersion;
  kept['kind'] = admitted.kind;
  if (context.subresource === 'status') {
    const { status } = kept;
    for (const field of Object.keys(kept)) if (!['apiVersion', 'kind', 'metadata'].includes(field)) delete kept[field];
    if (status !== undefined) kept['status'] = status;
    kept['metadata'] = { name: key.name, namespace: key.namespace };
  } else if (resource.type.status) delete kept['status'];
  const result = kept as unknown as KubeObject;
  if (resource.type.kind === 'Secret' && 'stringData' in config) {
    return { ...result, ...('data' in admitted ? { data: admitted.data } : {}) };
  }
  if (resource.type.namespaced && result.metadata.namespace === undefined) {
    throw invalidObject(resource, key.name, [
      invalid('metadata.namespace', '', 'does not match the namespace on the URL'),
    ]);
  }
  return result;
}

/** `admitted` cut down to what `config` mentions. */
function keepMentioned(admitted: unknown, config: unknown): unknown {
  if (!isObject(admitted) || !isObject(config)) return admitted;
  const out: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(admitted)) {
    if (Object.hasOwn(config, key)) out[key] = keepMentioned(value, config[key]);
  }
  return out;
}
