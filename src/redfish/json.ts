/** Reading what vendors send: each reader takes the wrong type for absent, so that one bad property spoils nothing else. */
import type { Json, JsonObject } from './calls.ts';

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value behind a path of keys; undefined when any of them is missing. */
export function at(value: unknown, ...keys: readonly string[]): Json | undefined {
  let here: unknown = value;
  for (const key of keys) {
    if (!isObject(here) || !Object.hasOwn(here, key)) return undefined;
    here = here[key];
  }
  return here as Json | undefined;
}

/** A text that says something: vendors send empty strings and blanks where they know nothing. */
export function textAt(value: unknown, ...keys: readonly string[]): string | undefined {
  const found = at(value, ...keys);
  if (typeof found !== 'string') return undefined;
  const text = found.trim();
  return text === '' ? undefined : text;
}

/** A finite number; digits in a string count, since some BMCs quote them. */
export function numberAt(value: unknown, ...keys: readonly string[]): number | undefined {
  const found = at(value, ...keys);
  const number = typeof found === 'string' && /^-?\d+(\.\d+)?$/.test(found.trim()) ? Number(found) : found;
  return typeof number === 'number' && Number.isFinite(number) ? number : undefined;
}

export function flagAt(value: unknown, ...keys: readonly string[]): boolean | undefined {
  const found = at(value, ...keys);
  return typeof found === 'boolean' ? found : undefined;
}

export function objectAt(value: unknown, ...keys: readonly string[]): JsonObject | undefined {
  const found = at(value, ...keys);
  return isObject(found) ? found : undefined;
}

/** The objects of a list; a single object counts as a list of one (iDRAC). */
export function objectsAt(value: unknown, ...keys: readonly string[]): readonly JsonObject[] {
  const found = at(value, ...keys);
  if (Array.isArray(found)) return found.filter(isObject);
  return isObject(found) ? [found] : [];
}

export function textsAt(value: unknown, ...keys: readonly string[]): readonly string[] {
  const found = at(value, ...keys);
  return Array.isArray(found) ? found.filter((item): item is string => typeof item === 'string') : [];
}

/** `{"@odata.id": "/redfish/v1/…"}` under a path of keys. */
export function linkAt(value: unknown, ...keys: readonly string[]): string | undefined {
  return textAt(value, ...keys, '@odata.id');
}

/** Links of a list. */
export function linksAt(value: unknown, ...keys: readonly string[]): readonly string[] {
  return objectsAt(value, ...keys)
    .map((item) => textAt(item, '@odata.id'))
    .filter((link) => link !== undefined);
}

/** Target of an action; `name` like `#VirtualMedia.InsertMedia`. */
export function actionAt(body: unknown, name: string): string | undefined {
  return textAt(body, 'Actions', name, 'target');
}

/** `OK`, `Warning` and `Critical` of Status.Health or HealthRollup. */
export function healthAt(
  body: unknown,
  key: 'Health' | 'HealthRollup' = 'Health',
): 'ok' | 'warning' | 'critical' | undefined {
  const text = textAt(body, 'Status', key)?.toLowerCase();
  return text === 'ok' || text === 'warning' || text === 'critical' ? text : undefined;
}

/** Without keys whose value is undefined. */
export function defined<T extends object>(object: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as never;
}
