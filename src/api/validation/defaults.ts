import { type Schema, childSchema, cloneJson, isObject } from './schema.ts';

/**
 * Fills in the schema's defaults (structural defaulting). A default applies where its parent exists and the field is
 * absent. A null that the schema does not allow counts as absent.
 * @returns a new value; `value` is not changed
 */
export function applyDefaults(value: unknown, schema: Schema): unknown {
  if (Array.isArray(value)) {
    const items = schema.items;
    return items === undefined ? value : value.map((item) => applyDefaults(item, items));
  }
  if (!isObject(value)) return value;
  const out: Record<string, unknown> = { ...value };
  for (const [key, item] of Object.entries(out)) {
    const child = item === null ? childSchema(schema, key) : undefined;
    if (child !== undefined && child.nullable !== true) delete out[key];
  }
  for (const [key, property] of Object.entries(schema.properties ?? {})) {
    if (property.default !== undefined && out[key] === undefined) out[key] = cloneJson(property.default);
  }
  for (const [key, item] of Object.entries(out)) {
    const child = childSchema(schema, key);
    if (child !== undefined) out[key] = applyDefaults(item, child);
  }
  return out;
}
