import { badRequest } from './api-error.ts';
import type { IncludeObject } from './views.ts';

/** Query parameters of writes, checked. */
export interface WriteOptions {
  manager: string;
  managerGiven: boolean;
  dryRun: boolean;
  force: boolean;
  fieldValidation: 'Ignore' | 'Warn' | 'Strict';
}

/** @throws ApiError 400 */
export function writeOptions(query: URLSearchParams, userAgent: string | undefined): WriteOptions {
  const fieldManager = query.get('fieldManager') ?? '';
  if (fieldManager.length > 128) throw badRequest('fieldManager: Too long: may not be more than 128 bytes');
  const dryRun = query.getAll('dryRun').filter((v) => v !== '');
  const wrong = dryRun.find((v) => v !== 'All');
  if (wrong !== undefined) {
    throw badRequest(`dryRun: Unsupported value: ${JSON.stringify(wrong)}: supported values: "All"`);
  }
  const validation = query.get('fieldValidation') ?? '';
  if (!['', 'Ignore', 'Warn', 'Strict'].includes(validation)) {
    throw badRequest(
      `fieldValidation: Unsupported value: ${JSON.stringify(validation)}: supported values: "Ignore", "Strict", "Warn"`,
    );
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
