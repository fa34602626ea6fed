import { type Schema, childSchema, fieldPath, isDeclared, isObject } from './schema.ts';

/**
 * Removes what the schema does not know (structural pruning).
 * @param unknown receives the path of each removed field, `spec.imagee`, for warnings and strict mode
 * @returns a new value; `value` is not changed
 */
export function prune(value: unknown, schema: Schema, unknown: string[] = [], path = ''): unknown {
  if (Array.isArray(value)) {
    const items = schema.items;
    return items === undefined ? value : value.map((item, i) => prune(item, items, unknown, `${path}[${i}]`));
  }
  if (!isObject(value)) return value;
  const keepUnknown = schema['x-kubernetes-preserve-unknown-fields'] === true || schema.additionalProperties === true;
  const out: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value)) {
    const child = childSchema(schema, key);
    const here = fieldPath(path, key, isDeclared(schema, key) || child === undefined);
    if (child !== undefined) out[key] = prune(item, child, unknown, here);
    else if (keepUnknown) out[key] = item;
    else unknown.push(here);
  }
  return out;
}
