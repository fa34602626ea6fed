import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { REBOOT_ANNOTATION } from '../../src/api/annotations.ts';
import { DATA_IMAGE } from '../../src/api/resources.ts';
import { HostLab, IMAGE, KEY } from '../support/host-lab.ts';

const URL = 'http://192.0.2.9/data.iso';

async function deployed(): Promise<HostLab> {
  const lab = new HostLab();
  await lab.ready({ image: IMAGE });
  await lab.until((host) => host?.status?.provisioning.state === 'provisioned' && host.status.poweredOn);
  await lab.store.create(DATA_IMAGE, {
    apiVersion: 'metal3.io/v1alpha1',
    kind: 'DataImage',
    metadata: { ...KEY },
    spec: { url: URL },
  });
  return lab;
}

suite('DataImage (metal3-compat §1.9)', () => {
  test('goes in at the next power on, and only then; the same image is not inserted twice', async () => {
    const lab = await deployed();
    await lab.settle();
    assert.equal(lab.provisioner.of('dataImage').length, 0);
    for (let i = 0; i < 2; i++) {
      await lab.annotate({ [REBOOT_ANNOTATION]: '{"mode":"hard"}' });
      await lab.settle();
    }
    assert.deepEqual(
      lab.provisioner.of('dataImage').map((c) => c.options),
      [{ attached: undefined, url: URL }],
    );
    const ops = lab.provisioner.ops();
    assert.ok(ops.indexOf('dataImage') < ops.lastIndexOf('powerOn'));
    assert.deepEqual((await lab.store.get(DATA_IMAGE, KEY)).status?.attachedImage, { url: URL });
  });

  test('a medium that cannot be inserted is noted and does not keep the machine off', async () => {
    const lab = await deployed();
    lab.provisioner.fail('dataImage', 'no slot took the image');
    await lab.annotate({ [REBOOT_ANNOTATION]: '' });
    await lab.settle();
    const { status } = await lab.store.get(DATA_IMAGE, KEY);
    assert.equal(status?.error?.count, 1);
    assert.match(status.error.message, /no slot took the image/);
    assert.equal((await lab.status()).poweredOn, true);
    assert.equal((await lab.status()).errorType, undefined);
  });
});
