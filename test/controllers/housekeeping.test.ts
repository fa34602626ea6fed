import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SECRET_FINALIZER } from '../../src/api/annotations.ts';
import { HOST_UPDATE_POLICY, SECRET } from '../../src/api/resources.ts';
import { reconcileDeletedSecret } from '../../src/controllers/secret-release.ts';
import { reconcileUpdatePolicy } from '../../src/controllers/update-policy.ts';
import { Bed, key } from '../support/controller-bed.ts';

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
