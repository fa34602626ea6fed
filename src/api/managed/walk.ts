import { type JsonObject, type Schema, childSchema, isDeclared, isObject, jsonEqual } from '../validation/schema.ts';
import { type FieldSet, descend, emptySet, isEmptySet, union } from './field-set.ts';

/** How the parts of a value are owned: one by one, or only as a whole. */
type Shape = { kind: 'leaf' } | { kind: 'map'; value: JsonObject } | { kind: 'list'; items: Map<string, unknown> };

export function shapeOf(value: unknown, schema: Schema | undefined): Shape {
  if (isObject(value)) {
    return schema?.['x-kubernetes-map-type'] === 'atomic' ? { kind: 'leaf' } : { kind: 'map', value };
  }
  if (Array.isArray(value)) {
    const items = keyedItems(value, schema);
    if (items !== undefined) return { kind: 'list', items };
  }
  return { kind: 'leaf' };
}

/** Items by path element for lists of type `map` and `set`; undefined for atomic lists and for lists with unkeyed items. */
export function keyedItems(list: readonly unknown[], schema: Schema | undefined): Map<string, unknown> | undefined {
  const type = schema?.['x-kubernetes-list-type'];
  const out = new Map<string, unknown>();
  if (type === 'set') {
    for (const item of list) out.set(`v:${JSON.stringify(item)}`, item);
    return out;
  }
  if (type !== 'map') return undefined;
  const keys = [...(schema?.['x-kubernetes-list-map-keys'] ?? [])].sort();
  for (const item of list) {
    if (!isObject(item)) return undefined;
    out.set(`k:${JSON.stringify(Object.fromEntries(keys.map((k) => [k, item[k]])))}`, item);
  }
  return out;
}

/** The fields that `value` sets. */
export function fieldsOf(value: unknown, schema: Schema | undefined): FieldSet {
  const out = emptySet();
  collect(value, schema, out);
  return out;
}

function collect(value: unknown, schema: Schema | undefined, out: FieldSet): void {
  const shape = shapeOf(value, schema);
  if (shape.kind === 'leaf') {
    out.member = true;
  } else if (shape.kind === 'map') {
    const entries = Object.entries(shape.value).filter(([, v]) => v !== undefined);
    if (entries.length === 0) out.member = true;
    for (const [key, item] of entries) {
      const child = descend(out, `f:${key}`);
      collect(item, childSchema(schema, key), child);
      if (!isDeclared(schema, key)) child.member = true;
    }
  } else {
    if (shape.items.size === 0) out.member = true;
    for (const [element, item] of shape.items) {
      const child = descend(out, element);
      collect(item, schema?.items, child);
      child.member = true;
    }
  }
}

export interface Difference {
  /** Fields that are new or have another value. */
  changed: FieldSet;
  /** Fields that are gone. */
  removed: FieldSet;
}

/** Which fields differ between two states of an object. */
export function compareFields(before: unknown, after: unknown, schema: Schema | undefined): Difference {
  const out: Difference = { changed: emptySet(), removed: emptySet() };
  compare(before, after, schema, out.changed, out.removed);
  return out;
}

function compare(
  before: unknown,
  after: unknown,
  schema: Schema | undefined,
  changed: FieldSet,
  removed: FieldSet,
): void {
  const a = shapeOf(before, schema);
  const b = shapeOf(after, schema);
  if (a.kind === 'map' && b.kind === 'map') {
    const keys = new Set([...Object.keys(a.value), ...Object.keys(b.value)]);
    for (const key of keys) {
      compareChild(a.value[key], b.value[key], childSchema(schema, key), `f:${key}`, changed, removed);
    }
  } else if (a.kind === 'list' && b.kind === 'list') {
    for (const element of new Set([...a.items.keys(), ...b.items.keys()])) {
      compareChild(a.items.get(element), b.items.get(element), schema?.items, element, changed, removed);
    }
  } else if (!jsonEqual(before, after)) {
    absorb(changed, fieldsOf(after, schema));
    if (a.kind !== 'leaf') absorb(removed, fieldsOf(before, schema));
  }
}

function compareChild(
  before: unknown,
  after: unknown,
  schema: Schema | undefined,
  element: string,
  changed: FieldSet,
  removed: FieldSet,
): void {
  if (before === undefined && after === undefined) return;
  const inner: Difference = { changed: emptySet(), removed: emptySet() };
  if (before === undefined) {
    // Of something new, the containers count as well as their contents.
    inner.changed = withContainers(fieldsOf(after, schema));
  } else if (after === undefined) {
    inner.removed = fieldsOf(before, schema);
    inner.removed.member = true;
  } else compare(before, after, schema, inner.changed, inner.removed);
  if (!isEmptySet(inner.changed)) changed.children.set(element, inner.changed);
  if (!isEmptySet(inner.removed)) removed.children.set(element, inner.removed);
}

function withContainers(set: FieldSet): FieldSet {
  set.member = true;
  for (const child of set.children.values()) withContainers(child);
  return set;
}

function absorb(into: FieldSet, other: FieldSet): void {
  const merged = union(into, other);
  into.member = merged.member;
  into.children = merged.children;
}
