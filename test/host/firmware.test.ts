/** BIOS settings and firmware of an available host, from the wish to its note in the status (metal3-compat §2.14). */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { HOST_FIRMWARE_COMPONENTS, HOST_FIRMWARE_SETTINGS } from '../../src/api/resources.ts';
import { wishSettings, wishUpdates } from '../support/firmware-wish.ts';
import { HostLab, KEY } from '../support/host-lab.ts';

suite('firmware of an available host', () => {
  test('a valid change leads through preparing with all that is wished for, and is noted', async () => {
    const lab = new HostLab();
    await lab.ready();
    await wishSettings(lab);
    await lab.settle();
    assert.deepEqual(lab.states().slice(-3), ['available', 'preparing', 'available']);
    assert.deepEqual(lab.provisioner.of('prepare').at(-1)?.options, {
      restart: false,
      firmware: { settings: { Hyper: 'On', Cores: 4 }, updates: [] },
    });
    const { status } = await lab.store.get(HOST_FIRMWARE_SETTINGS, KEY);
    assert.deepEqual(status?.settings, { Hyper: 'On', Cores: '4' });
    assert.equal(status.conditions?.find((c) => c.type === 'ChangeDetected')?.status, 'False');
    const passes = lab.provisioner.of('prepare').length;
    await lab.settle();
    assert.equal(lab.provisioner.of('prepare').length, passes, 'not again');
  });

  test('a change that is not valid, or that no controller has looked at, changes nothing', async () => {
    for (const options of [{ valid: false }, { lookedAt: false }]) {
      const lab = new HostLab();
      await lab.ready();
      const passes = lab.provisioner.of('prepare').length;
      await wishSettings(lab, options);
      await lab.settle();
      assert.equal(lab.provisioner.of('prepare').length, passes);
    }
  });

  test('updates are noted when they are done, and forgotten when they fail, so that they are tried again', async () => {
    const lab = new HostLab();
    await lab.ready();
    const updates = [{ component: 'bios', url: 'http://192.0.2.9/b' }];
    await wishUpdates(lab, updates);
    lab.provisioner.fail('prepare', 'bios: the image is not for this machine');
    await lab.until((host) => host?.status?.errorType === 'preparation error');
    const failed = await lab.store.get(HOST_FIRMWARE_COMPONENTS, KEY);
    assert.deepEqual(failed.status?.updates ?? [], []);
    await lab.until((host) => host?.status?.provisioning.state === 'available' && host.status.errorCount === 0);
    const done = await lab.store.get(HOST_FIRMWARE_COMPONENTS, KEY);
    assert.deepEqual(done.status?.updates, updates);
  });
});
