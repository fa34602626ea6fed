import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BARE_METAL_HOST, BMC_EVENT_SUBSCRIPTION, SECRET } from '../../src/api/resources.ts';
import { bmcErrors } from '../../src/bmc/errors.ts';
import { Bed, key } from '../support/controller-bed.ts';

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
  assert.deepEqual(await bed.subscription(), { requeueMs: 600_000 });
  const object = await bed.store.get(BMC_EVENT_SUBSCRIPTION, key('sub'));
  assert.deepEqual(object.status, { subscriptionID: '/subs/1' });
  assert.deepEqual(bed.subscriptions.get('/subs/1'), {
    destination: 'https://192.0.2.7/events',
    context: 'c',
    headers: { Authorization: 'Bearer x' },
  });
  assert.deepEqual(await bed.subscription(), { requeueMs: 600_000 });
  assert.equal(bed.made, 1, 'it is still there');
  await bed.store.delete(BMC_EVENT_SUBSCRIPTION, key('sub'));
  await bed.subscription();
  assert.equal(bed.subscriptions.size, 0);
  assert.deepEqual(await bed.store.list(BMC_EVENT_SUBSCRIPTION), []);
});

async function subscribed(): Promise<Bed> {
  const bed = new Bed();
  await bed.host();
  await bed.store.create(BMC_EVENT_SUBSCRIPTION, {
    apiVersion: 'metal3.io/v1alpha1',
    kind: 'BMCEventSubscription',
    metadata: { ...key('sub'), finalizers: ['bmceventsubscription.metal3.io'] },
    spec: { hostName: 'node-0', destination: 'https://192.0.2.7/events' },
  });
  await bed.subscription();
  return bed;
}

const statusOf = async (bed: Bed) => (await bed.store.get(BMC_EVENT_SUBSCRIPTION, key('sub'))).status;

test('a BMC that has forgotten an event subscription gets it again; one that is silent is not taken for that', async () => {
  const bed = await subscribed();
  bed.subscriptions.clear();
  await bed.subscription();
  assert.deepEqual(await statusOf(bed), { subscriptionID: '/subs/2' });
  // After its reset the BMC has given the number to somebody else.
  bed.subscriptions.set('/subs/2', { destination: 'https://192.0.2.8/other' });
  await bed.subscription();
  assert.deepEqual(await statusOf(bed), { subscriptionID: '/subs/3' });
  bed.capabilities.events!.subscriptions = () => Promise.reject(bmcErrors.make('BMC_UNREACHABLE', 'silent'));
  assert.deepEqual(await bed.subscription(), { requeueMs: 600_000 });
  assert.deepEqual(await statusOf(bed), { subscriptionID: '/subs/3' });
  assert.equal(bed.made, 3);
});

test('an edited event subscription leaves nothing behind on the BMC', async () => {
  const bed = await subscribed();
  const destination = 'https://192.0.2.9/elsewhere';
  await bed.store.patch(BMC_EVENT_SUBSCRIPTION, key('sub'), { spec: { destination } });
  await bed.subscription();
  assert.deepEqual(
    [...bed.subscriptions].map(([id, s]) => [id, s.destination]),
    [['/subs/2', destination]],
  );
  assert.deepEqual(await statusOf(bed), { subscriptionID: '/subs/2' });
});

test('deleted together with its host it is ended on the BMC all the same', async () => {
  const bed = await subscribed();
  await bed.store.patch(BARE_METAL_HOST, key(), { metadata: { finalizers: ['baremetalhost.metal3.io'] } });
  await bed.store.delete(BARE_METAL_HOST, key());
  await bed.store.delete(BMC_EVENT_SUBSCRIPTION, key('sub'));
  await bed.subscription();
  assert.equal(bed.subscriptions.size, 0);
  assert.deepEqual(await bed.store.list(BMC_EVENT_SUBSCRIPTION), []);
});

test('a dead BMC does not hold up a deleted event subscription for ever', async () => {
  const bed = await subscribed();
  bed.capabilities.events!.unsubscribe = () => Promise.reject(bmcErrors.make('BMC_UNREACHABLE', 'silent'));
  await bed.store.delete(BMC_EVENT_SUBSCRIPTION, key('sub'));
  const { deletionTimestamp } = (await bed.store.get(BMC_EVENT_SUBSCRIPTION, key('sub'))).metadata;
  await bed.clock.advance(Math.max(0, Date.parse(deletionTimestamp ?? '') - bed.clock.now()));
  for (let minute = 0; minute < 10; minute++) {
    assert.deepEqual(await bed.subscription(), { requeueMs: 60_000 });
    assert.match((await statusOf(bed))?.error ?? '', /silent/);
    await bed.clock.advance(60_000);
  }
  await bed.subscription();
  assert.deepEqual(await bed.store.list(BMC_EVENT_SUBSCRIPTION), []);
});

test('an error in the status goes when its cause is gone', async () => {
  const bed = new Bed();
  await bed.host('node-0', false);
  await bed.store.create(BMC_EVENT_SUBSCRIPTION, {
    apiVersion: 'metal3.io/v1alpha1',
    kind: 'BMCEventSubscription',
    metadata: { ...key('sub'), finalizers: ['bmceventsubscription.metal3.io'] },
    spec: { hostName: 'node-0', destination: 'https://192.0.2.7/events' },
  });
  assert.deepEqual(await bed.subscription(), { requeueMs: 30_000 });
  assert.match((await statusOf(bed))?.error ?? '', /not registered/);
  await bed.store.patchStatus(BARE_METAL_HOST, key(), {
    status: { goodCredentials: { credentials: { name: 'bmc' } } },
  });
  await bed.subscription();
  assert.deepEqual(await statusOf(bed), { subscriptionID: '/subs/1' });
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
