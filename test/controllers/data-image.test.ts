import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { DETACHED_ANNOTATION, PAUSED_ANNOTATION } from '../../src/api/annotations.ts';
import type { ProvisioningState } from '../../src/api/baremetalhost.ts';
import { BARE_METAL_HOST, DATA_IMAGE } from '../../src/api/resources.ts';
import { bmcErrors } from '../../src/bmc/errors.ts';
import { reconcileDataImage } from '../../src/controllers/data-image.ts';
import { Bed, key, signal } from '../support/controller-bed.ts';

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
