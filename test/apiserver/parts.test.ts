import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ageText } from '../../src/apiserver/ago.ts';
import { ApiError } from '../../src/apiserver/api-error.ts';
import { decodeBody } from '../../src/apiserver/body.ts';
import { duplicateKeys } from '../../src/apiserver/duplicates.ts';
import { jsonPatch } from '../../src/apiserver/json-patch.ts';
import { compilePath } from '../../src/apiserver/jsonpath.ts';
import { negotiate } from '../../src/apiserver/media.ts';
import { ProtoWriter } from '../../src/apiserver/proto.ts';
import { decodeKubeProto } from '../../src/apiserver/proto-kinds.ts';
import { parsePath } from '../../src/apiserver/request-path.ts';
import { fieldMatcher, labelMatcher } from '../../src/apiserver/selectors.ts';
import { strategicMerge } from '../../src/apiserver/strategic-merge.ts';
import type { Event } from '../../src/api/core-types.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { OBJECT_META_SCHEMA } from '../../src/api/validation/metadata.ts';

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

test('ages read as kubectl’s', () => {
  const cases: [number, string][] = [
    [0, '0s'],
    [-1500, '0s'],
    [-5000, '<invalid>'],
    [119_000, '119s'],
    [120_000, '2m'],
    [3 * minute + 12_000, '3m12s'],
    [10 * minute + 5000, '10m'],
    [179 * minute, '179m'],
    [3 * hour, '3h'],
    [3 * hour + 5 * minute, '3h5m'],
    [8 * hour + 5 * minute, '8h'],
    [2 * day + 4 * hour, '2d4h'],
    [8 * day + 4 * hour, '8d'],
    [729 * day, '729d'],
    [730 * day, '2y'],
    [800 * day, '2y70d'],
    [9 * 365 * day, '9y'],
  ];
  for (const [ms, text] of cases) assert.equal(ageText(ms), text);
});

test('URL paths name resources', () => {
  assert.deepEqual(parsePath('/api/v1/namespaces/lab'), {
    kind: 'resource',
    group: '',
    version: 'v1',
    plural: 'namespaces',
    name: 'lab',
  });
  assert.deepEqual(parsePath('/api/v1/namespaces/lab/status'), {
    kind: 'resource',
    group: '',
    version: 'v1',
    plural: 'namespaces',
    name: 'lab',
    subresource: 'status',
  });
  assert.deepEqual(parsePath('/apis/metal3.io/v1alpha1/namespaces/lab/baremetalhosts/a/status'), {
    kind: 'resource',
    group: 'metal3.io',
    version: 'v1alpha1',
    plural: 'baremetalhosts',
    namespace: 'lab',
    name: 'a',
    subresource: 'status',
  });
  assert.equal(parsePath('/apis/metal3.io/v1alpha1').kind, 'other');
  assert.equal(parsePath('/api/v1/namespaces/a/secrets/b/c/d').kind, 'other');
});

const labelled = (labels: Record<string, string>): KubeObject => ({
  apiVersion: 'v1',
  kind: 'X',
  metadata: { name: 'x', labels },
});

test('label selectors', () => {
  const matches = (selector: string, labels: Record<string, string>) =>
    labelMatcher(selector)?.(labelled(labels)) ?? true;
  assert.ok(matches('a=1', { a: '1' }));
  assert.ok(matches('a==1,b!=2', { a: '1' }));
  assert.ok(!matches('a=1,b!=2', { a: '1', b: '2' }));
  assert.ok(matches('a in (1, 2),!c', { a: '2' }));
  assert.ok(!matches('a notin (1,2)', { a: '2' }));
  assert.ok(matches('a notin (1,2)', {}));
  assert.ok(matches('a', { a: '' }));
  assert.ok(!matches('!a', { a: '' }));
  assert.ok(matches('x/y.z=v', { 'x/y.z': 'v' }));
  assert.ok(matches('n>5', { n: '6' }));
  assert.equal(labelMatcher(''), undefined);
  for (const bad of ['a b', 'a in 1', '=x', 'a in (1']) assert.throws(() => labelMatcher(bad), ApiError, bad);
});

test('field selectors', () => {
  const event = {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: 'e', namespace: 'n' },
    involvedObject: { name: 'h', uid: 'u' },
  } as Event;
  assert.ok(fieldMatcher('involvedObject.name=h,involvedObject.uid==u,metadata.namespace!=x', 'Event')?.(event));
  assert.ok(!fieldMatcher('involvedObject.name=z', 'Event')?.(event));
  assert.throws(() => fieldMatcher('spec.online=true', 'BareMetalHost'), /field label not supported: spec\.online/);
});

test('printer columns’ paths', () => {
  const object = {
    a: {
      'b.c': [
        { t: 'x', v: 1 },
        { t: 'y', v: 2 },
      ],
    },
    n: null,
  };
  assert.deepEqual(compilePath('.a.b\\.c[?(@.t=="y")].v')(object), [2]);
  assert.deepEqual(compilePath(".a['b.c'][*].v")(object), [1, 2]);
  assert.deepEqual(compilePath('{.a.b\\.c[0].t}')(object), ['x']);
  assert.deepEqual(compilePath('.a.zz.y')(object), []);
  assert.throws(() => compilePath('.a..b'));
});

test('JSON patch, by the examples of RFC 6902', () => {
  const patch = (document: unknown, ...operations: object[]) => jsonPatch(document, operations);
  assert.deepEqual(patch({ foo: 'bar' }, { op: 'add', path: '/baz', value: 'qux' }), { baz: 'qux', foo: 'bar' });
  assert.deepEqual(patch({ foo: ['bar', 'baz'] }, { op: 'add', path: '/foo/1', value: 'qux' }), {
    foo: ['bar', 'qux', 'baz'],
  });
  assert.deepEqual(patch({ baz: 'qux', foo: 'bar' }, { op: 'remove', path: '/baz' }), { foo: 'bar' });
  assert.deepEqual(patch({ foo: ['bar', 'qux', 'baz'] }, { op: 'remove', path: '/foo/1' }), { foo: ['bar', 'baz'] });
  assert.deepEqual(patch({ baz: 'qux' }, { op: 'replace', path: '/baz', value: 'boo' }), { baz: 'boo' });
  const moved = patch(
    { foo: { bar: 'baz', waldo: 'fred' }, qux: { corge: 'grault' } },
    { op: 'move', from: '/foo/waldo', path: '/qux/thud' },
  );
  assert.deepEqual(moved, { foo: { bar: 'baz' }, qux: { corge: 'grault', thud: 'fred' } });
  assert.deepEqual(patch({ foo: ['all', 'grass', 'cows', 'eat'] }, { op: 'move', from: '/foo/1', path: '/foo/3' }), {
    foo: ['all', 'cows', 'eat', 'grass'],
  });
  assert.deepEqual(patch({ '/': 9, '~1': 10 }, { op: 'test', path: '/~01', value: 10 }), { '/': 9, '~1': 10 });
  assert.deepEqual(patch({ foo: ['bar'] }, { op: 'add', path: '/foo/-', value: ['abc'] }), { foo: ['bar', ['abc']] });
  assert.throws(() => patch({ foo: 'bar' }, { op: 'add', path: '/baz/bat', value: 'qux' }), ApiError);
  assert.throws(() => patch({ baz: 'qux' }, { op: 'test', path: '/baz', value: 'bar' }), ApiError);
  assert.throws(() => patch({ a: [1] }, { op: 'add', path: '/a/2', value: 1 }), ApiError);
  assert.throws(() => patch({}, { op: 'add', path: '/__proto__', value: {} }), ApiError);
  const source = { a: { b: 1 } };
  patch(source, { op: 'replace', path: '/a/b', value: 2 });
  assert.deepEqual(source, { a: { b: 1 } }, 'the document itself is not changed');
});

test('strategic merge knows lists by the schema', () => {
  const merge = (live: unknown, patch: unknown) => strategicMerge(live, patch, OBJECT_META_SCHEMA);
  assert.deepEqual(merge({ finalizers: ['a'] }, { finalizers: ['b', 'a'] }), { finalizers: ['a', 'b'] });
  assert.deepEqual(merge({ finalizers: ['a', 'b'] }, { '$deleteFromPrimitiveList/finalizers': ['a'] }), {
    finalizers: ['b'],
  });
  const live = {
    ownerReferences: [
      { uid: '1', name: 'x' },
      { uid: '2', name: 'y' },
    ],
  };
  assert.deepEqual(
    merge(live, { ownerReferences: [{ uid: '2', kind: 'K' }], '$setElementOrder/ownerReferences': [] }),
    {
      ownerReferences: [
        { uid: '1', name: 'x' },
        { uid: '2', name: 'y', kind: 'K' },
      ],
    },
  );
  assert.deepEqual(merge(live, { ownerReferences: [{ $patch: 'delete', uid: '1' }] }), {
    ownerReferences: [{ uid: '2', name: 'y' }],
  });
  assert.deepEqual(merge(live, { ownerReferences: [{ $patch: 'replace' }, { uid: '9' }] }), {
    ownerReferences: [{ uid: '9' }],
  });
  assert.deepEqual(merge({ labels: { a: '1', b: '2' } }, { labels: { a: null, c: '3' } }), {
    labels: { b: '2', c: '3' },
  });
  assert.deepEqual(merge({ labels: { a: '1' } }, { labels: { $patch: 'replace', b: '2' } }), { labels: { b: '2' } });
  assert.deepEqual(merge({ labels: { a: '1' } }, { labels: { $patch: 'delete' } }), {});
  assert.deepEqual(merge({ labels: { a: '1', b: '2' } }, { labels: { $retainKeys: ['b'], b: '3' } }), {
    labels: { b: '3' },
  });
});

test('duplicate keys are found where they are', () => {
  assert.deepEqual(duplicateKeys('{"a":{"b":1,"c":[{"d":1,"d":2}],"b":2},"x":"a\\"b,{","a":1}'), [
    'a.c[0].d',
    'a.b',
    'a',
  ]);
  fc.assert(fc.property(fc.jsonValue(), (value) => assert.deepEqual(duplicateKeys(JSON.stringify(value)), [])));
});

test('Accept headers', () => {
  const table = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';
  assert.deepEqual(negotiate(table), {
    view: 'table',
    contentType: 'application/json',
    yaml: false,
    metaVersion: 'v1',
  });
  assert.equal(negotiate('application/vnd.kubernetes.protobuf,application/json')?.view, 'object');
  assert.equal(negotiate('application/vnd.kubernetes.protobuf'), undefined);
  assert.equal(negotiate(undefined)?.contentType, 'application/json');
  assert.equal(negotiate('application/yaml')?.yaml, true);
});

/** A Secret as kubectl sends it, built by hand: envelope, then fields 1 (metadata), 2 (data), 3 (type). */
function secretBytes(): Uint8Array {
  const metadata = new ProtoWriter()
    .text(1, 's')
    .text(2, '')
    .message(8, new ProtoWriter())
    .message(11, new ProtoWriter().text(1, 'k').text(2, 'v'))
    .integer(10, 300);
  const raw = new ProtoWriter()
    .message(1, metadata)
    .message(2, new ProtoWriter().text(1, 'user').text(2, 'admin'))
    .text(3, 'Opaque')
    .boolean(5, true);
  const type = new ProtoWriter().text(1, 'v1').text(2, 'Secret');
  const envelope = new ProtoWriter().message(1, type).message(2, raw).text(3, '').text(4, '');
  return Buffer.concat([Buffer.from('k8s\0'), envelope.bytes()]);
}

test('protobuf bodies of core kinds are read', () => {
  assert.deepEqual(decodeKubeProto(secretBytes()), {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 's', labels: { k: 'v' }, deletionGracePeriodSeconds: 300 },
    data: { user: 'YWRtaW4=' },
    type: 'Opaque',
    immutable: true,
  });
  assert.equal(decodeKubeProto(Buffer.from('{"a":1}')), undefined);
});

test('a damaged protobuf body is a bad request, never a crash', () => {
  const good = secretBytes();
  fc.assert(
    fc.property(fc.nat(good.length - 1), fc.integer({ min: 0, max: 255 }), fc.nat(good.length), (at, byte, length) => {
      const bytes = Uint8Array.from(good).subarray(0, length);
      if (at < bytes.length) bytes[at] = byte;
      try {
        decodeBody(bytes, 'application/vnd.kubernetes.protobuf');
      } catch (error) {
        assert.ok(error instanceof ApiError, String(error));
      }
    }),
    { numRuns: 2000 },
  );
});

test('bodies that could poison a prototype are refused', () => {
  assert.throws(() => decodeBody(Buffer.from('{"__proto__":{"x":1}}'), 'application/json'), ApiError);
  assert.throws(() => decodeBody(Buffer.from('{"\\u005f_proto__":{"x":1}}'), 'application/json'), ApiError);
  assert.throws(() => decodeBody(Buffer.from('a: [1'), 'application/yaml'), ApiError);
  assert.throws(() => decodeBody(Buffer.from('x'), 'text/plain'), ApiError);
  assert.deepEqual(decodeBody(Buffer.from('a: 1'), 'application/yaml').value, { a: 1 });
});
