import { isObject } from '../validation/schema.ts';

/**
 * A set of field paths, as server-side apply counts them (`FieldsV1`). Path elements are written the way they are stored:
 * `f:spec`, `k:{"type":"Ready"}` for an item of a keyed list, `v:"x"` for an item of a set.
 */
export interface FieldSet {
  /** Is the path up to here itself in the set? */
  member: boolean;
  children: Map<string, FieldSet>;
}

export function emptySet(): FieldSet {
  return { member: false, children: new Map() };
}

export function isEmptySet(set: FieldSet): boolean {
  return !set.member && set.children.size === 0;
}

/** The child for `element`, made when absent. */
export function descend(set: FieldSet, element: string): FieldSet {
  const known = set.children.get(element);
  if (known !== undefined) return known;
  const made = emptySet();
  set.children.set(element, made);
  return made;
}

function combine(
  a: FieldSet | undefined,
  b: FieldSet | undefined,
  rule: (inA: boolean, inB: boolean) => boolean,
): FieldSet {
  const out = emptySet();
  out.member = rule(a?.member === true, b?.member === true);
  for (const key of new Set([...(a?.children.keys() ?? []), ...(b?.children.keys() ?? [])])) {
    const child = combine(a?.children.get(key), b?.children.get(key), rule);
    if (!isEmptySet(child)) out.children.set(key, child);
  }
  return out;
}

export function union(a: FieldSet, b: FieldSet): FieldSet {
  return combine(a, b, (x, y) => x || y);
}

export function subtract(a: FieldSet, b: FieldSet): FieldSet {
  return combine(a, b, (x, y) => x && !y);
}

export function intersect(a: FieldSet, b: FieldSet): FieldSet {
  return combine(a, b, (x, y) => x && y);
}

export function sameSet(a: FieldSet, b: FieldSet): boolean {
  return isEmptySet(combine(a, b, (x, y) => x !== y));
}

/** Every path of the set, as lists of elements. */
export function pathsOf(set: FieldSet, prefix: readonly string[] = []): string[][] {
  const out: string[][] = set.member ? [[...prefix]] : [];
  for (const [element, child] of set.children) out.push(...pathsOf(child, [...prefix, element]));
  return out;
}

/** `.spec.online`, `.status.conditions[type="Ready"].status`: how conflicts are shown. */
export function pathText(path: readonly string[]): string {
  return path.map(elementText).join('');
}

function elementText(element: string): string {
  if (element.startsWith('f:')) return `.${element.slice(2)}`;
  if (element.startsWith('v:')) return `[=${element.slice(2)}]`;
  const keys = JSON.parse(element.slice(2)) as Record<string, unknown>;
  const list = Object.entries(keys).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
  return `[${list.join(',')}]`;
}

/** The JSON form: an empty object is a member, `.` marks a member that also has children. */
export function toFieldsV1(set: FieldSet): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  if (set.member && set.children.size > 0) out['.'] = {};
  for (const key of [...set.children.keys()].sort()) {
    const child = set.children.get(key);
    if (child !== undefined) out[key] = toFieldsV1(child);
  }
  return out;
}

/** Reads the JSON form; anything that is not a path element is left out. */
export function fromFieldsV1(value: unknown, root = true): FieldSet {
  const out = emptySet();
  if (!isObject(value)) return out;
  const entries = Object.entries(value);
  out.member = !root && (entries.length === 0 || '.' in value);
  for (const [key, child] of entries) {
    if (/^(f:|k:\{|v:)/.test(key) && isReadable(key)) out.children.set(key, fromFieldsV1(child, false));
  }
  return out;
}

/** Keys come from clients too (`metadata.managedFields` can be written): they must parse before they are trusted. */
function isReadable(key: string): boolean {
  if (key.startsWith('f:')) return true;
  try {
    const value: unknown = JSON.parse(key.slice(2));
    return key.startsWith('v:') || isObject(value);
  } catch {
    return false;
  }
}
