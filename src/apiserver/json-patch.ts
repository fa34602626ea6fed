import { cloneJson, isObject, jsonEqual } from '../api/validation/schema.ts';
import { ApiError, badRequest } from './api-error.ts';

interface Operation {
  op: string;
  path: string;
  from?: string;
  value?: unknown;
}

const MAX_OPERATIONS = 10_000;

/**
 * JSON Patch (RFC 6902).
 * @returns a new value
 * @throws ApiError 400 for a patch that is none, 422 when it does not fit the document
 */
export function jsonPatch(document: unknown, patch: unknown): unknown {
  if (!Array.isArray(patch)) throw badRequest('a JSON patch is a list of operations');
  if (patch.length > MAX_OPERATIONS) throw badRequest(`a JSON patch has at most ${MAX_OPERATIONS} operations`);
  return patch.reduce<unknown>((value, operation) => applyOne(value, operationOf(operation)), cloneJson(document));
}

function operationOf(value: unknown): Operation {
  if (!isObject(value) || typeof value['op'] !== 'string' || typeof value['path'] !== 'string') {
    throw badRequest('an operation of a JSON patch has op and path');
  }
  const from = value['from'];
  return {
    op: value['op'],
    path: value['path'],
    value: value['value'],
    ...(typeof from === 'string' ? { from } : {}),
  };
}

function applyOne(document: unknown, { op, path, from = '', value }: Operation): unknown {
  switch (op) {
    case 'test':
      if (!jsonEqual(read(document, path), value)) throw misfit(`testing value ${path} failed`);
      return document;
    case 'remove':
      read(document, path);
      return write(document, path, undefined, 'remove');
    case 'add':
      return write(document, path, cloneJson(value), 'add');
    case 'replace':
      read(document, path);
      return write(document, path, cloneJson(value), 'replace');
    case 'copy':
      return write(document, path, cloneJson(read(document, from)), 'add');
    case 'move': {
      const moved = read(document, from);
      return write(write(document, from, undefined, 'remove'), path, moved, 'add');
    }
    default:
      throw badRequest(`unknown operation ${JSON.stringify(op)} in a JSON patch`);
  }
}

function misfit(why: string): ApiError {
  return new ApiError(422, 'Invalid', `the server rejected our request due to an error in our request: ${why}`);
}

function tokens(pointer: string): string[] {
  if (pointer === '') return [];
  if (!pointer.startsWith('/')) throw badRequest(`not a JSON pointer: ${JSON.stringify(pointer)}`);
  return pointer
    .slice(1)
    .split('/')
    .map((t) => t.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function read(document: unknown, pointer: string): unknown {
  let value = document;
  for (const token of tokens(pointer)) {
    const next: unknown = Array.isArray(value)
      ? value[indexOf(token, value.length - 1)]
      : isObject(value) && Object.hasOwn(value, token)
        ? value[token]
        : undefined;
    if (next === undefined) throw misfit(`${pointer} does not exist`);
    value = next;
  }
  return value;
}

function indexOf(token: string, max: number): number {
  if (!/^(0|[1-9]\d{0,8})$/.test(token) || Number(token) > max) throw misfit(`no list item ${JSON.stringify(token)}`);
  return Number(token);
}

function write(document: unknown, pointer: string, value: unknown, how: 'add' | 'replace' | 'remove'): unknown {
  const path = tokens(pointer);
  const last = path.pop();
  if (last === undefined) return value;
  if (last === '__proto__') throw badRequest('a key cannot be stored');
  const parentPointer = path.map((t) => `/${t.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
  const parent = read(document, parentPointer);
  if (Array.isArray(parent)) {
    const index =
      last === '-' && how === 'add' ? parent.length : indexOf(last, parent.length - (how === 'add' ? 0 : 1));
    if (how === 'add') parent.splice(index, 0, value);
    else if (how === 'replace') parent[index] = value;
    else parent.splice(index, 1);
  } else if (isObject(parent)) {
    if (how === 'remove') delete parent[last];
    else parent[last] = value;
  } else throw misfit(`${pointer} is inside a plain value`);
  return document;
}
