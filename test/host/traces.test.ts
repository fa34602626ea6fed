import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { HostLab, KEY } from '../support/host-lab.ts';

const IMAGE = { url: 'http://192.0.2.2/os.qcow2', checksum: 'a'.repeat(64) };
const OTHER = { url: 'http://192.0.2.2/other.raw', checksum: 'b'.repeat(64) };

suite('observable traces (metal3-compat §2.19)', () => {
  test('create, no BMC', async () => {
    const lab = new HostLab();
    await lab.store.create((await import('../../src/api/resources.ts')).BARE_METAL_HOST, {
      apiVersion: 'metal3.io/v1alpha1',
      kind: 'BareMetalHost',
      metadata: KEY,
      spec: { online: false },
    });
    await lab.settle();
    assert.deepEqual(lab.trace, ['unmanaged/discovered']);
    assert.equal((await lab.events('Discovered')).length, 1);
    assert.deepEqual(lab.provisioner.calls, []);
  });

  test('create, good BMC, defaults', async () => {
    const lab = new HostLab();
    const host = await lab.ready();
    assert.deepEqual(lab.trace, ['registering/', 'registering/OK', 'inspecting/OK', 'preparing/OK', 'available/OK']);
    const { status } = host;
    assert.equal(status?.provisioning.bootMode, 'UEFI');
    assert.deepEqual(status?.provisioning.rootDeviceHints, { deviceName: '/dev/sda' });
    assert.equal(status?.hardwareProfile, 'unknown');
    assert.equal(status?.errorCount, 0);
    const reasons = (await lab.events()).map((e) => e.reason).sort();
    assert.deepEqual(reasons, [
      'BMCAccessValidated',
      'InspectionComplete',
      'InspectionStarted',
      'ProfileSet',
      'Registered',
    ]);
  });

  test('create with image and online', async () => {
    const lab = new HostLab();
    const host = await lab.ready({ image: IMAGE });
    assert.deepEqual(lab.states().slice(-3), ['available', 'provisioning', 'provisioned']);
    assert.deepEqual(host.status?.provisioning.image, IMAGE);
    assert.equal(host.status?.poweredOn, true);
  });

  test('image URL changed on provisioned', async () => {
    const lab = new HostLab();
    await lab.ready({ image: IMAGE });
    lab.trace.length = 0;
    await lab.edit({ image: OTHER });
    await lab.settle();
    assert.deepEqual(lab.states(), [
      'deprovisioning',
      'available',
      'preparing',
      'available',
      'provisioning',
      'provisioned',
    ]);
  });

  test('delete provisioned', async () => {
    const lab = new HostLab();
    await lab.ready({ image: IMAGE });
    lab.trace.length = 0;
    await lab.remove();
    await lab.settle();
    assert.deepEqual(lab.states(), ['deprovisioning', 'powering off before delete', 'deleting', 'gone']);
  });
});
