import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { BareMetalHost } from '../../src/api/baremetalhost.ts';
import type { ConfigMap, Secret } from '../../src/api/core-types.ts';
import type { HostProgress } from '../../src/api/hostprogress.ts';
import type { KubeObject, ObjectKey, ResourceType } from '../../src/api/meta.ts';
import { BARE_METAL_HOST, CONFIG_MAP, EVENT, HOST_PROGRESS, LEASE, SECRET } from '../../src/api/resources.ts';
import { storeErrors } from '../../src/store/errors.ts';
import type { Store, StoreEvent } from '../../src/store/store.ts';

/** What a test of the contract needs: a store, and an empty namespace of its own. */
export interface StoreUnderTest {
  store: Store;
  namespace: string;
  close(): Promise<void>;
}

/** How long something that is only promised eventually may take, ms (garbage collection of a real cluster is slow). */
const EVENTUALLY_MS = 30_000;

/** A host as a person writes it. */
export function hostFixture(namespace: string, name: string, spec: Partial<BareMetalHost['spec']> = {}): BareMetalHost {
  return {
    apiVersion: 'metal3.io/v1alpha1',
    kind: 'BareMetalHost',
    metadata: { namespace, name },
    spec: {
      online: true,
      bmc: { address: 'ipmi://192.0.2.10', credentialsName: `${name}-bmc` },
      bootMACAddress: '52:54:00:00:00:01',
      ...spec,
    },
  };
}

const STATUS: NonNullable<BareMetalHost['status']> = {
  operationalStatus: 'OK',
  errorMessage: '',
  errorCount: 0,
  provisioningFailCount: 0,
  poweredOn: false,
  provisioning: { state: 'registering', ID: '', image: { url: '' } },
};

function configMap(namespace: string, name: string, extra: Partial<ConfigMap['metadata']> = {}): ConfigMap {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace, name, ...extra }, data: { a: '1' } };
}

/**
 * The one suite both stores pass: whatever the engine may rely on is here.
 * @param makeStore called once; the store must know the definitions under `crds/`
 */
export function storeContract(name: string, makeStore: () => Promise<StoreUnderTest>): void {
  describe(`store contract: ${name}`, { timeout: 300_000 }, () => {
    let under: StoreUnderTest;
    let store: Store;
    let ns: string;

    before(async () => {
      under = await makeStore();
      ({ store, namespace: ns } = under);
    });
    after(async () => under.close());

    const key = (name: string): ObjectKey => ({ namespace: ns, name });

    test('a created object has identity, version and defaults, and is read back equal', async () => {
      const created = await store.create(BARE_METAL_HOST, hostFixture(ns, 'identity'));
      assert.match(created.metadata.uid ?? '', /^[0-9a-f-]{36}$/);
      assert.match(created.metadata.creationTimestamp ?? '', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
      assert.notEqual(created.metadata.resourceVersion ?? '', '');
      assert.equal(created.metadata.generation, 1);
      assert.equal(created.spec.automatedCleaningMode, 'metadata');
      assert.equal(created.kind, 'BareMetalHost');
      const read = await store.get(BARE_METAL_HOST, key('identity'));
      assert.deepEqual(read.spec, created.spec);
      assert.equal(read.metadata.resourceVersion, created.metadata.resourceVersion);
    });

    test('what is missing, there already, or wrong is refused with its code', async () => {
      await rejects(store.get(BARE_METAL_HOST, key('absent')), 'STORE_NOT_FOUND');
      await rejects(store.delete(BARE_METAL_HOST, key('absent')), 'STORE_NOT_FOUND');
      await rejects(store.patch(BARE_METAL_HOST, key('absent'), { spec: { online: false } }), 'STORE_NOT_FOUND');
      await store.create(CONFIG_MAP, configMap(ns, 'twice'));
      await rejects(store.create(CONFIG_MAP, configMap(ns, 'twice')), 'STORE_ALREADY_EXISTS');
      const odd = hostFixture(ns, 'odd', { image: { url: 'http://x/i', format: 'floppy' as 'raw' } });
      const error = await rejects(store.create(BARE_METAL_HOST, odd), 'STORE_INVALID');
      assert.match(error.message, /spec\.image\.format: Unsupported value: "floppy": supported values: "raw", "qcow2"/);
      const online = hostFixture(ns, 'odd', { online: undefined as unknown as boolean });
      const missing = await rejects(store.create(BARE_METAL_HOST, online), 'STORE_INVALID');
      assert.match(missing.message, /spec\.online: Required value/);
      await rejects(store.create(CONFIG_MAP, configMap(ns, 'Upper')), 'STORE_INVALID');
      await rejects(store.create(CONFIG_MAP, configMap('no-such-namespace', 'x')), 'STORE_NOT_FOUND');
    });

    test('generateName makes distinct names', async () => {
      const make = () =>
        store.create(CONFIG_MAP, {
          apiVersion: 'v1',
          kind: 'ConfigMap',
          metadata: { namespace: ns, name: '', generateName: 'gen-' },
        });
      const [a, b] = [await make(), await make()];
      assert.match(a.metadata.name, /^gen-[a-z0-9]{5}$/);
      assert.notEqual(a.metadata.name, b.metadata.name);
    });

    test('an Event may be named after its reason, capitals included', async () => {
      const event = await store.create(EVENT, {
        apiVersion: 'v1',
        kind: 'Event',
        metadata: { namespace: ns, name: '', generateName: 'ProvisioningStarted-' },
        involvedObject: { apiVersion: 'metal3.io/v1alpha1', kind: 'BareMetalHost', namespace: ns, name: 'h' },
        reason: 'ProvisioningStarted',
        message: 'Image provisioning started',
        type: 'Normal',
        count: 1,
        firstTimestamp: '2026-01-02T03:04:05Z',
        lastTimestamp: '2026-01-02T03:04:05Z',
        source: { component: 'metal3-baremetal-controller' },
      });
      assert.match(event.metadata.name, /^ProvisioningStarted-[a-z0-9]{5}$/);
      assert.equal((await store.get(EVENT, key(event.metadata.name))).message, 'Image provisioning started');
    });

    test('stringData of a Secret is folded into data', async () => {
      const secret: Secret = {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { namespace: ns, name: 'bmc' },
        data: { username: 'YWRtaW4=' },
        stringData: { password: 'pässword' },
      };
      const created = await store.create(SECRET, secret);
      assert.equal(created.stringData, undefined);
      assert.deepEqual(created.data, { username: 'YWRtaW4=', password: 'cMOkc3N3b3Jk' });
      assert.equal(created.type, 'Opaque');
    });

    test('update is refused when somebody was faster', async () => {
      const first = await store.create(BARE_METAL_HOST, hostFixture(ns, 'race'));
      await store.update(BARE_METAL_HOST, { ...first, spec: { ...first.spec, online: false } });
      await rejects(
        store.update(BARE_METAL_HOST, { ...first, spec: { ...first.spec, description: 'b' } }),
        'STORE_CONFLICT',
      );
      const now = await store.get(BARE_METAL_HOST, key('race'));
      assert.equal(now.spec.online, false);
      assert.equal(now.spec.description, undefined);
    });

    test('spec and status are written apart; generation counts the spec alone', async () => {
      const created = await store.create(BARE_METAL_HOST, { ...hostFixture(ns, 'apart'), status: STATUS });
      assert.equal(created.status, undefined, 'a status at creation is dropped');
      const withStatus = await store.updateStatus(BARE_METAL_HOST, {
        ...created,
        spec: { ...created.spec, online: false },
        status: STATUS,
      });
      assert.equal(withStatus.spec.online, true, 'a status write leaves the spec alone');
      assert.equal(withStatus.status?.provisioning.state, 'registering');
      assert.equal(withStatus.metadata.generation, 1);
      const respec = await store.update(BARE_METAL_HOST, {
        ...withStatus,
        spec: { ...withStatus.spec, online: false },
        status: { ...STATUS, poweredOn: true },
      });
      assert.equal(respec.metadata.generation, 2);
      assert.equal(respec.status?.poweredOn, false, 'a spec write leaves the status alone');
      const labelled = await store.patch(BARE_METAL_HOST, key('apart'), { metadata: { labels: { a: 'b' } } });
      assert.equal(labelled.metadata.generation, 2, 'labels are not desired state');
      await rejects(store.updateStatus(BARE_METAL_HOST, { ...created, status: STATUS }), 'STORE_CONFLICT');
    });

    test('merge patch: null removes, lists are replaced, a stale version is refused', async () => {
      const created = await store.create(
        BARE_METAL_HOST,
        hostFixture(ns, 'patched', { image: { url: 'http://x/i', checksum: 'abc', format: 'raw' } }),
      );
      const patched = await store.patch(BARE_METAL_HOST, key('patched'), {
        spec: { image: { checksum: null, url: 'http://x/j' }, bootMACAddress: null },
      });
      assert.deepEqual(patched.spec.image, { url: 'http://x/j', format: 'raw' });
      assert.equal(patched.spec.bootMACAddress, undefined);
      const stale = { metadata: { resourceVersion: created.metadata.resourceVersion }, spec: { online: false } };
      await rejects(store.patch(BARE_METAL_HOST, key('patched'), stale), 'STORE_CONFLICT');
      const withStatus = await store.patchStatus(BARE_METAL_HOST, key('patched'), { status: STATUS });
      assert.equal(withStatus.status?.operationalStatus, 'OK');
      const half = await store.patchStatus(BARE_METAL_HOST, key('patched'), { status: { poweredOn: true } });
      assert.equal(half.status?.poweredOn, true);
      assert.equal(half.status?.provisioning.state, 'registering');
    });

    test('a write that changes nothing keeps the version', async () => {
      const created = await store.create(BARE_METAL_HOST, hostFixture(ns, 'same'));
      const again = await store.patch(BARE_METAL_HOST, key('same'), { spec: { online: true } });
      assert.equal(again.metadata.resourceVersion, created.metadata.resourceVersion);
    });

    test('an object of private state keeps lists and numbers as written', async () => {
      const at = '2026-01-02T03:04:05Z';
      const progress: HostProgress = {
        apiVersion: 'ingot.dev/v1alpha1',
        kind: 'HostProgress',
        metadata: { namespace: ns, name: 'progress' },
      };
      await store.create(HOST_PROGRESS, progress);
      const timeline = [{ at, source: 'dhcp' as const, kind: 'dhcp-discover', text: 'seen', count: 2 }];
      const stored = await store.patchStatus(HOST_PROGRESS, key('progress'), {
        status: { phase: 'provisioning', percent: 12.5, bytesDone: 5_000_000_000, timeline },
      });
      assert.deepEqual(stored.status, { phase: 'provisioning', percent: 12.5, bytesDone: 5_000_000_000, timeline });
    });

    test('deletion waits for finalizers and then happens', async () => {
      const host = hostFixture(ns, 'kept');
      host.metadata.finalizers = ['baremetalhost.metal3.io'];
      await store.create(BARE_METAL_HOST, host);
      await store.delete(BARE_METAL_HOST, key('kept'));
      const waiting = await store.get(BARE_METAL_HOST, key('kept'));
      assert.notEqual(waiting.metadata.deletionTimestamp, undefined);
      await store.delete(BARE_METAL_HOST, key('kept'));
      const again = await store.get(BARE_METAL_HOST, key('kept'));
      assert.equal(again.metadata.deletionTimestamp, waiting.metadata.deletionTimestamp);
      const added = { metadata: { finalizers: ['baremetalhost.metal3.io', 'other.example.com/x'] } };
      await rejects(store.patch(BARE_METAL_HOST, key('kept'), added), 'STORE_INVALID');
      await store.patch(BARE_METAL_HOST, key('kept'), { metadata: { finalizers: null } });
      await rejects(store.get(BARE_METAL_HOST, key('kept')), 'STORE_NOT_FOUND');
    });

    test('deletion with the uid of an earlier object is refused', async () => {
      const first = await store.create(CONFIG_MAP, configMap(ns, 'reborn'));
      const wrong = { uid: '00000000-0000-4000-8000-000000000000' };
      await rejects(store.delete(CONFIG_MAP, key('reborn'), wrong), 'STORE_CONFLICT');
      await store.delete(CONFIG_MAP, key('reborn'), { uid: first.metadata.uid ?? '' });
      await rejects(store.get(CONFIG_MAP, key('reborn')), 'STORE_NOT_FOUND');
    });

    test('what an object owns goes after it, what others own too stays', async () => {
      const one = await store.create(CONFIG_MAP, configMap(ns, 'owner-1'));
      const two = await store.create(CONFIG_MAP, configMap(ns, 'owner-2'));
      const ref = (o: KubeObject) => ({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        name: o.metadata.name,
        uid: o.metadata.uid ?? '',
      });
      await store.create(CONFIG_MAP, configMap(ns, 'child', { ownerReferences: [ref(one)] }));
      await store.create(CONFIG_MAP, configMap(ns, 'shared', { ownerReferences: [ref(one), ref(two)] }));
      await store.delete(CONFIG_MAP, key('owner-1'));
      await eventuallyGone(store, CONFIG_MAP, key('child'));
      await store.get(CONFIG_MAP, key('shared'));
      await store.delete(CONFIG_MAP, key('owner-2'));
      await eventuallyGone(store, CONFIG_MAP, key('shared'));
    });

    test('list selects by namespace and labels, and returns everything beyond one page', async () => {
      for (let i = 0; i < 510; i++) {
        const labels = { set: 'many', half: i % 2 === 0 ? 'even' : 'odd' };
        await store.create(CONFIG_MAP, configMap(ns, `many-${i}`, { labels }));
      }
      const all = await store.list(CONFIG_MAP, { namespace: ns, labels: { set: 'many' } });
      assert.equal(new Set(all.map((o) => o.metadata.name)).size, 510);
      const half = await store.list(CONFIG_MAP, { namespace: ns, labels: { set: 'many', half: 'odd' } });
      assert.equal(half.length, 255);
      const everywhere = await store.list(CONFIG_MAP, { labels: { set: 'many' } });
      assert.equal(everywhere.length, 510);
      assert.deepEqual(await store.list(LEASE, { namespace: ns }), []);
      assert.equal(all[0]?.kind, 'ConfigMap', 'items of a list carry their kind');
    });

    test('watch gives what is there, says synced once, then follows', async () => {
      const labels = { watch: 'w' };
      await store.create(CONFIG_MAP, configMap(ns, 'w-1', { labels }));
      const seen = follow(store, CONFIG_MAP, { namespace: ns, labels });
      await seen.until((e) => e.includes('synced'));
      assert.deepEqual(seen.texts, ['added w-1', 'synced']);
      await store.create(CONFIG_MAP, configMap(ns, 'w-2', { labels }));
      await store.create(CONFIG_MAP, configMap(ns, 'w-other'));
      await store.patch(CONFIG_MAP, key('w-1'), { data: { a: '2' } });
      await store.patch(CONFIG_MAP, key('w-2'), { metadata: { labels: { watch: null } } });
      await store.delete(CONFIG_MAP, key('w-1'));
      await seen.until((e) => e.includes('deleted w-1'));
      assert.deepEqual(seen.texts.slice(2), ['added w-2', 'modified w-1', 'deleted w-2', 'deleted w-1']);
      await seen.stop();
    });

    test('a watch ends when it is aborted, and not before', async () => {
      const seen = follow(store, LEASE, { namespace: ns });
      await seen.until((e) => e.includes('synced'));
      await seen.stop();
      assert.deepEqual(seen.texts, ['synced']);
    });

    test('a lost race leaves exactly one winner', async () => {
      const created = await store.create(CONFIG_MAP, configMap(ns, 'contended'));
      const writes = Array.from({ length: 8 }, (_, i) =>
        store.update(CONFIG_MAP, { ...created, data: { a: `writer-${i}` } }).then(
          () => 'won',
          (error: unknown) => (storeErrors.is(error, 'STORE_CONFLICT') ? 'lost' : 'failed'),
        ),
      );
      const results = await Promise.all(writes);
      assert.equal(results.filter((r) => r === 'won').length, 1);
      assert.equal(results.filter((r) => r === 'lost').length, 7);
    });
  });
}

async function rejects(promise: Promise<unknown>, code: Parameters<typeof storeErrors.make>[0]): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    assert.ok(storeErrors.is(error, code), `expected ${code}, got ${String(error)}`);
    return error;
  }
  assert.fail(`expected ${code}, got success`);
}

async function eventuallyGone(store: Store, type: ResourceType, key: ObjectKey): Promise<void> {
  const end = performance.now() + EVENTUALLY_MS;
  for (;;) {
    try {
      await store.get(type, key);
    } catch (error) {
      if (storeErrors.is(error, 'STORE_NOT_FOUND')) return;
      throw error;
    }
    assert.ok(performance.now() < end, `${key.name} is still there`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

interface Follower {
  /** `added NAME`, `synced`… in order of arrival; repeated states of one object are told once. */
  texts: string[];
  until(done: (texts: string[]) => boolean): Promise<void>;
  stop(): Promise<void>;
}

function follow(
  store: Store,
  type: ResourceType,
  options: { namespace: string; labels?: Record<string, string> },
): Follower {
  const stopper = new AbortController();
  const texts: string[] = [];
  const run = (async () => {
    for await (const event of store.watch(type, { ...options, signal: stopper.signal })) {
      const text = eventText(event);
      if (texts.at(-1) !== text) texts.push(text);
    }
  })();
  return {
    texts,
    async until(done) {
      const end = performance.now() + EVENTUALLY_MS;
      while (!done(texts)) {
        assert.ok(performance.now() < end, `only saw ${texts.join(', ')}`);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    },
    async stop() {
      stopper.abort();
      await run;
    },
  };
}

function eventText(event: StoreEvent<KubeObject>): string {
  return event.type === 'synced' ? 'synced' : `${event.type} ${event.object.metadata.name}`;
}
