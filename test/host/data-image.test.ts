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
  const reboot = async (lab: HostLab) => {
    await lab.annotate({ [REBOOT_ANNOTATION]: '{"mode":"hard"}' });
    await lab.settle();
  };
  const changes = (lab: HostLab) => lab.provisioner.of('dataImage').map((c) => c.options);
  const image = (lab: HostLab) => lab.store.get(DATA_IMAGE, KEY);

  test('goes in at the next power on, and only then; the BMC is asked again each time', async () => {
    const lab = await deployed();
    await lab.settle();
    assert.equal(lab.provisioner.of('dataImage').length, 0);
    await reboot(lab);
    assert.deepEqual(changes(lab)[0], { attached: undefined, url: URL });
    const ops = lab.provisioner.ops();
    assert.ok(ops.indexOf('dataImage') < ops.lastIndexOf('powerOn'));
    assert.partialDeepStrictEqual((await image(lab)).status, {
      attachedImage: { url: URL },
      error: { count: 0, message: '' },
    });
    const asked = changes(lab).length;
    const { resourceVersion } = (await image(lab)).metadata;
    await reboot(lab);
    assert.deepEqual(changes(lab)[asked], { attached: URL, url: URL });
    assert.equal((await image(lab)).metadata.resourceVersion, resourceVersion, 'nothing to note');
  });

  test('a medium that cannot be inserted keeps the machine off, and says why, until it can', async () => {
    const lab = await deployed();
    lab.provisioner.fail('dataImage', 'no slot took the image', 2);
    await lab.annotate({ [REBOOT_ANNOTATION]: '' });
    await lab.until((host) => host?.status?.poweredOn === false);
    const waits: (number | undefined)[] = [];
    while (waits.length < 2) {
      const { requeueMs } = await lab.pass();
      if (lab.provisioner.of('dataImage').length > waits.length) waits.push(requeueMs);
      else await lab.clock.advance(requeueMs ?? 0);
    }
    // The backoff of failures, in minutes; never below half a minute.
    assert.ok((waits[0] ?? 0) > 30_000 && (waits[1] ?? 0) > 60_000, String(waits));
    const { status } = await image(lab);
    assert.equal(status?.error?.count, 2);
    assert.match(status.error.message, /no slot took the image/);
    const host = await lab.status();
    assert.equal(host.poweredOn, false);
    assert.equal(host.errorType, undefined, 'it is the error of the DataImage, not of the host');
    const progressing = host.conditions?.find((c) => c.type === 'Progressing');
    assert.match(progressing?.message ?? '', /DataImage.*no slot took the image/);
    await lab.settle();
    assert.equal((await lab.status()).poweredOn, true);
    assert.deepEqual((await image(lab)).status?.error, { count: 0, message: '' });
  });

  test('another URL takes its place; a deleted one is taken out; both at a power on', async () => {
    const lab = await deployed();
    await reboot(lab);
    const other = `${URL}.2`;
    await lab.store.patch(DATA_IMAGE, KEY, { spec: { url: other }, metadata: { finalizers: ['dataimage.metal3.io'] } });
    await lab.settle();
    const before = changes(lab).length;
    await reboot(lab);
    assert.deepEqual(changes(lab)[before], { attached: URL, url: other });
    await lab.store.delete(DATA_IMAGE, KEY);
    await lab.settle();
    assert.equal((await image(lab)).status?.attachedImage?.url, other, 'not while the machine runs');
    await reboot(lab);
    assert.deepEqual(changes(lab).at(-1), { attached: other, url: undefined });
    assert.equal((await image(lab)).status?.attachedImage, undefined);
  });

  test('a machine that is wished off is not asked about its medium before it is wished on', async () => {
    const lab = await deployed();
    await lab.edit({ online: false });
    await lab.settle();
    assert.equal(lab.provisioner.of('dataImage').length, 0);
    await lab.edit({ online: true });
    await lab.settle();
    assert.equal((await image(lab)).status?.attachedImage?.url, URL);
  });
});
