/** The controllers of the smaller kinds over the embedded store, with a BMC that does as the test says. */
import assert from 'node:assert/strict';
import test, { suite } from 'node:test';
import { DETACHED_ANNOTATION, PAUSED_ANNOTATION, SECRET_FINALIZER } from '../../src/api/annotations.ts';
import type { BareMetalHost, ProvisioningState } from '../../src/api/baremetalhost.ts';
import {
  BARE_METAL_HOST,
  BMC_EVENT_SUBSCRIPTION,
  DATA_IMAGE,
  FIRMWARE_SCHEMA,
  HOST_FIRMWARE_COMPONENTS,
  HOST_FIRMWARE_SETTINGS,
  HOST_UPDATE_POLICY,
  SECRET,
} from '../../src/api/resources.ts';
import type { Bmc } from '../../src/bmc/bmc.ts';
import type {
  BiosAttribute,
  BiosValue,
  BmcCapabilities,
  FirmwareComponent,
  MediaSlot,
} from '../../src/bmc/capabilities.ts';
import { bmcErrors } from '../../src/bmc/errors.ts';
import { reconcileDataImage } from '../../src/controllers/data-image.ts';
import type { ControllerDoors } from '../../src/controllers/doors.ts';
import { reconcileSubscription } from '../../src/controllers/event-subscription.ts';
import { reconcileFirmware } from '../../src/controllers/firmware.ts';
import { reconcileDeletedSecret } from '../../src/controllers/secret-release.ts';
import { reconcileUpdatePolicy } from '../../src/controllers/update-policy.ts';
import { FakeClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/log.ts';
import { Metrics } from '../../src/core/metrics.ts';
import { completeStatus } from '../../src/host/status.ts';
import { MemoryStore } from '../support/memory-store.ts';

const { signal } = new AbortController();
const key = (name = 'node-0') => ({ namespace: 'lab', name });

class Bed {
  readonly store = new MemoryStore();
  readonly clock = new FakeClock();
  attributes: Record<string, BiosValue> = { Hyper: 'Off', Cores: 4, AdminPassword: '', Quiet: null };
  registry: BiosAttribute[] = [
    { name: 'Hyper', type: 'Enumeration', allowableValues: ['On', 'Off'] },
    { name: 'Cores', type: 'Integer', lowerBound: 1, upperBound: 64 },
    { name: 'Serial', type: 'String', readOnly: true },
    { name: 'AdminPassword', type: 'Password' },
  ];
  components: FirmwareComponent[] = [part('bios', '1.0'), part('bmc', '6.10'), part('PSU1', '3')];
  subscriptions = new Map<string, unknown>();
  slots: MediaSlot[] = [];
  ejected: (string | undefined)[] = [];
  capabilities: BmcCapabilities = {
    media: {
      slots: () => Promise.resolve(this.slots),
      insert: () => Promise.reject(new Error('the lifecycle inserts')),
      eject: (slot) => Promise.resolve(void this.ejected.push(slot)),
    },
    bios: {
      state: () => Promise.resolve({ attributes: this.attributes, pending: {}, messages: [] }),
      registry: () => Promise.resolve(this.registry),
      set: () => Promise.resolve('done'),
      reset: () => Promise.resolve(),
    },
    firmware: {
      components: () => Promise.resolve(this.components),
      start: () => Promise.resolve('handle'),
      state: () => Promise.resolve({ kind: 'done', text: '' }),
    },
    events: {
      subscriptions: () => Promise.resolve([]),
      subscribe: (wanted) => {
        const id = `/subs/${this.subscriptions.size + 1}`;
        this.subscriptions.set(id, wanted);
        return Promise.resolve(id);
      },
      unsubscribe: (id) => {
        this.subscriptions.delete(id);
        return Promise.resolve();
      },
    },
  };

  get doors(): ControllerDoors {
    const { store, clock } = this;
    const bmcOf = () => Promise.resolve(this.capabilities as Bmc);
    return { store, bmcOf, clock, log: silentLogger, metrics: new Metrics(), signal };
  }

  async host(name = 'node-0', registered = true): Promise<BareMetalHost> {
    const made = await this.store.create(BARE_METAL_HOST, {
      apiVersion: 'metal3.io/v1alpha1',
      kind: 'BareMetalHost',
      metadata: key(name),
      spec: { online: true, bmc: { address: 'redfish://192.0.2.1', credentialsName: 'bmc' } },
    });
    const status = completeStatus(undefined);
    if (registered)
      status.goodCredentials = { credentials: { name: 'bmc', namespace: 'lab' }, credentialsVersion: '1' };
    return await this.store.updateStatus(BARE_METAL_HOST, { ...made, status });
  }

  firmware(name = 'node-0') {
    return reconcileFirmware(this.doors, key(name), signal);
  }

  subscription(name = 'sub') {
    return reconcileSubscription(this.doors, key(name), signal);
  }

  wish(settings: Record<string, number | string>) {
    return this.store.patch(HOST_FIRMWARE_SETTINGS, key(), { spec: { settings } });
  }
}

function part(component: string, version: string): FirmwareComponent {
  return { component, name: component, version, updateable: true, target: '' };
}

const condition = (object: { status?: { conditions?: { type: string }[] } }, type: string) =>
  object.status?.conditions?.find((c) => c.type === type);

test('settings of a registered host are shown, without passwords, beside what may be set', async () => {
  const bed = new Bed();
  const host = await bed.host();
  assert.deepEqual(await bed.firmware(), { requeueMs: 300_000 });
  const settings = await bed.store.get(HOST_FIRMWARE_SETTINGS, key());
  assert.deepEqual(settings.status?.settings, { Cores: '4', Hyper: 'Off' });
  assert.equal(settings.metadata.ownerReferences?.[0]?.uid, host.metadata.uid);
  assert.equal(settings.metadata.ownerReferences?.[0]?.controller, undefined);
  const schema = await bed.store.get(FIRMWARE_SCHEMA, settings.status.schema!);
  assert.match(schema.metadata.name, /^schema-[0-9a-f]{8}$/);
  assert.deepEqual(schema.spec.schema['Cores'], { attribute_type: 'Integer', lower_bound: 1, upper_bound: 64 });
  assert.equal(schema.spec.schema['AdminPassword'], undefined);
  assert.partialDeepStrictEqual(condition(settings, 'ChangeDetected'), { status: 'False', observedGeneration: 1 });
});

test('machines of one kind share their schema; what has not changed is not written again', async () => {
  const bed = new Bed();
  await bed.host('node-0');
  await bed.host('node-1');
  await bed.firmware('node-0');
  await bed.firmware('node-1');
  const schemas = await bed.store.list(FIRMWARE_SCHEMA);
  assert.equal(schemas.length, 1);
  assert.equal(schemas[0]?.metadata.ownerReferences?.length, 2);
  const before = await bed.store.get(HOST_FIRMWARE_SETTINGS, key());
  await bed.clock.advance(60_000);
  await bed.firmware();
  const after = await bed.store.get(HOST_FIRMWARE_SETTINGS, key());
  assert.equal(after.metadata.resourceVersion, before.metadata.resourceVersion);
});

test('a wish is a change that is detected, and valid only if the machine knows it', async () => {
  const bed = new Bed();
  await bed.host();
  await bed.firmware();
  await bed.wish({ Hyper: 'On', Cores: 8 });
  assert.deepEqual(await bed.firmware(), { requeueMs: 60_000 });
  const good = await bed.store.get(HOST_FIRMWARE_SETTINGS, key());
  assert.partialDeepStrictEqual(condition(good, 'ChangeDetected'), {
    status: 'True',
    reason: 'Success',
    observedGeneration: good.metadata.generation!,
  });
  assert.partialDeepStrictEqual(condition(good, 'Valid'), { status: 'True', reason: 'Success' });
  for (const [settings, problem] of [
    [{ Hyper: 'Maybe' }, /Hyper is "Maybe", allowed are On, Off/],
    [{ Cores: 65 }, /Cores is 65, at most 64/],
    [{ Cores: 'many' }, /whole number/],
    [{ Serial: 'x' }, /read-only/],
    [{ Nonsense: 1 }, /Nonsense is not a setting/],
    [{ AdminPassword: 'x' }, /password/],
  ] as const) {
    await bed.store.patch(HOST_FIRMWARE_SETTINGS, key(), { spec: { settings: null } }).catch(() => {});
    const { spec, ...rest } = await bed.store.get(HOST_FIRMWARE_SETTINGS, key());
    void spec;
    await bed.store.update(HOST_FIRMWARE_SETTINGS, { ...rest, spec: { settings } });
    await bed.firmware();
    const bad = condition(await bed.store.get(HOST_FIRMWARE_SETTINGS, key()), 'Valid') as { message?: string };
    assert.partialDeepStrictEqual(bad, { status: 'False', reason: 'ConfigurationError' });
    assert.match(bad.message ?? '', problem);
  }
});

test('components are those that Metal3 updates; a version that changes is remembered', async () => {
  const bed = new Bed();
  await bed.host();
  await bed.firmware();
  const first = await bed.store.get(HOST_FIRMWARE_COMPONENTS, key());
  assert.deepEqual(first.status?.components, [
    { component: 'bios', initialVersion: '1.0', currentVersion: '1.0' },
    { component: 'bmc', initialVersion: '6.10', currentVersion: '6.10' },
  ]);
  bed.components = [part('bios', '1.1'), part('bmc', '6.10')];
  const updates = [
    { component: 'bios', url: 'http://192.0.2.9/b' },
    { component: 'gpu', url: 'http://192.0.2.9/g' },
  ];
  await bed.store.patch(HOST_FIRMWARE_COMPONENTS, key(), { spec: { updates } });
  await bed.firmware();
  const then = await bed.store.get(HOST_FIRMWARE_COMPONENTS, key());
  assert.partialDeepStrictEqual(then.status?.components?.[0], {
    initialVersion: '1.0',
    currentVersion: '1.1',
    lastVersionFlashed: '1.1',
  });
  assert.partialDeepStrictEqual(condition(then, 'ChangeDetected'), { status: 'True' });
  assert.partialDeepStrictEqual(condition(then, 'Valid'), { status: 'False', reason: 'InvalidComponent' });
});

test('hosts that are not registered or left alone are not asked; one that does not answer is asked again soon', async () => {
  const bed = new Bed();
  await bed.host('new', false);
  assert.deepEqual(await bed.firmware('new'), { requeueMs: undefined });
  assert.equal((await bed.store.list(HOST_FIRMWARE_SETTINGS)).length, 0);
  await bed.host();
  bed.capabilities.bios!.state = () => Promise.reject(bmcErrors.make('BMC_UNREACHABLE', 'silent'));
  assert.deepEqual(await bed.firmware(), { requeueMs: 30_000 });
  bed.capabilities.bios!.state = () => Promise.reject(bmcErrors.make('BMC_UNSUPPORTED', 'no BIOS'));
  assert.deepEqual(await bed.firmware(), { requeueMs: 300_000 });
  bed.capabilities = {};
  assert.deepEqual(await bed.firmware(), { requeueMs: undefined });
});

test('an event subscription lives on the BMC as long as its object; headers come from the Secret', async () => {
  const bed = new Bed();
  await bed.host();
  await bed.store.create(SECRET, {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: key('headers'),
    data: { Authorization: Buffer.from('Bearer x').toString('base64') },
  });
  await bed.store.create(BMC_EVENT_SUBSCRIPTION, {
    apiVersion: 'metal3.io/v1alpha1',
    kind: 'BMCEventSubscription',
    metadata: key('sub'),
    spec: {
      hostName: 'node-0',
      destination: 'https://192.0.2.7/events',
      context: 'c',
      httpHeadersRef: { name: 'headers' },
    },
  });
  assert.deepEqual(await bed.subscription(), { requeueMs: 0 });
  assert.deepEqual(await bed.subscription(), { requeueMs: undefined });
  const object = await bed.store.get(BMC_EVENT_SUBSCRIPTION, key('sub'));
  assert.deepEqual(object.status, { subscriptionID: '/subs/1' });
  assert.deepEqual(bed.subscriptions.get('/subs/1'), {
    destination: 'https://192.0.2.7/events',
    context: 'c',
    headers: { Authorization: 'Bearer x' },
  });
  assert.deepEqual(await bed.subscription(), { requeueMs: undefined });
  assert.equal(bed.subscriptions.size, 1);
  await bed.store.delete(BMC_EVENT_SUBSCRIPTION, key('sub'));
  await bed.subscription();
  assert.equal(bed.subscriptions.size, 0);
  assert.deepEqual(await bed.store.list(BMC_EVENT_SUBSCRIPTION), []);
});

test('what keeps an event subscription from being made is in its status', async () => {
  const bed = new Bed();
  const make = (name: string, spec: object) =>
    bed.store.create(BMC_EVENT_SUBSCRIPTION, {
      apiVersion: 'metal3.io/v1alpha1',
      kind: 'BMCEventSubscription',
      metadata: { ...key(name), finalizers: ['bmceventsubscription.metal3.io'] },
      spec,
    });
  await bed.host();
  await make('a', { hostName: 'missing', destination: 'https://192.0.2.7/' });
  assert.deepEqual(await bed.subscription('a'), { requeueMs: 600_000 });
  await make('b', { hostName: 'node-0', destination: 'ftp://192.0.2.7/' });
  await bed.subscription('b');
  await make('c', { hostName: 'node-0', destination: 'https://192.0.2.7/', httpHeadersRef: { name: 'none' } });
  await bed.subscription('c');
  const errors = await Promise.all(
    ['a', 'b', 'c'].map(async (n) => (await bed.store.get(BMC_EVENT_SUBSCRIPTION, key(n))).status?.error ?? ''),
  );
  assert.match(errors[0] ?? '', /"missing" does not exist/);
  assert.match(errors[1] ?? '', /spec\.destination/);
  assert.match(errors[2] ?? '', /Secret "none"/);
});

suite('a data image', () => {
  const URL = 'http://192.0.2.9/data.iso';
  const pass = (bed: Bed) => reconcileDataImage(bed.doors, key(), signal);
  const get = (bed: Bed) => bed.store.get(DATA_IMAGE, key());

  async function withImage(state: ProvisioningState = 'provisioned', attached?: string) {
    const bed = new Bed();
    const host = await bed.host();
    await bed.store.patchStatus(BARE_METAL_HOST, key(), { status: { provisioning: { state } } });
    await bed.store.create(DATA_IMAGE, {
      apiVersion: 'metal3.io/v1alpha1',
      kind: 'DataImage',
      metadata: key(),
      spec: { url: URL },
    });
    await pass(bed);
    if (attached !== undefined) {
      await bed.store.updateStatus(DATA_IMAGE, { ...(await get(bed)), status: { attachedImage: { url: attached } } });
    }
    return { bed, host };
  }

  test('is claimed for its host; one that was never attached goes at once', async () => {
    const { bed, host } = await withImage();
    const claimed = await get(bed);
    assert.deepEqual(claimed.metadata.finalizers, ['dataimage.metal3.io']);
    assert.equal(claimed.metadata.ownerReferences?.[0]?.uid, host.metadata.uid);
    await bed.store.delete(DATA_IMAGE, key());
    await pass(bed);
    assert.deepEqual(await bed.store.list(DATA_IMAGE), []);
  });

  test('is kept while its medium is in a machine that runs its OS, and goes when the BMC shows none', async () => {
    const { bed } = await withImage('provisioned', URL);
    bed.slots = [{ id: 'cd', name: 'Cd', kinds: ['cd'], inserted: true, image: URL }];
    await bed.store.delete(DATA_IMAGE, key());
    assert.deepEqual(await pass(bed), { requeueMs: 60_000 });
    assert.notEqual((await get(bed)).metadata.deletionTimestamp, undefined);
    assert.deepEqual(bed.ejected, []);
    bed.slots = [{ id: 'cd', name: 'Cd', kinds: ['cd'], inserted: true, image: 'http://192.0.2.9/ramdisk.iso' }];
    await pass(bed);
    assert.deepEqual(await bed.store.list(DATA_IMAGE), []);
  });

  test('is taken out at once of a machine that runs nothing', async () => {
    const { bed } = await withImage('available', URL);
    bed.slots = [{ id: 'cd', name: 'Cd', kinds: ['cd'], inserted: true, image: URL }];
    await bed.store.delete(DATA_IMAGE, key());
    await pass(bed);
    assert.deepEqual(bed.ejected, ['cd']);
    assert.deepEqual(await bed.store.list(DATA_IMAGE), []);
  });

  test('a BMC that does not answer is noted and asked again; without its host, or detached, nothing is waited for', async () => {
    const { bed } = await withImage('provisioned', URL);
    bed.capabilities.media!.slots = () => Promise.reject(bmcErrors.make('BMC_UNREACHABLE', 'silent'));
    await bed.store.delete(DATA_IMAGE, key());
    assert.deepEqual(await pass(bed), { requeueMs: 60_000 });
    assert.equal((await get(bed)).status?.error?.count, 1);
    await bed.store.patch(BARE_METAL_HOST, key(), { metadata: { annotations: { [PAUSED_ANNOTATION]: '' } } });
    assert.deepEqual(await pass(bed), { requeueMs: undefined }, 'paused: left alone');
    await bed.store.patch(BARE_METAL_HOST, key(), {
      metadata: { annotations: { [PAUSED_ANNOTATION]: null, [DETACHED_ANNOTATION]: '' } },
    });
    await pass(bed);
    assert.deepEqual(await bed.store.list(DATA_IMAGE), []);
  });

  test('of a host that is gone is let go', async () => {
    const { bed } = await withImage('provisioned', URL);
    await bed.store.delete(BARE_METAL_HOST, key());
    await pass(bed);
    assert.deepEqual((await bed.store.list(DATA_IMAGE))[0]?.metadata.finalizers ?? [], []);
  });
});

test('a HostUpdatePolicy goes with its host; one that was there first is claimed when the host comes', async () => {
  const bed = new Bed();
  const pass = () => reconcileUpdatePolicy(bed.doors, key());
  await bed.store.create(HOST_UPDATE_POLICY, {
    apiVersion: 'metal3.io/v1alpha1',
    kind: 'HostUpdatePolicy',
    metadata: key(),
    spec: { firmwareSettings: 'onReboot' },
  });
  await pass();
  const host = await bed.host();
  await pass();
  const claimed = await bed.store.get(HOST_UPDATE_POLICY, key());
  assert.partialDeepStrictEqual(claimed.metadata.ownerReferences, [{ uid: host.metadata.uid!, kind: 'BareMetalHost' }]);
  await pass();
  const { resourceVersion } = (await bed.store.get(HOST_UPDATE_POLICY, key())).metadata;
  assert.equal(resourceVersion, claimed.metadata.resourceVersion);
});

test('a deleted Secret that only our finalizer keeps is let go, unless a host still names it', async () => {
  const bed = new Bed();
  await bed.host();
  const make = async (name: string, finalizers: string[]) => {
    await bed.store.create(SECRET, { apiVersion: 'v1', kind: 'Secret', metadata: { ...key(name), finalizers } });
    await bed.store.delete(SECRET, key(name));
    return await reconcileDeletedSecret(bed.doors, key(name));
  };
  const names = async () => (await bed.store.list(SECRET)).map((s) => s.metadata.name);
  assert.deepEqual(await make('left', [SECRET_FINALIZER]), { requeueMs: undefined });
  assert.deepEqual(await names(), []);
  assert.deepEqual(await make('bmc', [SECRET_FINALIZER]), { requeueMs: 60_000 }, 'the host’s credentials');
  await make('theirs', ['else']);
  assert.deepEqual((await names()).toSorted(), ['bmc', 'theirs']);
});
