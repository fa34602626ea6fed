import { type Schema, childSchema, isObject } from '../validation/schema.ts';
import { type FieldSet, isEmptySet } from './field-set.ts';
import { keyedItems, shapeOf } from './walk.ts';

/** What a server-side apply makes of the stored value: maps and keyed lists merge, the rest is replaced. */
export function mergeApplied(live: unknown, config: unknown, schema: Schema | undefined): unknown {
  const a = shapeOf(live, schema);
  const b = shapeOf(config, schema);
  if (a.kind === 'map' && b.kind === 'map') {
    const out: Record<string, unknown> = { ...a.value };
    for (const [key, value] of Object.entries(b.value)) {
      out[key] = mergeApplied(out[key], value, childSchema(schema, key));
    }
    return out;
  }
  if (a.kind === 'list' && b.kind === 'list') {
    const out = new Map(a.items);
    for (const [element, item] of b.items) {
      out.set(element, out.has(element) ? mergeApplied(out.get(element), item, schema?.items) : item);
    }
    return [...out.values()];
  }
  return config;
}

/**
 * Keeps what others own inside of what is withdrawn: a container goes as a whole only where nobody owns a part of it.
 * @param owned fields of everybody
 */
export function protectOwned(withdrawn: FieldSet, owned: FieldSet | undefined): FieldSet {
  if (owned === undefined) return withdrawn;
  const children = new Map<string, FieldSet>();
  for (const [key, child] of withdrawn.children) {
    const kept = protectOwned(child, owned.children.get(key));
    if (!isEmptySet(kept)) children.set(key, kept);
  }
  return { member: withdrawn.member && owned.children.size === 0, children };
}

/**
 * Takes the given fields out of a value. Maps and lists that are empty because of it go too, unless somebody owns them.
 * @param owned fields of everybody
 * @returns undefined when nothing is left
 */
export function removeFields(
  value: unknown,
  fields: FieldSet,
  owned: FieldSet | undefined,
  schema: Schema | undefined,
): unknown {
  if (fields.member && fields.children.size === 0) return undefined;
  const keep = owned?.member === true;
  if (isObject(value)) {
    const out: Record<string, unknown> = { ...value };
    for (const [element, child] of fields.children) {
      const key = element.slice(2);
      if (!element.startsWith('f:') || !Object.hasOwn(out, key)) continue;
      const left = removeFields(out[key], child, owned?.children.get(element), childSchema(schema, key));
      if (left === undefined) delete out[key];
      else out[key] = left;
    }
    return Object.keys(out).length === 0 && Object.keys(value).length > 0 && !keep ? undefined : out;
  }
  return Array.isArray(value) ? removeItems(value, fields, owned, schema) : value;
}

function removeItems(
  list: readonly unknown[],
  fields: FieldSet,
  owned: FieldSet | undefined,
  schema: Schema | undefined,
): unknown {
  const items = keyedItems(list, schema);
  if (items === undefined) return list;
  for (const [element, child] of fields.children) {
    if (!items.has(element)) continue;
    const rest = withoutKeys(child, schema);
    const inner = owned?.children.get(element);
    const left = child.member ? undefined : removeFields(items.get(element), rest, inner, schema?.items);
    if (left === undefined) items.delete(element);
    else items.set(element, left);
  }
  return items.size === 0 && owned?.member !== true ? undefined : [...items.values()];
}

/** The fields by which an item is found stay for as long as the item does. */
function withoutKeys(fields: FieldSet, schema: Schema | undefined): FieldSet {
  const children = new Map(fields.children);
  for (const key of schema?.['x-kubernetes-list-map-keys'] ?? []) children.delete(`f:${key}`);
  return { member: fields.member, children };
}
