/** The condition Healthy of a host: whose BMC is asked, and when its word is taken over. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { DETACHED_ANNOTATION } from '../../src/api/annotations.ts';
import { HostLab, IMAGE } from '../support/host-lab.ts';

const healthy = async (lab: HostLab) => {
  const { status, reason, message } = (await lab.status()).conditions?.find((c) => c.type === 'Healthy') ?? {};
  return [status, reason, message];
};

suite('condition Healthy', () => {
  test('follows what the BMC says, and keeps it while nothing is heard', async () => {
    const lab = new HostLab();
    lab.provisioner.healthReport = { health: 'ok', parts: [] };
    await lab.ready({ image: IMAGE });
    assert.deepEqual(await healthy(lab), ['True', 'Healthy', '']);
    lab.provisioner.healthReport = { health: 'critical', parts: ['PSU 1 (critical)'] };
    await lab.pass();
    assert.deepEqual(await healthy(lab), ['False', 'CriticalError', 'PSU 1 (critical)']);
    lab.provisioner.healthReport = undefined;
    await lab.restart();
    await lab.pass();
    assert.deepEqual(await healthy(lab), ['False', 'CriticalError', 'PSU 1 (critical)']);
    const { resourceVersion } = (await lab.get()).metadata;
    await lab.pass();
    assert.equal((await lab.get()).metadata.resourceVersion, resourceVersion, 'nothing new, nothing written');
  });

  test('is not asked of a BMC that refuses us, of a detached host, or of one on its way out', async () => {
    const lab = new HostLab();
    lab.provisioner.fail('register', 'wrong password');
    await lab.secret();
    await lab.host();
    await lab.until((host) => host?.status?.errorType === 'registration error');
    assert.deepEqual(lab.provisioner.healthAsked, []);
    assert.deepEqual((await healthy(lab)).slice(0, 2), ['Unknown', 'Unknown']);
    await lab.until((host) => host?.status?.provisioning.state === 'available');
    assert.notEqual(lab.provisioner.healthAsked.length, 0);
    await lab.annotate({ [DETACHED_ANNOTATION]: '' });
    await lab.until((host) => host?.status?.operationalStatus === 'detached');
    const asked = lab.provisioner.healthAsked.length;
    await lab.pass();
    assert.equal(lab.provisioner.healthAsked.length, asked);
    await lab.remove();
    await lab.until((host) => host === undefined);
    assert.equal(lab.provisioner.healthAsked.length, asked);
  });
});
