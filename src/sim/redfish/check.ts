import { Refusal } from './messages.ts';
import type { Body } from './router.ts';

type Kind = 'string' | 'boolean' | 'number' | 'object' | 'strings';

/** Refuses a PATCH with properties that are not there or cannot be written. @param writable names and their types */
export function checkPatch(body: Body, resource: Body, writable: Readonly<Record<string, Kind>>): void {
  const names = Object.keys(body).filter((name) => !name.startsWith('@odata.'));
  if (names.length === 0) throw new Refusal(400, 'NoOperation');
  for (const name of names) {
    if (Object.hasOwn(writable, name)) checkType(name, body[name], writable[name] ?? 'object');
    else if (Object.hasOwn(resource, name)) throw new Refusal(400, 'PropertyNotWritable', [name], { property: name });
    else throw new Refusal(400, 'PropertyUnknown', [name], { property: name });
  }
}

export function checkType(name: string, value: unknown, kind: Kind): void {
  const good =
    kind === 'object'
      ? typeof value === 'object' && value !== null && !Array.isArray(value)
      : kind === 'strings'
        ? Array.isArray(value) && value.every((v) => typeof v === 'string')
        : typeof value === kind;
  if (!good) throw new Refusal(400, 'PropertyValueTypeError', [name], { property: name });
}

/** A string of a body. @throws Refusal when it is missing or something else */
export function text(body: Body, name: string): string {
  const value = optionalText(body, name);
  if (value === undefined) throw new Refusal(400, 'PropertyMissing', [name], { property: name });
  return value;
}

export function optionalText(body: Body, name: string): string | undefined {
  const value = body[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string') throw new Refusal(400, 'PropertyValueTypeError', [name], { property: name });
  return value;
}

export function optionalFlag(body: Body, name: string): boolean | undefined {
  const value = body[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'boolean') throw new Refusal(400, 'PropertyValueTypeError', [name], { property: name });
  return value;
}

export function optionalTexts(body: Body, name: string): string[] {
  const value = body[name];
  if (value === undefined || value === null) return [];
  checkType(name, value, 'strings');
  return value as string[];
}

export function oneOf(value: string, values: readonly string[], name: string): string {
  if (!values.includes(value)) throw new Refusal(400, 'PropertyValueNotInList', [value, name], { property: name });
  return value;
}

/** An http(s) URL of a body. */
export function webUrl(value: string, name: string): string {
  if (!URL.canParse(value) || !/^https?:/i.test(value)) {
    throw new Refusal(400, 'PropertyValueFormatError', [value.slice(0, 200), name], { property: name });
  }
  return value;
}

export function objectOf(value: unknown): Body {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Body) : {};
}

/** Anything from a body as an argument of a message: short, and never a surprise. */
export function shown(value: unknown): string {
  return (typeof value === 'string' ? value : (JSON.stringify(value) ?? 'undefined')).slice(0, 200);
}
