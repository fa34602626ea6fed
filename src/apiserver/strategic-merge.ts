import { type JsonObject, type Schema, childSchema, isObject, jsonEqual } from '../api/validation/schema.ts';

/**
 * Strategic merge patch, for core kinds: a merge patch that knows by the schema which lists merge by key.
 * Understands `$patch` (delete, replace), `$deleteFromPrimitiveList/…`, `$retainKeys`; `$setElementOrder/…` only asks for
 * an order and is left out.
 * @returns a new value
 */
export function strategicMerge(live: unknown, patch: unknown, schema: Schema | undefined): unknown {
  if (!isObject(patch)) return patch;
  if (patch['$patch'] === 'replace') return withoutDirectives(patch);
  const out: JsonObject = isObject(live) ? { ...live } : {};
  const retain = patch['$retainKeys'];
  if (Array.isArray(retain)) for (const key of Object.keys(out)) if (!retain.includes(key)) delete out[key];
  for (const [key, value] of Object.entries(patch)) {
    if (key.startsWith('$deleteFromPrimitiveList/')) dropItems(out, key.slice(key.indexOf('/') + 1), value);
    else if (key.startsWith('$')) continue;
    else if (value === null || (isObject(value) && value['$patch'] === 'delete')) delete out[key];
    else out[key] = mergeValue(out[key], value, childSchema(schema, key));
  }
  return out;
}

function mergeValue(live: unknown, patch: unknown, schema: Schema | undefined): unknown {
  if (isObject(patch)) return strategicMerge(live, patch, schema);
  if (!Array.isArray(patch) || schema?.['x-kubernetes-patch-strategy'] !== 'merge') return patch;
  const current: readonly unknown[] = Array.isArray(live) ? live : [];
  const key = schema['x-kubernetes-patch-merge-key'];
  if (key === undefined) return [...current, ...patch.filter((item) => !current.some((c) => jsonEqual(c, item)))];
  return mergeKeyed(current, patch, key, schema.items);
}

function mergeKeyed(
  live: readonly unknown[],
  patch: readonly unknown[],
  key: string,
  schema: Schema | undefined,
): unknown[] {
  const keyOf = (item: unknown) => (isObject(item) ? item[key] : undefined);
  if (patch.some((item) => isObject(item) && item['$patch'] === 'replace' && keyOf(item) === undefined)) {
    return patch.filter((item) => keyOf(item) !== undefined);
  }
  let out = [...live];
  for (const item of patch) {
    const index = out.findIndex((known) => jsonEqual(keyOf(known), keyOf(item)));
    if (isObject(item) && item['$patch'] === 'delete') out = out.filter((_, i) => i !== index);
    else if (index < 0) out.push(withoutDirectives(item));
    else out[index] = strategicMerge(out[index], item, schema);
  }
  return out;
}

function dropItems(out: JsonObject, key: string, gone: unknown): void {
  const list = out[key];
  if (!Array.isArray(list) || !Array.isArray(gone)) return;
  out[key] = list.filter((item) => !gone.some((g) => jsonEqual(g, item)));
}

function withoutDirectives(value: unknown): unknown {
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).filter(([key]) => !key.startsWith('$')));
}
