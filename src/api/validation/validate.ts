import {
  type FieldError,
  duplicate,
  invalid,
  notSupported,
  required,
  tooLong,
  tooMany,
  typeInvalid,
} from './field-error.ts';
import { type JsonObject, type Schema, childSchema, fieldPath, isDeclared, isObject, jsonEqual } from './schema.ts';

/** A hostile object must not make an answer of megabytes. */
const MAX_ERRORS = 50;

/**
 * Checks a value against a structural schema.
 * @param path of `value` inside the object, '' for the object itself
 * @returns the errors, in document order, at most 50
 */
export function validate(value: unknown, schema: Schema, path = ''): FieldError[] {
  const errors: FieldError[] = [];
  check(value, schema, path, errors);
  return errors;
}

function check(value: unknown, schema: Schema, path: string, errors: FieldError[]): void {
  if (errors.length >= MAX_ERRORS) return;
  if (value === null && schema.nullable === true) return;
  if (schema['x-kubernetes-int-or-string'] === true) {
    if (typeof value !== 'string' && !Number.isInteger(value)) {
      errors.push(typeInvalid(path, typeName(value), 'integer,string'));
    }
    return;
  }
  if (schema.type !== undefined && !hasType(value, schema.type)) {
    errors.push(typeInvalid(path, typeName(value), schema.type));
    return;
  }
  if (schema.enum !== undefined && !schema.enum.some((allowed) => jsonEqual(allowed, value))) {
    errors.push(notSupported(path, value, schema.enum));
  }
  if (typeof value === 'string') checkString(value, schema, path, errors);
  else if (typeof value === 'number') checkNumber(value, schema, path, errors);
  else if (Array.isArray(value)) checkArray(value, schema, path, errors);
  else if (isObject(value)) checkObject(value, schema, path, errors);
}

function hasType(value: unknown, type: NonNullable<Schema['type']>): boolean {
  if (type === 'object') return isObject(value);
  if (type === 'array') return Array.isArray(value);
  if (type === 'integer') return Number.isInteger(value);
  if (type === 'number') return typeof value === 'number';
  return typeof value === type;
}

function typeName(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value;
}

function checkString(value: string, schema: Schema, path: string, errors: FieldError[]): void {
  if (schema.maxLength !== undefined && [...value].length > schema.maxLength) {
    errors.push(tooLong(path, schema.maxLength));
  }
  if (schema.minLength !== undefined && [...value].length < schema.minLength) {
    errors.push(invalid(path, value, `${path} in body should be at least ${schema.minLength} chars long`));
  }
  if (schema.pattern !== undefined && !patternOf(schema.pattern).test(value)) {
    errors.push(invalid(path, value, `${path} in body should match '${schema.pattern}'`));
  }
  if (schema.format !== undefined && !hasFormat(value, schema.format)) {
    errors.push(typeInvalid(path, value, schema.format));
  }
}

const RFC3339 = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

function hasFormat(value: string, format: string): boolean {
  if (format === 'date-time') return RFC3339.test(value) && !Number.isNaN(Date.parse(value));
  if (format === 'byte') return BASE64.test(value);
  return true;
}

const patterns = new Map<string, RegExp>();

/** Patterns come only from our own schemas, so the cache is bounded by them. */
function patternOf(source: string): RegExp {
  const known = patterns.get(source);
  if (known !== undefined) return known;
  const made = new RegExp(source, 'u');
  patterns.set(source, made);
  return made;
}

function checkNumber(value: number, schema: Schema, path: string, errors: FieldError[]): void {
  if (schema.minimum !== undefined && value < schema.minimum) {
    errors.push(invalid(path, value, `${path} in body should be greater than or equal to ${schema.minimum}`));
  }
  if (schema.maximum !== undefined && value > schema.maximum) {
    errors.push(invalid(path, value, `${path} in body should be less than or equal to ${schema.maximum}`));
  }
  if (schema.format === 'int32' && (value > 0x7fffffff || value < -0x80000000)) {
    errors.push(invalid(path, value, `${path} in body must be of type int32: "${value}"`));
  }
}

function checkArray(value: readonly unknown[], schema: Schema, path: string, errors: FieldError[]): void {
  if (schema.maxItems !== undefined && value.length > schema.maxItems) {
    errors.push(tooMany(path, value.length, schema.maxItems));
  }
  if (schema.minItems !== undefined && value.length < schema.minItems) {
    errors.push(invalid(path, value.length, `${path} in body should have at least ${schema.minItems} items`));
  }
  const { items } = schema;
  if (items !== undefined) value.forEach((item, i) => check(item, items, `${path}[${i}]`, errors));
  checkListKeys(value, schema, path, errors);
}

/** Lists of type `map` and `set` must not hold the same key twice. */
function checkListKeys(value: readonly unknown[], schema: Schema, path: string, errors: FieldError[]): void {
  const keys = schema['x-kubernetes-list-type'] === 'map' ? schema['x-kubernetes-list-map-keys'] : undefined;
  if (keys === undefined && schema['x-kubernetes-list-type'] !== 'set' && schema.uniqueItems !== true) return;
  const seen = new Set<string>();
  value.forEach((item, i) => {
    const key = keys === undefined ? item : Object.fromEntries(keys.map((k) => [k, isObject(item) ? item[k] : null]));
    const text = JSON.stringify(key);
    if (seen.has(text)) errors.push(duplicate(`${path}[${i}]`, key));
    seen.add(text);
  });
}

function checkObject(value: JsonObject, schema: Schema, path: string, errors: FieldError[]): void {
  for (const name of schema.required ?? []) {
    if (value[name] === undefined) errors.push(required(fieldPath(path, name, true)));
  }
  for (const [key, item] of Object.entries(value)) {
    const child = childSchema(schema, key);
    if (child !== undefined && item !== undefined) {
      check(item, child, fieldPath(path, key, isDeclared(schema, key)), errors);
    }
  }
}
