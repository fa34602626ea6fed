import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fromFieldsV1, toFieldsV1 } from '../../../src/api/managed/field-set.ts';
import {
  type Applied,
  applyConfig,
  conflictText,
  readManagers,
  trackUpdate,
  writeManagers,
} from '../../../src/api/managed/managers.ts';
import { fieldsOf } from '../../../src/api/managed/walk.ts';
import type { KubeObject } from '../../../src/api/meta.ts';
import type { Schema } from '../../../src/api/validation/schema.ts';

const SCHEMA: Schema = {
  type: 'object',
  properties: {
    metadata: { type: 'object', properties: { labels: { type: 'object', additionalProperties: { type: 'string' } } } },
    spec: {
      type: 'object',
      properties: {
        a: { type: 'string' },
        b: { type: 'string' },
        nested: { type: 'object', properties: { c: { type: 'string' }, d: { type: 'string' } } },
        atomic: { type: 'array', items: { type: 'string' } },
        set: { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'string' } },
        keyed: {
          type: 'array',
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['name'],
          items: { type: 'object', properties: { name: { type: 'string' }, v: { type: 'string' } } },
        },
      },
    },
  },
};

type Thing = KubeObject & { spec: Record<string, unknown> };

const thing = (spec: Record<string, unknown>): Thing => ({
  apiVersion: 'x/v1',
  kind: 'Thing',
  metadata: { name: 't' },
  spec,
});

/** A store of one object: applies as a server would. */
class One {
  live: Thing | undefined;

  apply(manager: string, spec: Record<string, unknown>, force = false): Applied {
    const applied = applyConfig(this.live, thing(spec), SCHEMA, { manager, time: '2026-01-01T00:00:00Z' });
    if (applied.conflicts.length > 0 && !force) return applied;
    const object = applied.object as Thing;
    this.live = { ...object, metadata: { ...object.metadata, managedFields: writeManagers(applied.managers) } };
    return applied;
  }

  update(manager: string, spec: Record<string, unknown>): void {
    const next = thing(spec);
    next.metadata.managedFields = trackUpdate(this.live, next, SCHEMA, { manager, time: '2026-01-01T00:00:00Z' });
    this.live = next;
  }

  get spec(): Record<string, unknown> {
    return this.live?.spec ?? {};
  }
}

test('what a manager no longer applies goes, unless another one applies it too', () => {
  const one = new One();
  one.apply('m1', { a: '1', b: '1', nested: { c: '1' } });
  one.apply('m2', { b: '1' });
  one.apply('m1', { a: '1' });
  assert.deepEqual(one.spec, { a: '1', b: '1' });
  one.apply('m2', { a: '1' });
  assert.deepEqual(one.spec, { a: '1' });
});

test('another value for somebody’s field is a conflict, which names owner and field', () => {
  const one = new One();
  one.apply('m1', { a: '1' });
  const { conflicts } = one.apply('m2', { a: '2' });
  assert.equal(conflictText(conflicts), 'Apply failed with 1 conflict: conflict with "m1": .spec.a');
  assert.deepEqual(one.spec, { a: '1' });
  one.apply('m2', { a: '2' }, true);
  assert.deepEqual(one.spec, { a: '2' });
  assert.equal(one.apply('m1', { a: '2' }).conflicts.length, 0, 'the same value is shared');
});

test('an ordinary write takes its fields over; applying meets the new owner', () => {
  const one = new One();
  one.apply('m1', { a: '1', b: '1' });
  one.update('editor', { a: '2', b: '1' });
  const { conflicts } = one.apply('m1', { a: '1', b: '1' });
  assert.equal(conflictText(conflicts), 'Apply failed with 1 conflict: conflict with "editor" using x/v1: .spec.a');
});

test('withdrawing everything leaves what others own below', () => {
  const one = new One();
  one.apply('m1', {});
  one.apply('m2', { a: '1', nested: { c: '1' } });
  one.apply('m1', { b: '1' });
  assert.deepEqual(one.spec, { a: '1', b: '1', nested: { c: '1' } });
});

test('keyed lists merge by item, sets by value, atomic lists as a whole', () => {
  const one = new One();
  one.apply('m1', { keyed: [{ name: 'x', v: '1' }], set: ['p'], atomic: ['1', '2'] });
  one.apply('m2', { keyed: [{ name: 'y', v: '2' }], set: ['q'] });
  assert.deepEqual(one.spec, {
    keyed: [
      { name: 'x', v: '1' },
      { name: 'y', v: '2' },
    ],
    set: ['p', 'q'],
    atomic: ['1', '2'],
  });
  one.apply('m1', { atomic: ['3'] });
  assert.deepEqual(one.spec, { keyed: [{ name: 'y', v: '2' }], set: ['q'], atomic: ['3'] });
  const { conflicts } = one.apply('m3', { atomic: ['4'], keyed: [{ name: 'y', v: '9' }] });
  assert.deepEqual(
    conflicts.map((c) => c.path),
    ['.spec.atomic', '.spec.keyed[name="y"].v'],
  );
});

test('an object that is written by many keeps a bounded number of entries', () => {
  const one = new One();
  for (let i = 0; i < 40; i++)
    one.update(`w${i}`, {
      [i % 2 === 0 ? 'a' : 'b']: String(i),
      nested: { [`k${i}`]: 'x', ...(one.spec['nested'] as object) },
    });
  const managers = readManagers(one.live?.metadata.managedFields);
  assert.ok(managers.length <= 11, `${managers.length} entries`);
});

const text = fc.constantFrom('1', '2', '3');
const specs = fc.record(
  {
    a: text,
    b: text,
    nested: fc.record({ c: text, d: text }, { requiredKeys: [] }),
    atomic: fc.array(text, { maxLength: 2 }),
    set: fc.uniqueArray(text),
    keyed: fc.uniqueArray(fc.record({ name: text, v: text }), { selector: (i) => i.name }),
  },
  { requiredKeys: [] },
);
const actions = fc.array(fc.record({ manager: fc.constantFrom('m1', 'm2', 'm3'), spec: specs, force: fc.boolean() }));

test('whatever was applied before: a successful apply is in effect, and applying it again changes nothing', () => {
  fc.assert(
    fc.property(actions, specs, (history, last) => {
      const one = new One();
      for (const { manager, spec, force } of history) one.apply(manager, spec, force);
      one.apply('m1', last, true);
      assertContains(one.spec, last);
      const before = JSON.stringify(one.live);
      const again = one.apply('m1', last);
      assert.deepEqual(again.conflicts, []);
      assert.equal(JSON.stringify(one.live), before);
    }),
    { numRuns: 300 },
  );
});

test('when all managers withdraw, nothing is left', () => {
  fc.assert(
    fc.property(actions, (history) => {
      const one = new One();
      for (const { manager, spec, force } of history) one.apply(manager, spec, force);
      for (const manager of ['m1', 'm2', 'm3']) one.apply(manager, { a: 'last' }, true);
      assert.deepEqual(one.spec, { a: 'last' });
    }),
    { numRuns: 300 },
  );
});

test('field sets survive their JSON form', () => {
  fc.assert(
    fc.property(specs, (spec) => {
      const set = toFieldsV1(fieldsOf(thing(spec), SCHEMA));
      assert.deepEqual(toFieldsV1(fromFieldsV1(set)), set);
    }),
  );
  assert.deepEqual(toFieldsV1(fromFieldsV1({ 'f:a': {}, 'k:{broken': {}, other: {}, 'v:1': {} })), {
    'f:a': {},
    'v:1': {},
  });
});

/** Every value of `wanted` is in `actual`; lists that merge may hold more. */
function assertContains(actual: Record<string, unknown>, wanted: Record<string, unknown>): void {
  for (const [key, value] of Object.entries(wanted)) {
    const found = actual[key];
    if (key === 'set' || key === 'keyed') {
      const items = (found as unknown[]).map((i) => JSON.stringify(i));
      for (const item of value as unknown[]) assert.ok(items.includes(JSON.stringify(item)));
    } else if (key === 'nested')
      assertContains((found ?? {}) as Record<string, unknown>, value as Record<string, unknown>);
    else assert.deepEqual(found, value);
  }
}
