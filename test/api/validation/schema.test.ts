import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { loadCrds } from '../../../src/api/registry/load.ts';
import { resourceOf } from '../../../src/api/registry/resource.ts';
import { applyDefaults } from '../../../src/api/validation/defaults.ts';
import { mergePatch } from '../../../src/api/validation/merge-patch.ts';
import { prune } from '../../../src/api/validation/prune.ts';
import { type Schema, isObject, jsonEqual } from '../../../src/api/validation/schema.ts';
import { validate } from '../../../src/api/validation/validate.ts';
import { COMPLETE_HARDWARE, COMPLETE_HOST, COMPLETE_PROGRESS } from './objects.ts';

const SCHEMA: Schema = {
  type: 'object',
  required: ['a'],
  properties: {
    a: { type: 'boolean' },
    b: { type: 'string', default: 'x', enum: ['x', 'y'] },
    n: { type: 'integer', minimum: 0, maximum: 10 },
    nullable: { type: 'string', nullable: true, default: 'd' },
    list: {
      type: 'array',
      maxItems: 2,
      items: { type: 'object', properties: { c: { type: 'string', default: 'c' } } },
    },
    map: { type: 'object', additionalProperties: { type: 'string' } },
    free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true, properties: { k: { type: 'string' } } },
    keyed: {
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['type'],
      items: { type: 'object', properties: { type: { type: 'string' }, v: { type: 'string' } } },
    },
  },
};

const texts = (value: unknown) => validate(value, SCHEMA).map((e) => `${e.field}: ${e.message}`);

test('errors name the field and say what kube-apiserver says', () => {
  assert.deepEqual(texts({}), ['a: Required value']);
  assert.deepEqual(texts({ a: 1 }), ['a: Invalid value: "integer": a in body must be of type boolean: "integer"']);
  assert.deepEqual(texts({ a: true, b: 'z' }), ['b: Unsupported value: "z": supported values: "x", "y"']);
  assert.deepEqual(texts({ a: true, n: 11 }), ['n: Invalid value: 11: n in body should be less than or equal to 10']);
  assert.deepEqual(texts({ a: true, n: 1.5 }), [
    'n: Invalid value: "number": n in body must be of type integer: "number"',
  ]);
  assert.deepEqual(texts({ a: true, list: [{}, {}, {}] }), ['list: Too many: 3: must have at most 2 items']);
  assert.deepEqual(texts({ a: true, list: [{ c: 1 }] }), [
    'list[0].c: Invalid value: "integer": list[0].c in body must be of type string: "integer"',
  ]);
  assert.deepEqual(texts({ a: true, keyed: [{ type: 'r' }, { type: 'r' }] }), [
    'keyed[1]: Duplicate value: {"type":"r"}',
  ]);
});

test('pruning tells the path of what it drops, and keeps what may be kept', () => {
  const unknown: string[] = [];
  const value = { a: true, z: 1, list: [{ c: 'x', d: 1 }], map: { any: 'v' }, free: { k: 'v', w: { deep: [1] } } };
  assert.deepEqual(prune(value, SCHEMA, unknown), {
    a: true,
    list: [{ c: 'x' }],
    map: { any: 'v' },
    free: { k: 'v', w: { deep: [1] } },
  });
  assert.deepEqual(unknown, ['z', 'list[0].d']);
});

test('defaults fill what is absent, and what is null without leave', () => {
  assert.deepEqual(applyDefaults({ list: [{}], b: null, nullable: null, n: null }, SCHEMA), {
    list: [{ c: 'c' }],
    b: 'x',
    nullable: null,
  });
});

const json = fc.jsonValue({ maxDepth: 4 }).map((v) => JSON.parse(JSON.stringify(v)) as unknown);
const shaped = fc.record(
  {
    a: fc.oneof(fc.boolean(), json),
    b: fc.oneof(fc.constantFrom('x', 'y', null), json),
    list: fc.oneof(fc.array(fc.record({ c: json, d: json }, { requiredKeys: [] })), json),
    map: fc.oneof(fc.dictionary(fc.string(), fc.string()), json),
    free: json,
    other: json,
  },
  { requiredKeys: [] },
);

test('pruning and defaulting are idempotent, leave their input alone and never throw', () => {
  fc.assert(
    fc.property(shaped, (value) => {
      const before = JSON.stringify(value);
      const pruned = prune(value, SCHEMA);
      const full = applyDefaults(pruned, SCHEMA);
      assert.equal(JSON.stringify(value), before);
      const again: string[] = [];
      assert.ok(jsonEqual(prune(full, SCHEMA, again), full));
      assert.deepEqual(again, []);
      assert.ok(jsonEqual(applyDefaults(full, SCHEMA), full));
      validate(full, SCHEMA);
    }),
    { numRuns: 500 },
  );
});

/** RFC 7396, section 2, written down once more as plainly as can be. */
function plainMerge(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const result = new Map<string, unknown>(isObject(target) ? Object.entries(target) : []);
  for (const name of Object.keys(patch)) {
    if (patch[name] === null) result.delete(name);
    else result.set(name, plainMerge(result.get(name), patch[name]));
  }
  return Object.fromEntries(result);
}

test('merge patch follows RFC 7396', () => {
  fc.assert(
    fc.property(json, json, (target, patch) => {
      const before = JSON.stringify(target);
      const merged = mergePatch(target, patch);
      assert.ok(jsonEqual(merged, plainMerge(target, patch)));
      assert.equal(JSON.stringify(target), before);
      assert.ok(jsonEqual(mergePatch(merged, patch), merged), 'a merge patch is idempotent');
    }),
    { numRuns: 500 },
  );
});

/** The schema without its places for fields of later versions: here, what is not declared is forgotten. */
function closed(schema: Schema): Schema {
  return JSON.parse(
    JSON.stringify(schema).replaceAll('"x-kubernetes-preserve-unknown-fields":true', '"title":""'),
  ) as Schema;
}

test('the types of src/api fit the definitions under crds/', async () => {
  const resources = new Map((await loadCrds()).map((crd) => [crd.spec.names.kind, resourceOf(crd)]));
  for (const object of [COMPLETE_HOST, COMPLETE_HARDWARE, COMPLETE_PROGRESS]) {
    const resource = resources.get(object.kind);
    assert.ok(resource);
    const unknown: string[] = [];
    prune(object, closed(resource.schema), unknown);
    assert.deepEqual(unknown, [], `${object.kind} has fields that its definition lacks`);
    assert.deepEqual(validate(object, resource.schema), []);
  }
});
