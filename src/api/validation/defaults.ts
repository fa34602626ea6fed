import { type Schema, childSchema, cloneJson, isObject } from './schema.ts';

/**
 * Fills in the schema's defaults (structural defaulting). A default applies where its parent exists and the field is
 * absent, or null although the schema does not allow null.
 * @returns a new value; `value` is not changed
 */
export function applyDefaults(value: unknown, schema: Schema): unknown {
  if (Array.isArray(value)) {
    const items = schema.items;
    return items === undefined ? value : value.map((item) => applyDefaults(item, items));
  }
  if (!isObject(value)) return value;
  const out: Record<string, unknown> = { ...value };
  for (const [key, property] of Object.entries(schema.properties ?? {})) {
    if (property.default === undefined) continue;
    const current = Object.hasOwn(out, key) ? out[key] : undefined;
    if (current === undefined || (current === null && property.nullable !== true)) {
      out[key] = cloneJson(property.default);
    }
  }
  for (const [key, item] of Object.entries(out)) {
    const child = childSchema(schema, key);
    if (child !== undefined) out[key] = applyDefaults(item, child);
  }
  return out;
}
