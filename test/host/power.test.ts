import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { HostLab, IMAGE } from '../support/host-lab.ts';

suite('power (metal3-compat §2.9)', () => {
  test('online false on an available host: off; true: on again', async () => {
    const lab = new HostLab();
    await lab.ready();
    const seen = lab.watchPower();
    await lab.edit({ online: false });
    await lab.settle();
    await lab.edit({ online: true });
    await lab.settle();
    assert.deepEqual(seen, [false, true]);
    assert.equal((await lab.events('PowerOff'))[0]?.message, 'Host soft powered off');
    assert.equal(
      await lab.metric('metal3_operation_power_change_total{namespace="lab",host="node-0",on_off="off"}'),
      1,
    );
    assert.equal(await lab.metric('metal3_operation_power_change_total{namespace="lab",host="node-0",on_off="on"}'), 1);
  });

  test('online false on a provisioned host: off and kept off, the image stays', async () => {
    const lab = new HostLab();
    await lab.ready({ image: IMAGE });
    await lab.edit({ online: false });
    const { status } = await lab.settled();
    assert.equal(status?.poweredOn, false);
    assert.equal(status?.provisioning.state, 'provisioned');
    assert.deepEqual(status?.provisioning.image, IMAGE);
  });

  test('somebody else switches: found off with online true, switched on; and the reverse', async () => {
    const lab = new HostLab();
    await lab.ready({ image: IMAGE });
    const seen = lab.watchPower();
    lab.provisioner.power.set('lab/node-0', false);
    await lab.settle();
    assert.deepEqual(seen, [false, true]);
    await lab.edit({ online: false });
    await lab.settle();
    lab.provisioner.power.set('lab/node-0', true);
    await lab.settle();
    assert.deepEqual(seen, [false, true, false, true, false]);
  });

  test('a BMC that does not say leaves the field as it is', async () => {
    const lab = new HostLab();
    await lab.ready();
    lab.provisioner.reported = 'unknown';
    await lab.settle();
    assert.equal((await lab.status()).poweredOn, true);
  });

  test('steady state: a look every 60 s writes nothing', async () => {
    const lab = new HostLab();
    await lab.ready();
    await lab.settle();
    const before = (await lab.get()).metadata.resourceVersion;
    for (let i = 0; i < 5; i++) {
      assert.equal((await lab.pass()).requeueMs, 60_000);
      await lab.clock.advance(60_000);
    }
    assert.equal((await lab.get()).metadata.resourceVersion, before);
  });

  test('soft power off takes its time, then is done', async () => {
    const lab = new HostLab();
    await lab.ready({ image: IMAGE });
    lab.provisioner.work.powerOff = 3;
    await lab.edit({ online: false });
    await lab.settle();
    assert.equal(lab.provisioner.of('powerOff').length, 4);
    assert.equal((await lab.status()).poweredOn, false);
    assert.equal((await lab.events('PowerOff')).length, 1);
  });

  test('soft power off fails: said so, the next one is hard', async () => {
    const lab = new HostLab();
    await lab.ready({ image: IMAGE });
    lab.provisioner.fail('powerOff', 'the OS did not react');
    await lab.edit({ online: false });
    await lab.settle();
    const status = await lab.status();
    assert.equal(status.errorType, 'power management error');
    assert.match(status.errorMessage, /^Soft power off failed, a hard power off follows\. the OS did not react/);
    assert.equal(status.poweredOn, true);
    const manageable = status.conditions?.find((c) => c.type === 'Manageable');
    assert.equal(`${manageable?.status}/${manageable?.reason}`, 'False/PowerFailure');
    await lab.until((h) => h?.status?.poweredOn === false);
    assert.deepEqual(lab.provisioner.of('powerOff').at(-1)?.options, { mode: 'hard', force: true });
    const after = await lab.settled();
    assert.deepEqual([after.status?.operationalStatus, after.status?.errorCount], ['OK', 0]);
  });

  test('power on fails under backoff, then works', async () => {
    const lab = new HostLab();
    await lab.ready({ image: IMAGE });
    lab.provisioner.power.set('lab/node-0', false);
    lab.provisioner.fail('powerOn', 'no answer', 2);
    await lab.settle();
    assert.equal((await lab.status()).errorCount, 1);
    assert.equal((await lab.events('PowerManagementError')).length, 1);
    assert.equal(await lab.metric('metal3_host_error_total{error_type="PowerManagementError"}'), 1);
    await lab.until((h) => h?.status?.poweredOn === true);
    assert.deepEqual(lab.provisioner.of('powerOn').at(-1)?.options, { force: true });
    assert.equal((await lab.settled()).status?.errorCount, 0);
  });

  test('power cannot be read: power management error; gone when it can', async () => {
    const lab = new HostLab();
    await lab.ready({ image: IMAGE });
    lab.provisioner.fail('powerState', 'timeout');
    await lab.settle();
    assert.equal((await lab.status()).errorType, 'power management error');
    await lab.until((h) => h?.status?.operationalStatus === 'OK');
    assert.equal((await lab.status()).errorCount, 0);
  });

  test('a machine that switches itself on again does not make a busy loop', async () => {
    const lab = new HostLab();
    await lab.ready();
    lab.provisioner.reported = true;
    await lab.edit({ online: false });
    const start = lab.clock.now();
    for (let i = 0; i < 40; i++) await lab.clock.advance((await lab.pass()).requeueMs ?? 0);
    assert.ok(lab.clock.now() - start >= 10_000);
  });
});

suite('reboot annotations', () => {
  test('hard: one annotation that says hard wins', async () => {
    const lab = new HostLab();
    await lab.ready({ image: IMAGE });
    await lab.annotate({ 'reboot.metal3.io': '', 'reboot.metal3.io/x': '{"mode":"hard"}' });
    await lab.settle();
    assert.deepEqual(lab.provisioner.of('powerOff')[0]?.options, { mode: 'hard', force: false });
    assert.deepEqual(Object.keys((await lab.get()).metadata.annotations ?? {}), ['reboot.metal3.io/x']);
    assert.equal((await lab.status()).poweredOn, false, 'still held');
  });

  test('an unreadable value is a soft reboot, and said', async () => {
    const lab = new HostLab();
    await lab.ready({ image: IMAGE });
    await lab.annotate({ 'reboot.metal3.io': 'yes' });
    await lab.settle();
    assert.ok((await lab.events('InvalidAnnotationValue')).length >= 1);
    assert.deepEqual(lab.provisioner.of('powerOff')[0]?.options, { mode: 'soft', force: false });
    assert.equal((await lab.status()).poweredOn, true);
  });

  test('available: ignored without force, obeyed with it', async () => {
    const lab = new HostLab();
    await lab.ready();
    await lab.annotate({ 'reboot.metal3.io': '' });
    await lab.settle();
    assert.equal(lab.provisioner.of('powerOff').length, 0);
    await lab.annotate({ 'reboot.metal3.io': '{"mode":"hard","force":true}' });
    const seen = lab.watchPower();
    await lab.settle();
    assert.deepEqual(seen, [false, true]);
  });

  test('on a host that is off anyway the annotation just goes', async () => {
    const lab = new HostLab();
    await lab.ready({ image: IMAGE });
    await lab.edit({ online: false });
    await lab.settle();
    const seen = lab.watchPower();
    await lab.annotate({ 'reboot.metal3.io': '' });
    await lab.settle();
    assert.deepEqual(seen, []);
    assert.equal((await lab.get()).metadata.annotations?.['reboot.metal3.io'], undefined);
  });

  test('an annotation that is changed while it is being removed stays', async () => {
    const lab = new HostLab();
    await lab.ready({ image: IMAGE });
    await lab.annotate({ 'reboot.metal3.io': '' });
    await lab.until((h) => h?.status?.poweredOn === false);
    const race = { over: false };
    lab.store.beforeWrite = (verb, type) => {
      if (race.over || verb !== 'patch' || type.kind !== 'BareMetalHost') return;
      race.over = true;
      lab.store.beforeWrite = undefined;
      void lab.annotate({ 'reboot.metal3.io': '{"mode":"hard"}' });
    };
    while (!race.over) await lab.clock.advance((await lab.pass()).requeueMs ?? 0);
    assert.equal((await lab.get()).metadata.annotations?.['reboot.metal3.io'], '{"mode":"hard"}');
    await lab.settle();
    assert.equal((await lab.status()).poweredOn, true);
  });

  test('removed after deprovisioning', async () => {
    const lab = new HostLab();
    await lab.ready({ image: IMAGE });
    await lab.annotate({ 'reboot.metal3.io': '' });
    await lab.edit({ image: null });
    await lab.settle();
    assert.equal((await lab.get()).metadata.annotations?.['reboot.metal3.io'], undefined);
    assert.equal(lab.provisioner.of('powerOff').length, 0);
  });

  test('Cluster API remediation: hard off at once, held, on again when released', async () => {
    const lab = new HostLab();
    await lab.ready({ image: IMAGE });
    const key = 'reboot.metal3.io/metal3-remediation-1';
    await lab.annotate({ [key]: '{"mode":"hard","force":false}' });
    const started = lab.clock.now();
    await lab.until((h) => h?.status?.poweredOn === false);
    assert.ok(lab.clock.now() - started < 5_000);
    await lab.settle();
    lab.provisioner.power.set('lab/node-0', true);
    await lab.settle();
    assert.equal((await lab.status()).poweredOn, false, 'somebody switched it on: off again');
    await lab.annotate({ [key]: null });
    await lab.until((h) => h?.status?.poweredOn === true);
  });
});

suite('disablePowerOff', () => {
  test('base annotation: rebooted once, never off', async () => {
    const lab = new HostLab();
    await lab.ready({ image: IMAGE, disablePowerOff: true });
    const seen = lab.watchPower();
    await lab.annotate({ 'reboot.metal3.io': '{"mode":"hard"}' });
    await lab.settle();
    await lab.settle();
    assert.deepEqual(seen, []);
    assert.deepEqual(
      lab.provisioner.of('reboot').map((c) => c.options),
      [{ mode: 'hard' }],
    );
    assert.equal(lab.provisioner.of('powerOff').length, 0);
    assert.equal((await lab.get()).metadata.annotations?.['reboot.metal3.io'], undefined);
    assert.equal((await lab.events('Reboot')).length, 1);
  });

  test('suffixed annotations: one reboot each, none at every pass', async () => {
    const lab = new HostLab();
    await lab.ready({ image: IMAGE, disablePowerOff: true });
    await lab.annotate({ 'reboot.metal3.io/a': '' });
    for (let i = 0; i < 3; i++) await lab.settle();
    assert.equal(lab.provisioner.of('reboot').length, 1);
    await lab.annotate({ 'reboot.metal3.io/b': '' });
    for (let i = 0; i < 3; i++) await lab.settle();
    assert.equal(lab.provisioner.of('reboot').length, 2);
    await lab.annotate({ 'reboot.metal3.io/a': null, 'reboot.metal3.io/b': null });
    await lab.settle();
    assert.deepEqual((await lab.get()).metadata.annotations ?? {}, {});
    await lab.annotate({ 'reboot.metal3.io/a': '' });
    await lab.settle();
    assert.equal(lab.provisioner.of('reboot').length, 3, 'a new request of the same client');
  });

  test('a soft reboot under way is seen off: it is ended, and not asked for again', async () => {
    const lab = new HostLab();
    await lab.ready({ image: IMAGE, disablePowerOff: true });
    const { provisioner } = lab;
    provisioner.held.add('reboot');
    await lab.annotate({ 'reboot.metal3.io/a': '{"mode":"soft"}' });
    await lab.until(() => provisioner.of('reboot').length > 0);
    // The OS has shut down; from here on the reboot can end.
    provisioner.power.set('lab/node-0', false);
    provisioner.held.delete('reboot');
    const asked = provisioner.of('reboot').length;
    const switchedOn = provisioner.of('powerOn').length;
    for (let i = 0; i < 4; i++) await lab.settle();
    assert.equal(provisioner.of('reboot').length, asked + 1);
    assert.equal(provisioner.of('powerOn').length, switchedOn);
    assert.equal((await lab.status()).poweredOn, true);
    assert.equal((await lab.events('Reboot')).length, 1);
  });

  test('online false is not obeyed, found off is switched on', async () => {
    const lab = new HostLab();
    await lab.ready({ image: IMAGE, disablePowerOff: true });
    await lab.edit({ online: false });
    await lab.settle();
    assert.equal((await lab.status()).poweredOn, true);
    await lab.edit({ online: true });
    lab.provisioner.power.set('lab/node-0', false);
    await lab.settle();
    assert.equal((await lab.status()).poweredOn, true);
  });

  test('a driver that cannot reboot says so', async () => {
    const lab = new HostLab();
    await lab.ready({ image: IMAGE, disablePowerOff: true });
    Object.assign(lab.provisioner, { reboot: undefined });
    await lab.annotate({ 'reboot.metal3.io': '' });
    await lab.settle();
    assert.match((await lab.status()).errorMessage, /disablePowerOff.*HOST_REBOOT_UNSUPPORTED/);
  });

  test('deletion skips the power off', async () => {
    const lab = new HostLab();
    await lab.ready({ disablePowerOff: true });
    await lab.remove();
    await lab.settle();
    assert.equal(lab.trace.at(-1), 'gone');
    assert.equal(lab.provisioner.of('powerOff').length, 0);
  });
});
