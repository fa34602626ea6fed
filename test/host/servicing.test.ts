/** Firmware of a machine that has an OS, changed at its reboot (metal3-compat §2.13). */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { REBOOT_ANNOTATION } from '../../src/api/annotations.ts';
import { HOST_FIRMWARE_COMPONENTS, HOST_FIRMWARE_SETTINGS } from '../../src/api/resources.ts';
import { lookAtSettings, policy, wishSettings, wishUpdates } from '../support/firmware-wish.ts';
import { HostLab, IMAGE, KEY } from '../support/host-lab.ts';

const HELD = `${REBOOT_ANNOTATION}/someone`;
const BIOS = { component: 'bios', url: 'http://192.0.2.9/b' };
const SETTINGS = { settings: { Hyper: 'On', Cores: 4 }, updates: [] };
const NOTHING = { settings: {}, updates: [] };

async function deployed(spec: object = { image: IMAGE }): Promise<HostLab> {
  const lab = new HostLab();
  await lab.ready(spec);
  await lab.until((host) => host?.status?.provisioning.state.endsWith('provisioned') === true && host.status.poweredOn);
  lab.trace.length = 0;
  return lab;
}

const wishes = (lab: HostLab) => lab.provisioner.of('service').map((c) => (c.options as { firmware: object }).firmware);
const reboot = (lab: HostLab) => lab.annotate({ [REBOOT_ANNOTATION]: '' });

suite('servicing', () => {
  for (const state of ['provisioned', 'externally provisioned']) {
    test(`${state}: settings are applied at the reboot, between off and on`, async () => {
      const lab = await deployed(state === 'provisioned' ? { image: IMAGE } : { externallyProvisioned: true });
      await policy(lab, { firmwareSettings: 'onReboot' });
      await wishSettings(lab);
      lab.provisioner.work.service = 3;
      const power = lab.watchPower();
      await lab.settle();
      assert.deepEqual(lab.trace, [`${state}/OK`], 'nothing happens before somebody reboots it');
      await reboot(lab);
      await lab.settle();
      assert.deepEqual(lab.trace, [`${state}/OK`, `${state}/servicing`, `${state}/OK`]);
      assert.deepEqual(power, [false, true]);
      assert.deepEqual(wishes(lab), [SETTINGS, SETTINGS, SETTINGS, SETTINGS]);
      const ops = lab.provisioner.ops();
      assert.ok(ops.indexOf('powerOff') < ops.indexOf('service'));
      assert.ok(ops.lastIndexOf('service') < ops.lastIndexOf('powerOn'));
      const settings = await lab.store.get(HOST_FIRMWARE_SETTINGS, KEY);
      assert.equal(settings.status?.settings['Hyper'], 'On');
      await reboot(lab);
      await lab.settle();
      assert.equal(wishes(lab).length, 4, 'applied once');
    });
  }

  test('switched off and on by spec.online it is serviced too, and says so', async () => {
    const lab = await deployed();
    await policy(lab, { firmwareSettings: 'onReboot' });
    await wishSettings(lab);
    await lab.edit({ online: false });
    await lab.settle();
    assert.equal(wishes(lab).length, 0);
    lab.provisioner.held.add('service');
    await lab.edit({ online: true });
    await lab.until((host) => host?.status?.operationalStatus === 'servicing');
    for (let i = 0; i < 3; i++) await lab.pass();
    const ready = (await lab.status()).conditions?.find((c) => c.type === 'Ready');
    assert.partialDeepStrictEqual(ready, { status: 'False', reason: 'Servicing' });
    lab.provisioner.held.delete('service');
    await lab.settle();
    assert.equal((await lab.status()).poweredOn, true);
  });

  for (const [name, spec] of [
    ['without a policy', undefined],
    ['with onPreparing', { firmwareSettings: 'onPreparing', firmwareUpdates: 'onPreparing' }],
    ['with a policy for the other kind', { firmwareUpdates: 'onReboot' }],
  ] as const) {
    test(`${name} a change of settings waits for the next preparation`, async () => {
      const lab = await deployed();
      if (spec !== undefined) await policy(lab, spec);
      await wishSettings(lab);
      await reboot(lab);
      await lab.settle();
      assert.deepEqual(wishes(lab), []);
      assert.equal((await lab.status()).poweredOn, true);
    });
  }

  test('only updates that were not flashed yet; noted when they are', async () => {
    const lab = await deployed();
    const bmc = { component: 'bmc', url: 'http://192.0.2.9/a' };
    await policy(lab, { firmwareSettings: 'onPreparing', firmwareUpdates: 'onReboot' });
    await wishSettings(lab);
    await wishUpdates(lab, [bmc, BIOS], [bmc]);
    await reboot(lab);
    await lab.settle();
    assert.deepEqual(wishes(lab), [{ settings: {}, updates: [BIOS] }]);
    const { status } = await lab.store.get(HOST_FIRMWARE_COMPONENTS, KEY);
    assert.deepEqual(status?.updates, [bmc, BIOS]);
  });

  test('a failure is a servicing error: the machine stays off, everything is tried again after the backoff', async () => {
    const lab = await deployed();
    await policy(lab, { firmwareUpdates: 'onReboot' });
    await wishUpdates(lab, [BIOS], [{ component: 'bmc', url: 'http://192.0.2.9/a' }]);
    lab.provisioner.fail('service', 'bios: the image is not signed');
    await reboot(lab);
    await lab.until((host) => host?.status?.errorType === 'servicing error');
    const failed = await lab.status();
    assert.equal(failed.operationalStatus, 'error');
    assert.match(failed.errorMessage, /not signed/);
    assert.equal(failed.poweredOn, false);
    assert.equal(failed.errorCount, 1);
    assert.equal((await lab.events('ServicingError')).length, 1);
    assert.deepEqual((await lab.store.get(HOST_FIRMWARE_COMPONENTS, KEY)).status?.updates, []);
    await lab.until((host) => host?.status?.poweredOn === true && host.status.operationalStatus === 'OK');
    assert.partialDeepStrictEqual(lab.provisioner.of('service').at(-1), { options: { restart: true } });
    assert.deepEqual(
      lab.trace,
      ['OK', 'servicing', 'error', 'servicing', 'OK'].map((s) => `provisioned/${s}`),
    );
    await lab.settle();
    assert.equal((await lab.status()).errorCount, 0);
  });

  test('a failure after the machine has started leaves its OS alone until somebody reboots it', async () => {
    const lab = await deployed();
    await policy(lab, { firmwareSettings: 'onReboot' });
    await wishSettings(lab);
    lab.provisioner.held.add('service');
    await reboot(lab);
    await lab.until((host) => host?.status?.operationalStatus === 'servicing');
    lab.provisioner.power.set('lab/node-0', true);
    await lab.pass();
    lab.provisioner.held.delete('service');
    lab.provisioner.fail('service', 'BIOS settings not in force');
    await lab.until((host) => host?.status?.errorType === 'servicing error');
    assert.match((await lab.status()).errorMessage, /not in force .*at its next reboot$/);
    lab.trace.length = 0;
    const power = lab.watchPower();
    await lab.settle();
    await lab.clock.advance(3_600_000);
    await lab.settle();
    assert.deepEqual(lab.trace, ['provisioned/error'], 'no flicker');
    assert.deepEqual(power, []);
    await reboot(lab);
    await lab.until((host) => host?.status?.operationalStatus === 'OK' && host.status.poweredOn);
    assert.deepEqual(power, [false, true]);
    assert.partialDeepStrictEqual(lab.provisioner.of('powerOff').at(-1), { options: { mode: 'soft' } });
    assert.equal((await lab.store.get(HOST_FIRMWARE_SETTINGS, KEY)).status?.settings['Hyper'], 'On');
  });

  test('the wish put back ends a servicing that fails: the machine is switched on as it is', async () => {
    const lab = await deployed();
    await policy(lab, { firmwareSettings: 'onReboot' });
    await wishSettings(lab);
    lab.provisioner.failAlways('service', 'BIOS settings not in force');
    await reboot(lab);
    await lab.until((host) => host?.status?.errorType === 'servicing error');
    const held = await lab.store.get(HOST_FIRMWARE_SETTINGS, KEY);
    await lab.store.update(HOST_FIRMWARE_SETTINGS, { ...held, spec: { settings: {} } });
    await lookAtSettings(lab);
    lab.provisioner.heal('service');
    await lab.until((host) => host?.status?.operationalStatus === 'OK' && host.status.poweredOn);
    assert.deepEqual(wishes(lab).at(-1), NOTHING);
    assert.equal((await lab.status()).errorMessage, '');
  });

  test('held off by an annotation it is not serviced: the machine must not start', async () => {
    const lab = await deployed();
    await policy(lab, { firmwareSettings: 'onReboot' });
    await wishSettings(lab);
    await lab.annotate({ [HELD]: '{"mode":"hard"}' });
    await lab.settle();
    assert.equal((await lab.status()).poweredOn, false);
    assert.deepEqual(wishes(lab), []);
    await lab.annotate({ [HELD]: null });
    await lab.settle();
    assert.deepEqual(wishes(lab), [SETTINGS]);
    assert.equal((await lab.status()).poweredOn, true);
  });

  test('a wish that no controller has looked at keeps the machine off until one has', async () => {
    const lab = await deployed();
    await policy(lab, { firmwareSettings: 'onReboot' });
    await wishSettings(lab, { lookedAt: false });
    await reboot(lab);
    await lab.until((host) => host?.status?.poweredOn === false);
    for (let i = 0; i < 5; i++) await lab.clock.advance((await lab.pass()).requeueMs ?? 0);
    assert.equal((await lab.status()).poweredOn, false);
    assert.deepEqual(wishes(lab), []);
    await lookAtSettings(lab);
    await lab.settle();
    assert.deepEqual(wishes(lab), [SETTINGS]);
    assert.equal((await lab.status()).poweredOn, true);
  });

  test('a BMC that is silent meanwhile is a servicing error, and the servicing goes on', async () => {
    const lab = await deployed();
    await policy(lab, { firmwareSettings: 'onReboot' });
    await wishSettings(lab);
    lab.provisioner.held.add('service');
    await reboot(lab);
    await lab.until((host) => host?.status?.operationalStatus === 'servicing');
    await lab.pass();
    // Started by the servicing itself: from here on nothing but its error says that it is not over.
    lab.provisioner.power.set('lab/node-0', true);
    await lab.pass();
    lab.provisioner.fail('powerState', 'no answer');
    await lab.until((host) => host?.status?.errorType === 'servicing error');
    lab.provisioner.held.delete('service');
    await lab.settle();
    await lab.until((host) => host?.status?.operationalStatus === 'OK');
    assert.equal((await lab.store.get(HOST_FIRMWARE_SETTINGS, KEY)).status?.settings['Hyper'], 'On');
  });

  test('an image taken away meanwhile: what the BMC is at comes to its end first', async () => {
    const lab = await deployed();
    await policy(lab, { firmwareUpdates: 'onReboot' });
    await wishUpdates(lab, [BIOS]);
    lab.provisioner.held.add('service');
    await reboot(lab);
    await lab.until((host) => host?.status?.operationalStatus === 'servicing');
    await lab.edit({ image: null });
    for (let i = 0; i < 4; i++) await lab.pass();
    assert.equal((await lab.status()).provisioning.state, 'provisioned');
    assert.deepEqual(wishes(lab).at(-1), NOTHING);
    lab.provisioner.held.delete('service');
    await lab.until((host) => host?.status?.provisioning.state === 'available');
    assert.ok(!lab.trace.includes('deprovisioning/servicing'), lab.trace.join(' '));
  });

  test('the engine dies after any pass: the same end, nothing done twice', async () => {
    for (let dies = 1; dies < 14; dies++) {
      const lab = await deployed();
      await policy(lab, { firmwareSettings: 'onReboot' });
      await wishSettings(lab);
      lab.provisioner.work.service = 2;
      await reboot(lab);
      for (let i = 0; i < dies; i++) await lab.clock.advance((await lab.pass()).requeueMs ?? 0);
      await lab.restart();
      await lab.settle();
      const at = `died after pass ${dies}`;
      assert.equal((await lab.status()).operationalStatus, 'OK', at);
      assert.equal((await lab.status()).poweredOn, true, at);
      assert.equal((await lab.store.get(HOST_FIRMWARE_SETTINGS, KEY)).status?.settings['Hyper'], 'On', at);
      assert.equal(wishes(lab).length, 3, at);
    }
  });
});
