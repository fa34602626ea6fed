import { notSupported, tooLong } from '../api/validation/field-error.ts';
import { badRequest, invalidOptions } from './api-error.ts';
import type { IncludeObject } from './views.ts';

/** Query parameters of writes, checked. */
export interface WriteOptions {
  manager: string;
  managerGiven: boolean;
  dryRun: boolean;
  force: boolean;
  fieldValidation: 'Ignore' | 'Warn' | 'Strict';
}

const VALIDATIONS = ['', 'Ignore', 'Strict', 'Warn'];

/** @param kind `CreateOptions`…, for messages. @throws ApiError 400, 422 */
export function writeOptions(query: URLSearchParams, userAgent: string | undefined, kind: string): WriteOptions {
  const fieldManager = query.get('fieldManager') ?? '';
  if (fieldManager.length > 128) throw invalidOptions(kind, tooLong('fieldManager', 128));
  const dryRun = query.getAll('dryRun').filter((v) => v !== '');
  if (dryRun.some((v) => v !== 'All')) throw invalidOptions(kind, notSupported('dryRun', dryRun, ['All']));
  const validation = query.get('fieldValidation') ?? '';
  if (!VALIDATIONS.includes(validation)) {
    throw invalidOptions(kind, notSupported('fieldValidation', validation, VALIDATIONS));
  }
  return {
    manager: fieldManager === '' ? managerOf(userAgent) : fieldManager,
    managerGiven: fieldManager !== '',
    dryRun: dryRun.length > 0,
    force: flag(query, 'force'),
    fieldValidation: validation === '' ? 'Warn' : (validation as WriteOptions['fieldValidation']),
  };
}

/** Without a name of its own a client is known by its User-Agent up to the slash: `kubectl/v1.32.4 (linux)` → `kubectl`. */
function managerOf(userAgent: string | undefined): string {
  const name = (userAgent ?? '').split('/')[0]?.replaceAll(/[^\w.-]/g, '') ?? '';
  return name === '' ? 'unknown' : name.slice(0, 128);
}

export function flag(query: URLSearchParams, name: string): boolean {
  const value = query.get(name);
  return value === '' || value === 'true' || value === '1';
}

/** @throws ApiError 400 when the parameter is not a whole number */
export function number(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name) ?? '';
  if (text === '') return undefined;
  if (!/^\d{1,15}$/.test(text)) throw badRequest(`invalid value ${JSON.stringify(text)} of ${name}`);
  return Number(text);
}

/** @throws ApiError 400 */
export function includeObject(query: URLSearchParams): IncludeObject {
  const value = query.get('includeObject') ?? '';
  if (value === '') return 'Metadata';
  if (value === 'None' || value === 'Metadata' || value === 'Object') return value;
  throw badRequest(`unrecognized includeObject value: ${JSON.stringify(value)}`);
}
