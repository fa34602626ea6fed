import { isObject } from '../api/validation/schema.ts';
import { ProtoWriter } from './proto.ts';

/**
 * OpenAPI 2 documents as protocol buffers (package openapi.v2 of gnostic): the only form in which kubectl before 1.27
 * reads them. Field numbers are those of that package's public message definitions; what kubectl does not read is left
 * out.
 */
export function encodeOpenApiV2(document: Record<string, unknown>): Uint8Array {
  const out = new ProtoWriter();
  out.text(1, String(document['swagger']));
  const info = asObject(document['info']);
  out.message(2, new ProtoWriter().text(1, String(info['title'])).text(2, String(info['version'])));
  out.message(8, paths(asObject(document['paths'])));
  out.message(9, named(asObject(document['definitions'])));
  return out.bytes();
}

function asObject(value: unknown): Record<string, unknown> {
  return isObject(value) ? value : {};
}

function paths(items: Record<string, unknown>): ProtoWriter {
  const out = new ProtoWriter();
  for (const [path, item] of Object.entries(items)) {
    out.message(2, new ProtoWriter().text(1, path).message(2, pathItem(asObject(item))));
  }
  return out;
}

const METHOD_FIELDS = { get: 2, put: 3, post: 4, delete: 5, patch: 8 };

function pathItem(item: Record<string, unknown>): ProtoWriter {
  const out = new ProtoWriter();
  for (const [method, field] of Object.entries(METHOD_FIELDS)) {
    const operation = item[method];
    if (isObject(operation)) out.message(field, encodeOperation(operation));
  }
  return out;
}

function encodeOperation(operation: Record<string, unknown>): ProtoWriter {
  const out = new ProtoWriter().text(5, String(operation['operationId']));
  const parameters = Array.isArray(operation['parameters']) ? operation['parameters'] : [];
  for (const parameter of parameters) {
    const query = new ProtoWriter()
      .text(2, 'query')
      .text(4, String(asObject(parameter)['name']))
      .text(6, 'string');
    const nonBody = new ProtoWriter().message(3, query);
    out.message(8, new ProtoWriter().message(1, new ProtoWriter().message(2, nonBody)));
  }
  return extensions(out, 13, operation);
}

/** A map of schemas: definitions, or the properties of one. */
function named(schemas: Record<string, unknown>): ProtoWriter {
  const out = new ProtoWriter();
  for (const [name, schema] of Object.entries(schemas)) {
    out.message(1, new ProtoWriter().text(1, name).message(2, encodeSchema(asObject(schema))));
  }
  return out;
}

const TEXT_FIELDS: readonly [string, number][] = [
  ['$ref', 1],
  ['format', 2],
  ['description', 4],
  ['pattern', 13],
];
const DOUBLE_FIELDS: readonly [string, number][] = [
  ['maximum', 7],
  ['minimum', 9],
];
const INTEGER_FIELDS: readonly [string, number][] = [
  ['maxLength', 11],
  ['minLength', 12],
  ['maxItems', 14],
  ['minItems', 15],
];

function encodeSchema(schema: Record<string, unknown>): ProtoWriter {
  const out = new ProtoWriter();
  for (const [key, field] of TEXT_FIELDS) if (typeof schema[key] === 'string') out.text(field, schema[key]);
  for (const [key, field] of DOUBLE_FIELDS) if (typeof schema[key] === 'number') out.double(field, schema[key]);
  for (const [key, field] of INTEGER_FIELDS) if (typeof schema[key] === 'number') out.integer(field, schema[key]);
  if (schema['default'] !== undefined) out.message(5, any(schema['default']));
  for (const name of listOf(schema['required'])) out.text(19, String(name));
  for (const value of listOf(schema['enum'])) out.message(20, any(value));
  const { additionalProperties, items, properties } = schema;
  if (isObject(additionalProperties)) out.message(21, new ProtoWriter().message(1, encodeSchema(additionalProperties)));
  else if (additionalProperties === true) out.message(21, new ProtoWriter().boolean(2, true));
  if (typeof schema['type'] === 'string') out.message(22, new ProtoWriter().text(1, schema['type']));
  if (isObject(items)) out.message(23, new ProtoWriter().message(1, encodeSchema(items)));
  if (isObject(properties)) out.message(25, named(properties));
  return extensions(out, 31, schema);
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

/** Arbitrary values travel as YAML text, of which JSON is a part. */
function any(value: unknown): ProtoWriter {
  return new ProtoWriter().text(2, JSON.stringify(value));
}

function extensions(out: ProtoWriter, field: number, source: Record<string, unknown>): ProtoWriter {
  for (const [key, value] of Object.entries(source)) {
    if (key.startsWith('x-')) out.message(field, new ProtoWriter().text(1, key).message(2, any(value)));
  }
  return out;
}
