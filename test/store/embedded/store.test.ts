import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { FakeClock } from '../../../src/core/clock.ts';
import { type LogLine, memoryLogger, silentLogger } from '../../../src/core/log.ts';
import type { ConfigMap, Event } from '../../../src/api/core-types.ts';
import { loadCrds } from '../../../src/api/registry/load.ts';
import { BARE_METAL_HOST, CONFIG_MAP, EVENT, NAMESPACE } from '../../../src/api/resources.ts';
import { type EmbeddedStore, openEmbeddedStore } from '../../../src/store/embedded/store.ts';
import { storeErrors } from '../../../src/store/errors.ts';
import { hostFixture } from '../contract.ts';

const crds = await loadCrds();

function open(file = ':memory:', clock = new FakeClock(), lines?: LogLine[]): EmbeddedStore {
  return openEmbeddedStore({ file, crds, clock, log: lines === undefined ? silentLogger : memoryLogger(lines) });
}

const configMap = (name: string, extra: Partial<ConfigMap['metadata']> = {}): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { namespace: 'default', name, ...extra },
  data: { a: '1' },
});
const key = (name: string) => ({ namespace: 'default', name });

test('everything is there again after a restart, versions go on', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'ingot-store-'));
  try {
    const file = path.join(folder, 'a', 'ingot.db');
    const first = open(file);
    const created = await first.create(BARE_METAL_HOST, hostFixture('default', 'h'));
    const revision = first.raw.revision();
    first.close();
    const second = open(file);
    const modes = (await readdir(path.dirname(file))).map(
      (name) => statSync(path.join(path.dirname(file), name)).mode & 0o777,
    );
    assert.deepEqual([...new Set(modes)], [0o600], 'secrets are in these files');
    assert.deepEqual(await second.get(BARE_METAL_HOST, key('h')), created);
    assert.equal(second.raw.revision(), revision, 'opening writes nothing that was there already');
    const next = await second.patch(BARE_METAL_HOST, key('h'), { spec: { online: false } });
    assert.ok(Number(next.metadata.resourceVersion) > revision);
    second.close();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('a second process on the same file is refused', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'ingot-store-'));
  try {
    const file = path.join(folder, 'ingot.db');
    const first = open(file);
    assert.throws(
      () => open(file),
      (error) => storeErrors.is(error, 'STORE_UNAVAILABLE'),
    );
    first.close();
    open(file).close();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('a watch resumes where it was, and is told when it cannot', async () => {
  const store = open();
  const resource = store.raw.registry.of(CONFIG_MAP);
  const since = store.raw.revision();
  await store.create(CONFIG_MAP, configMap('a'));
  await store.patch(CONFIG_MAP, key('a'), { data: { a: '2' } });
  await store.delete(CONFIG_MAP, key('a'));
  const stop = new AbortController();
  const types: string[] = [];
  for await (const change of store.raw.changes(resource, since, { signal: stop.signal })) {
    types.push(change.type);
    if (types.length === 3) stop.abort();
  }
  assert.deepEqual(types, ['ADDED', 'MODIFIED', 'DELETED']);
  store.raw.compactTo(store.raw.revision());
  const late = store.raw.changes(resource, since, { signal: new AbortController().signal });
  await assert.rejects(late[Symbol.asyncIterator]().next(), (error) => storeErrors.is(error, 'STORE_EXPIRED'));
  const future = store.raw.changes(resource, 1e9, { signal: new AbortController().signal });
  await assert.rejects(future[Symbol.asyncIterator]().next(), (error) => storeErrors.is(error, 'STORE_EXPIRED'));
  store.close();
});

test('a watcher overtaken by compaction gets the difference, deletions included', async () => {
  const store = open();
  await store.create(CONFIG_MAP, configMap('stays'));
  await store.create(CONFIG_MAP, configMap('goes'));
  const stop = new AbortController();
  const seen: string[] = [];
  const watch = store.watch(CONFIG_MAP, { signal: stop.signal })[Symbol.asyncIterator]();
  const next = async () => {
    const { value } = await watch.next();
    assert.ok(value !== undefined);
    seen.push(value.type === 'synced' ? 'synced' : `${value.type} ${value.object.metadata.name}`);
  };
  for (let i = 0; i < 3; i++) await next();
  await store.delete(CONFIG_MAP, key('goes'));
  await store.create(CONFIG_MAP, configMap('comes'));
  store.raw.compactTo(store.raw.revision());
  for (let i = 0; i < 2; i++) await next();
  assert.deepEqual(seen, ['added goes', 'added stays', 'synced', 'deleted goes', 'added comes']);
  stop.abort();
  assert.equal((await watch.next()).done, true);
  store.close();
});

test('closing the store ends its watches', async () => {
  const store = open();
  const watch = store.watch(CONFIG_MAP, { signal: new AbortController().signal })[Symbol.asyncIterator]();
  await watch.next();
  const waiting = watch.next();
  store.close();
  assert.equal((await waiting).done, true);
});

test('Events go after an hour, changes after ten minutes', async () => {
  const clock = new FakeClock();
  const store = open(':memory:', clock);
  const event = (name: string): Event => ({
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { namespace: 'default', name },
    involvedObject: { kind: 'BareMetalHost', namespace: 'default', name: 'h' },
    reason: 'R',
    message: 'm',
    type: 'Normal',
    lastTimestamp: new Date(clock.now()).toISOString(),
  });
  const since = store.raw.revision();
  await store.create(EVENT, event('old'));
  await clock.advance(30 * 60_000);
  await store.create(EVENT, event('young'));
  await clock.advance(31 * 60_000);
  const names = (await store.list(EVENT)).map((e) => e.metadata.name);
  assert.deepEqual(names, ['young']);
  const changes = store.raw.changes(store.raw.registry.of(EVENT), since, { signal: new AbortController().signal });
  await assert.rejects(changes[Symbol.asyncIterator]().next(), (error) => storeErrors.is(error, 'STORE_EXPIRED'));
  store.close();
});

test('deletion modes: orphan keeps dependents, foreground waits for them', async () => {
  const store = open();
  const { raw } = store;
  const resource = raw.registry.of(CONFIG_MAP);
  const owned = async (name: string, owner: string, finalizers: string[] = []) => {
    const { uid = '' } = (await store.get(CONFIG_MAP, key(owner))).metadata;
    const ownerReferences = [{ apiVersion: 'v1', kind: 'ConfigMap', name: owner, uid, blockOwnerDeletion: true }];
    await store.create(CONFIG_MAP, configMap(name, { ownerReferences, finalizers }));
  };
  await store.create(CONFIG_MAP, configMap('o1'));
  await owned('c1', 'o1');
  raw.deleteObject(resource, key('o1'), { propagation: 'Orphan' });
  assert.equal((await store.get(CONFIG_MAP, key('c1'))).metadata.ownerReferences, undefined);

  await store.create(CONFIG_MAP, configMap('o2'));
  await owned('c2', 'o2', ['a.b/c']);
  assert.equal(raw.deleteObject(resource, key('o2'), { propagation: 'Foreground' }).removed, false);
  assert.deepEqual((await store.get(CONFIG_MAP, key('o2'))).metadata.finalizers, ['foregroundDeletion']);
  await store.patch(CONFIG_MAP, key('c2'), { metadata: { finalizers: null } });
  await assert.rejects(store.get(CONFIG_MAP, key('c2')), (error) => storeErrors.is(error, 'STORE_NOT_FOUND'));
  await assert.rejects(store.get(CONFIG_MAP, key('o2')), (error) => storeErrors.is(error, 'STORE_NOT_FOUND'));
  store.close();
});

test('a dependent written after its owner went is collected at once', async () => {
  const store = open();
  const owner = await store.create(CONFIG_MAP, configMap('o'));
  await store.delete(CONFIG_MAP, key('o'));
  const uid = owner.metadata.uid ?? '';
  await store.create(
    CONFIG_MAP,
    configMap('late', { ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'o', uid }] }),
  );
  await assert.rejects(store.get(CONFIG_MAP, key('late')), (error) => storeErrors.is(error, 'STORE_NOT_FOUND'));
  store.close();
});

test('a namespace takes everything in it along, and waits for finalizers', async () => {
  const store = open();
  await store.create(NAMESPACE, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'lab' } });
  await store.create(CONFIG_MAP, { ...configMap('a'), metadata: { namespace: 'lab', name: 'a' } });
  const held = { ...configMap('b'), metadata: { namespace: 'lab', name: 'b', finalizers: ['a.b/c'] } };
  await store.create(CONFIG_MAP, held);
  await store.delete(NAMESPACE, { namespace: '', name: 'lab' });
  assert.equal((await store.get(NAMESPACE, { namespace: '', name: 'lab' })).status?.phase, 'Terminating');
  assert.equal((await store.list(CONFIG_MAP, { namespace: 'lab' })).length, 1);
  const more = { ...configMap('c'), metadata: { namespace: 'lab', name: 'c' } };
  await assert.rejects(store.create(CONFIG_MAP, more), (error) => storeErrors.is(error, 'STORE_FORBIDDEN'));
  await store.patch(CONFIG_MAP, { namespace: 'lab', name: 'b' }, { metadata: { finalizers: null } });
  await assert.rejects(store.get(NAMESPACE, { namespace: '', name: 'lab' }), (error) =>
    storeErrors.is(error, 'STORE_NOT_FOUND'),
  );
  const fixed = store.delete(NAMESPACE, { namespace: '', name: 'default' });
  await assert.rejects(fixed, (error) => storeErrors.is(error, 'STORE_FORBIDDEN'));
  store.close();
});

test('a dry run answers as if, and leaves no trace', async () => {
  const store = open();
  const resource = store.raw.registry.of(CONFIG_MAP);
  const before = store.raw.revision();
  const made = store.raw.createObject(resource, configMap('dry'), { manager: 'm', dryRun: true });
  assert.match(made.metadata.uid ?? '', /-/);
  await assert.rejects(store.get(CONFIG_MAP, key('dry')), (error) => storeErrors.is(error, 'STORE_NOT_FOUND'));
  assert.equal(store.raw.revision(), before);
  store.close();
});

test('a field of the engine that the schema lacks is dropped, and said so', async () => {
  const lines: LogLine[] = [];
  const store = open(':memory:', new FakeClock(), lines);
  const odd = hostFixture('default', 'odd', { zork: 1 } as object);
  const created = await store.create(BARE_METAL_HOST, odd);
  assert.equal('zork' in created.spec, false);
  assert.deepEqual(
    lines.map((l) => l.fields['fields']),
    [['spec.zork']],
  );
  store.close();
});

test('pages end where they say, in order', async () => {
  const store = open();
  for (const name of ['c', 'a', 'e', 'b', 'd']) await store.create(CONFIG_MAP, configMap(name));
  const resource = store.raw.registry.of(CONFIG_MAP);
  const first = store.raw.page(resource, { limit: 2 });
  assert.deepEqual([first.items.map((o) => o.metadata.name), first.more, first.remaining], [['a', 'b'], true, 3]);
  const rest = store.raw.page(resource, { limit: 3, after: key('b') });
  assert.deepEqual([rest.items.map((o) => o.metadata.name), rest.more], [['c', 'd', 'e'], false]);
  store.close();
});
