import type { Schema } from '../validation/schema.ts';
import { isObject } from '../validation/schema.ts';
import type { KubeObject } from '../meta.ts';
import {
  type FieldSet,
  fromFieldsV1,
  intersect,
  isEmptySet,
  pathText,
  pathsOf,
  sameSet,
  subtract,
  toFieldsV1,
  union,
} from './field-set.ts';
import { mergeApplied, protectOwned, removeFields } from './merge.ts';
import { compareFields, fieldsOf } from './walk.ts';

/** One entry of metadata.managedFields. */
export interface Manager {
  manager: string;
  operation: 'Apply' | 'Update';
  subresource?: string;
  apiVersion: string;
  time?: string;
  fields: FieldSet;
}

/** Who writes, for the bookkeeping of fields. */
export interface Writer {
  manager: string;
  subresource?: string;
  /** Time of the write, RFC 3339. */
  time: string;
}

export interface Conflict {
  owner: Manager;
  path: string;
}

/** More writers than this are folded into one entry, so that an object cannot grow by being written. */
const MAX_UPDATERS = 10;

export function readManagers(entries: readonly unknown[] | undefined): Manager[] {
  const out: Manager[] = [];
  for (const entry of entries ?? []) {
    if (!isObject(entry) || typeof entry['manager'] !== 'string' || !isObject(entry['fieldsV1'])) continue;
    out.push({
      manager: entry['manager'],
      operation: entry['operation'] === 'Apply' ? 'Apply' : 'Update',
      ...(typeof entry['subresource'] === 'string' ? { subresource: entry['subresource'] } : {}),
      apiVersion: typeof entry['apiVersion'] === 'string' ? entry['apiVersion'] : '',
      ...(typeof entry['time'] === 'string' ? { time: entry['time'] } : {}),
      fields: fromFieldsV1(entry['fieldsV1']),
    });
  }
  return out;
}

export function writeManagers(managers: readonly Manager[]): unknown[] {
  return foldOldest(managers.filter((m) => !isEmptySet(m.fields)))
    .toSorted(byAgeAndName)
    .map((m) => ({
      manager: m.manager,
      operation: m.operation,
      apiVersion: m.apiVersion,
      ...(m.time === undefined ? {} : { time: m.time }),
      fieldsType: 'FieldsV1',
      fieldsV1: toFieldsV1(m.fields),
      ...(m.subresource === undefined ? {} : { subresource: m.subresource }),
    }));
}

/** Appliers first, then the oldest, then by name: an order that does not depend on who was written when. */
function byAgeAndName(a: Manager, b: Manager): number {
  return (
    a.operation.localeCompare(b.operation) ||
    (a.time ?? '').localeCompare(b.time ?? '') ||
    a.manager.localeCompare(b.manager) ||
    (a.subresource ?? '').localeCompare(b.subresource ?? '')
  );
}

function foldOldest(managers: Manager[]): Manager[] {
  const updaters = managers.filter((m) => m.operation === 'Update' && m.subresource === undefined);
  if (updaters.length <= MAX_UPDATERS) return managers;
  const byAge = updaters.toSorted((a, b) => (a.time ?? '').localeCompare(b.time ?? ''));
  const old = byAge.slice(0, updaters.length - MAX_UPDATERS + 1);
  const fields = old.map((m) => m.fields).reduce(union);
  const last = old.at(-1);
  if (last === undefined) return managers;
  return [...managers.filter((m) => !old.includes(m)), { ...last, manager: 'ancient-changes', fields }];
}

/** Fields that nobody owns: they identify the object or are set by the server. */
const UNOWNED = fromFieldsV1({
  'f:apiVersion': {},
  'f:kind': {},
  'f:metadata': {
    '.': {},
    'f:name': {},
    'f:namespace': {},
    'f:creationTimestamp': {},
    'f:selfLink': {},
    'f:uid': {},
    'f:generation': {},
    'f:managedFields': {},
    'f:resourceVersion': {},
    'f:deletionTimestamp': {},
    'f:deletionGracePeriodSeconds': {},
  },
});

/** The object without its managedFields: they are not among the fields they count. */
function content(object: KubeObject | undefined): unknown {
  if (object === undefined) return {};
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}

function sameWriter(m: Manager, writer: Writer, operation: Manager['operation']): boolean {
  return m.manager === writer.manager && m.operation === operation && m.subresource === writer.subresource;
}

/**
 * Bookkeeping of an ordinary write: what `writer` changed is its own now and nobody else's.
 * @param live undefined for a creation
 * @returns the new metadata.managedFields
 */
export function trackUpdate(live: KubeObject | undefined, next: KubeObject, schema: Schema, writer: Writer): unknown[] {
  const given = readManagers(next.metadata.managedFields);
  const managers = given.length > 0 ? given : readManagers(live?.metadata.managedFields);
  const { changed, removed } = compareFields(content(live), content(next), schema);
  const mine = subtract(changed, UNOWNED);
  const gone = union(changed, removed);
  const kept = managers.map((m) =>
    sameWriter(m, writer, 'Update')
      ? { ...m, fields: subtract(m.fields, removed) }
      : { ...m, fields: subtract(m.fields, gone) },
  );
  const before = kept.find((m) => sameWriter(m, writer, 'Update'));
  if (before === undefined) {
    kept.push({ ...ownEntry(writer, 'Update', next.apiVersion), fields: mine });
  } else {
    const fields = union(before.fields, mine);
    if (!sameSet(fields, before.fields) || !isEmptySet(mine)) before.time = writer.time;
    before.fields = fields;
  }
  return writeManagers(kept);
}

function ownEntry(writer: Writer, operation: Manager['operation'], apiVersion: string): Omit<Manager, 'fields'> {
  return {
    manager: writer.manager,
    operation,
    apiVersion,
    time: writer.time,
    ...(writer.subresource === undefined ? {} : { subresource: writer.subresource }),
  };
}

export interface Applied {
  object: unknown;
  conflicts: Conflict[];
  managers: Manager[];
}

/**
 * Server-side apply: merges `config` into the stored object, removes what this manager applied before and no longer
 * mentions, and finds the fields whose value other managers own.
 * @param live undefined when the object does not exist yet
 */
export function applyConfig(live: KubeObject | undefined, config: KubeObject, schema: Schema, writer: Writer): Applied {
  const managers = readManagers(live?.metadata.managedFields);
  const own = managers.find((m) => sameWriter(m, writer, 'Apply'));
  const others = managers.filter((m) => m !== own);
  const fields = subtract(fieldsOf(content(config), schema), UNOWNED);
  const base = content(live);
  const merged = mergeApplied(base, content(config), schema);
  const owned = others.map((m) => m.fields).reduce(union, fields);
  const withdrawn = own === undefined ? subtract(fields, fields) : protectOwned(subtract(own.fields, owned), owned);
  const object = removeFields(merged, withdrawn, owned, schema) ?? {};
  const { changed, removed } = compareFields(base, object, schema);
  const conflicts: Conflict[] = [];
  const kept: Manager[] = [];
  for (const other of others) {
    const clash = intersect(other.fields, changed);
    for (const path of pathsOf(clash)) conflicts.push({ owner: other, path: pathText(path) });
    kept.push({ ...other, fields: subtract(other.fields, union(changed, removed)) });
  }
  const { time, ...identity } = ownEntry(writer, 'Apply', config.apiVersion);
  // The time is that of the last change of the object itself, not of who owns what.
  const stamp = isEmptySet(union(changed, removed)) ? own?.time : time;
  const entry: Manager = { ...identity, ...(stamp === undefined ? {} : { time: stamp }), fields };
  return { object, conflicts, managers: [...kept, entry] };
}

/** `Apply failed with 1 conflict: conflict with "kubectl-edit" using metal3.io/v1alpha1: .spec.online`. */
export function conflictText(conflicts: readonly Conflict[]): string {
  const count = `Apply failed with ${conflicts.length} conflict${conflicts.length === 1 ? '' : 's'}`;
  const [first] = conflicts;
  if (conflicts.length === 1 && first !== undefined) {
    return `${count}: conflict with ${ownerText(first.owner)}: ${first.path}`;
  }
  const byOwner = new Map<string, string[]>();
  for (const { owner, path } of conflicts) {
    byOwner.set(ownerText(owner), [...(byOwner.get(ownerText(owner)) ?? []), path]);
  }
  const blocks = [...byOwner].sort(([a], [b]) => a.localeCompare(b));
  const lines = blocks.map(([owner, paths]) => [`conflicts with ${owner}:`, ...paths.map((p) => `- ${p}`)].join('\n'));
  return `${count}: ${lines.join('\n')}`;
}

/** The owner as conflict messages name it. */
export function ownerText(m: Manager): string {
  const sub = m.subresource === undefined ? '' : ` with subresource "${m.subresource}"`;
  const using = m.operation === 'Update' ? ` using ${m.apiVersion}` : '';
  return `"${m.manager}"${sub}${using}`;
}
