import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { HostLab, IMAGE, KEY, OTHER_IMAGE } from '../support/host-lab.ts';
import { BARE_METAL_HOST } from '../../src/api/resources.ts';

const CREATED = ['registering/', 'registering/OK', 'inspecting/OK', 'preparing/OK', 'available/OK'];

suite('observable traces (metal3-compat §2.19)', () => {
  test('create, no BMC', async () => {
    const lab = new HostLab();
    await lab.bareHost({ online: false });
    await lab.settle();
    assert.deepEqual(lab.trace, ['unmanaged/discovered']);
    assert.equal((await lab.events('Discovered')).length, 1);
    assert.deepEqual(lab.provisioner.calls, []);
  });

  test('BMC details appear on an unmanaged host', async () => {
    const lab = new HostLab();
    await lab.bareHost({ online: true });
    await lab.settle();
    await lab.secret();
    await lab.edit({ bmc: { address: 'ipmi://192.0.2.1', credentialsName: 'bmc' } });
    await lab.settle();
    assert.deepEqual(lab.trace, ['unmanaged/discovered', 'registering/discovered', ...CREATED.slice(1)]);
  });

  test('create, good BMC, defaults', async () => {
    const lab = new HostLab();
    const { status } = await lab.ready();
    assert.deepEqual(lab.trace, CREATED);
    assert.equal(status?.provisioning.bootMode, 'UEFI');
    assert.deepEqual(status?.provisioning.rootDeviceHints, { deviceName: '/dev/sda' });
    assert.deepEqual(status?.provisioning.image, { url: '' });
    assert.equal(status?.hardwareProfile, 'unknown');
    assert.equal(status?.errorCount, 0);
    assert.equal(status?.errorMessage, '');
    assert.equal(status !== undefined && 'errorType' in status, false);
    assert.deepEqual(status?.goodCredentials, status?.triedCredentials);
    assert.equal(status?.goodCredentials?.credentials?.name, 'bmc');
    const { register, inspect, provision } = status?.operationHistory ?? {};
    assert.ok(register?.start && register.end && inspect?.start && inspect.end);
    assert.deepEqual(provision, { start: null, end: null });
    const reasons = (await lab.events()).map((e) => e.reason).sort();
    const wanted = [
      'BMCAccessValidated',
      'InspectionComplete',
      'InspectionStarted',
      'PowerOn',
      'ProfileSet',
      'Registered',
    ];
    assert.deepEqual(
      reasons,
      wanted.filter((r) => r !== 'PowerOn'),
    );
  });

  test('create, Secret missing: error every 10 s, then recovery once it is there', async () => {
    const lab = new HostLab();
    await lab.host();
    await lab.pass();
    await lab.pass();
    for (let i = 1; i <= 3; i++) {
      const { requeueMs } = await lab.pass();
      assert.equal(requeueMs, 10_000);
      const status = await lab.status();
      assert.equal(status.errorCount, i);
      assert.equal(status.errorType, 'registration error');
      assert.match(status.errorMessage, /lab\/bmc .*does not exist.*credentialsName.*HOST_SECRET_MISSING/);
      assert.equal((await lab.events('BMCCredentialError')).length, i);
      await lab.clock.advance(10_000);
    }
    assert.deepEqual(lab.trace, ['registering/', 'registering/error']);
    await lab.secret();
    await lab.settle();
    assert.deepEqual(lab.trace, ['registering/', 'registering/error', ...CREATED.slice(1)]);
    assert.equal((await lab.status()).errorCount, 0);
  });

  test('create, wrong password: backoff; the corrected Secret is tried at once', async () => {
    const lab = new HostLab();
    lab.provisioner.fail('register', 'BMC refused the password', 1);
    await lab.secret();
    await lab.host();
    await lab.settle();
    let status = await lab.status();
    assert.equal(`${status.provisioning.state}/${status.errorType}`, 'registering/registration error');
    assert.equal(status.errorMessage, 'BMC refused the password (FAKE_FAILED)');
    assert.deepEqual(status.goodCredentials, {});
    await lab.changeSecret({ password: 'right' });
    await lab.settle();
    status = await lab.status();
    assert.equal(status.provisioning.state, 'available');
    const [first, second] = lab.provisioner.of('register');
    assert.deepEqual(first?.options, { restart: false, credentialsChanged: true });
    assert.deepEqual(second?.options, { restart: true, credentialsChanged: true });
    assert.equal(second?.context.credentials?.password, 'right');
  });

  test('create with image and online', async () => {
    const lab = new HostLab();
    const { status } = await lab.ready({ image: IMAGE });
    assert.deepEqual(lab.trace, [...CREATED, 'provisioning/OK', 'provisioned/OK']);
    assert.deepEqual(status?.provisioning.image, IMAGE);
    assert.equal(status?.poweredOn, true);
    assert.ok(status?.operationHistory?.provision?.end);
    assert.match((await lab.events('ProvisioningStarted'))[0]?.message ?? '', /os\.qcow2/);
    assert.match((await lab.events('ProvisioningComplete'))[0]?.message ?? '', /os\.qcow2/);
  });

  test('create with image, online false: waits, powered off', async () => {
    const lab = new HostLab();
    const { status } = await lab.ready({ image: IMAGE, online: false });
    assert.deepEqual(lab.trace, CREATED);
    assert.equal(status?.poweredOn, false);
    assert.equal(lab.provisioner.of('provision').length, 0);
    await lab.edit({ online: true });
    await lab.settle();
    assert.equal(lab.trace.at(-1), 'provisioned/OK');
  });

  test('inspection disabled', async () => {
    const lab = new HostLab();
    const { status } = await lab.ready({ inspectionMode: 'disabled' });
    assert.deepEqual(lab.states(), ['registering', 'preparing', 'available']);
    assert.equal(status?.hardware, undefined);
    assert.equal(lab.provisioner.of('inspect').length, 0);
  });

  test('image URL changed on provisioned', async () => {
    const lab = new HostLab();
    await lab.ready({ image: IMAGE });
    lab.trace.length = 0;
    await lab.edit({ image: OTHER_IMAGE });
    const { status } = await lab.settled();
    assert.deepEqual(lab.states(), [
      'deprovisioning',
      'available',
      'preparing',
      'available',
      'provisioning',
      'provisioned',
    ]);
    assert.deepEqual(status?.provisioning.image, OTHER_IMAGE);
  });

  test('image removed', async () => {
    const lab = new HostLab();
    await lab.ready({ image: IMAGE });
    lab.trace.length = 0;
    await lab.edit({ image: null });
    const { status } = await lab.settled();
    assert.deepEqual(lab.states(), ['deprovisioning', 'available', 'preparing', 'available']);
    assert.deepEqual(status?.provisioning.image, { url: '' });
    assert.ok(status?.operationHistory?.deprovision?.end);
    assert.equal((await lab.events('DeprovisioningComplete')).length, 1);
  });

  test('image removed and online false in one edit, as Cluster API does', async () => {
    const lab = new HostLab();
    await lab.ready({ image: IMAGE });
    await lab.edit({ image: null, online: false, userData: null });
    const { status } = await lab.settled();
    assert.equal(status?.provisioning.state, 'available');
    assert.equal(status?.poweredOn, false);
    assert.equal(lab.provisioner.of('deprovision').length, 1);
  });

  test('provisioning fails for ever: five attempts, then a person is asked', async () => {
    const lab = new HostLab();
    lab.provisioner.failAlways('provision', 'the write failed');
    await lab.secret();
    await lab.host({ image: IMAGE });
    await lab.until((h) => h?.status?.errorMessage.includes('HOST_RETRIES_EXHAUSTED') === true);
    const status = await lab.status();
    assert.equal(`${status.provisioning.state}/${status.operationalStatus}`, 'available/error');
    assert.equal(status.errorType, 'provisioning error');
    assert.equal(status.provisioningFailCount, 5);
    assert.deepEqual(status.lastAttemptedImage, IMAGE);
    assert.equal(lab.provisioner.of('provision').length, 5);
    const round = ['provisioning/OK', 'provisioning/error', 'deprovisioning/error'];
    assert.equal(lab.trace.join(' ').split(round.join(' ')).length - 1, 5);
    await lab.settle();
    assert.equal(lab.provisioner.of('provision').length, 5, 'no attempt after the limit');
    lab.provisioner.heal('provision');
    await lab.edit({ image: OTHER_IMAGE });
    const { status: after } = await lab.settled();
    assert.equal(after?.provisioning.state, 'provisioned');
    assert.equal(after?.provisioningFailCount, 0);
    assert.equal(after?.lastAttemptedImage, undefined);
  });

  test('RAID edited while available', async () => {
    const lab = new HostLab();
    await lab.ready();
    lab.trace.length = 0;
    const volumes = [{ level: '1' }];
    await lab.edit({ raid: { hardwareRAIDVolumes: volumes } });
    const { status } = await lab.settled();
    assert.deepEqual(lab.states(), ['preparing', 'available']);
    assert.deepEqual(status?.provisioning.raid, { hardwareRAIDVolumes: volumes });
    const wishes = () => lab.provisioner.of('prepare').map(({ options }) => (options as { raid?: unknown }).raid);
    assert.deepEqual(wishes().at(-1), { volumes, differs: true });
    // Other settings are no reason to touch volumes.
    await lab.edit({ rootDeviceHints: { deviceName: '/dev/sdb' } });
    await lab.settled();
    assert.deepEqual(wishes().at(-1), { volumes, differs: false });
    await lab.edit({ raid: { hardwareRAIDVolumes: null }, rootDeviceHints: { deviceName: '/dev/sdc' } });
    await lab.settled();
    assert.equal(wishes().at(-1), undefined);
  });

  test('base reboot annotation', async () => {
    const lab = new HostLab();
    await lab.ready({ image: IMAGE });
    const seen = lab.watchPower();
    await lab.annotate({ 'reboot.metal3.io': '' });
    await lab.settle();
    assert.deepEqual(seen, [false, true]);
    assert.equal((await lab.get()).metadata.annotations?.['reboot.metal3.io'], undefined);
    assert.deepEqual(lab.provisioner.of('powerOff')[0]?.options, { mode: 'soft', force: false });
  });

  test('suffixed reboot annotation holds the host off until it goes', async () => {
    const lab = new HostLab();
    await lab.ready({ image: IMAGE });
    const seen = lab.watchPower();
    await lab.annotate({ 'reboot.metal3.io/a': '{"mode":"hard"}', 'reboot.metal3.io/b': '' });
    await lab.settle();
    assert.deepEqual(seen, [false]);
    assert.deepEqual(lab.provisioner.of('powerOff')[0]?.options, { mode: 'hard', force: false });
    await lab.annotate({ 'reboot.metal3.io/a': null });
    await lab.settle();
    assert.deepEqual(seen, [false]);
    await lab.annotate({ 'reboot.metal3.io/b': null });
    await lab.settle();
    assert.deepEqual(seen, [false, true]);
  });

  test('detach and attach again', async () => {
    const lab = new HostLab();
    await lab.ready({ image: IMAGE });
    lab.trace.length = 0;
    await lab.annotate({ 'baremetalhost.metal3.io/detached': '' });
    const before = lab.provisioner.calls.length;
    await lab.settle();
    assert.deepEqual(
      lab.provisioner.calls.slice(before).map((c) => c.op),
      ['forget'],
      'no BMC traffic',
    );
    await lab.annotate({ 'baremetalhost.metal3.io/detached': null });
    await lab.settle();
    assert.deepEqual(lab.trace, ['provisioned/detached', 'provisioned/OK']);
    assert.equal(lab.provisioner.of('register').length, 2);
    assert.equal(lab.provisioner.of('provision').length, 1);
  });

  test('delete provisioned', async () => {
    const lab = new HostLab();
    await lab.ready({ image: IMAGE });
    lab.trace.length = 0;
    await lab.remove();
    await lab.settle();
    assert.deepEqual(lab.states(), ['deprovisioning', 'powering off before delete', 'deleting', 'gone']);
    assert.equal(lab.provisioner.power.get('lab/node-0'), false);
  });

  test('delete available', async () => {
    const lab = new HostLab();
    await lab.ready();
    lab.trace.length = 0;
    await lab.remove();
    await lab.settle();
    assert.deepEqual(lab.states(), ['powering off before delete', 'deleting', 'gone']);
    assert.equal(await lab.hardwareData(), undefined, 'HardwareData is garbage collected');
    assert.equal(await lab.secretOf('bmc'), undefined, 'the Secret goes with its host');
  });

  test('delete registering', async () => {
    const lab = new HostLab();
    lab.provisioner.failAlways('register', 'no answer');
    await lab.secret();
    await lab.host();
    await lab.settle();
    lab.trace.length = 0;
    await lab.remove();
    await lab.settle();
    assert.deepEqual(lab.states(), ['deleting', 'gone']);
    assert.equal(lab.provisioner.of('powerOff').length, 0);
  });

  test('delete unmanaged', async () => {
    const lab = new HostLab();
    await lab.bareHost({ online: false });
    await lab.settle();
    await lab.remove();
    await lab.settle();
    assert.deepEqual(lab.states(), ['unmanaged', 'deleting', 'gone']);
  });

  test('delete while detached leaves the machine alone', async () => {
    const lab = new HostLab();
    await lab.ready({ image: IMAGE });
    await lab.annotate({ 'baremetalhost.metal3.io/detached': '' });
    await lab.settle();
    lab.trace.length = 0;
    const before = lab.provisioner.calls.length;
    await lab.remove();
    await lab.settle();
    assert.deepEqual(lab.states(), ['deleting', 'gone']);
    assert.deepEqual(
      lab.provisioner.calls.slice(before).map((c) => c.op),
      ['forget'],
    );
    assert.equal(lab.provisioner.power.get('lab/node-0'), true);
  });

  test('inspect again', async () => {
    const lab = new HostLab();
    await lab.ready();
    const first = (await lab.hardwareData())?.metadata.uid;
    lab.trace.length = 0;
    await lab.annotate({ 'inspect.metal3.io': '' });
    await lab.settle();
    assert.deepEqual(lab.states(), ['inspecting', 'preparing', 'available']);
    assert.notEqual((await lab.hardwareData())?.metadata.uid, first);
    assert.deepEqual(lab.provisioner.of('inspect').at(-1)?.options, { restart: false, force: true });
    assert.equal((await lab.get()).metadata.annotations?.['inspect.metal3.io'], undefined);
  });

  test('externally provisioned: power follows online, the machine is never inspected', async () => {
    const lab = new HostLab();
    lab.provisioner.power.set('lab/node-0', true);
    await lab.ready({ externallyProvisioned: true });
    assert.deepEqual(lab.trace, ['registering/', 'registering/OK', 'externally provisioned/OK']);
    const touched = ['inspect', 'prepare', 'provision', 'deprovision', 'powerOff', 'powerOn'];
    assert.deepEqual(
      lab.provisioner.ops().filter((op) => touched.includes(op)),
      [],
    );
    await lab.edit({ online: false });
    const { status } = await lab.settled();
    assert.equal(status?.poweredOn, false);
  });

  test('move: the status annotation is restored in one write', async () => {
    const source = new HostLab();
    const { status } = await source.ready({ image: IMAGE });
    const { hardware: _, ...rest } = status ?? {};
    const lab = new HostLab();
    lab.provisioner.power.set('lab/node-0', true);
    await lab.secret();
    await lab.host(
      { image: IMAGE },
      { annotations: { 'baremetalhost.metal3.io/status': JSON.stringify(rest), 'baremetalhost.metal3.io/paused': '' } },
    );
    await lab.settle();
    assert.deepEqual(lab.trace, [], 'a paused host is left alone');
    await lab.annotate({ 'baremetalhost.metal3.io/paused': null });
    const moved = await lab.settled();
    assert.deepEqual(lab.trace, ['provisioned/OK']);
    assert.equal(moved.metadata.annotations?.['baremetalhost.metal3.io/status'], undefined);
    assert.equal(moved.status?.provisioning.ID, status?.provisioning.ID);
    const disturbing = ['inspect', 'prepare', 'provision', 'deprovision', 'powerOff', 'powerOn'];
    assert.deepEqual(
      lab.provisioner.ops().filter((op) => disturbing.includes(op)),
      [],
    );
    assert.deepEqual(lab.provisioner.ops().slice(0, 2), ['register', 'adopt']);
  });

  test('capacity full: the move is withheld, the host is delayed', async () => {
    const lab = new HostLab({ provisioningLimit: 1 });
    lab.provisioner.held.add('inspect');
    await lab.secret('other');
    await lab.store.create(BARE_METAL_HOST, {
      apiVersion: 'metal3.io/v1alpha1',
      kind: 'BareMetalHost',
      metadata: { name: 'node-1', namespace: KEY.namespace },
      spec: { online: true, bmc: { address: 'ipmi://192.0.2.9', credentialsName: 'other' } },
    });
    for (let i = 0; i < 6; i++) await lab.pass({ namespace: 'lab', name: 'node-1' });
    await lab.secret();
    await lab.host();
    await lab.settle();
    assert.deepEqual(lab.trace, ['registering/', 'registering/OK', 'registering/delayed']);
    assert.ok((await lab.metric('metal3_delayed__provisioning_total{namespace="lab",host="node-0"}')) >= 1);
    const { requeueMs = 0 } = await lab.pass();
    assert.ok(requeueMs >= 60_000 && requeueMs <= 120_000);
    lab.provisioner.held.delete('inspect');
    await lab.settle({ key: { namespace: 'lab', name: 'node-1' } });
    await lab.settle();
    assert.deepEqual(lab.trace.slice(2), ['registering/delayed', 'inspecting/OK', 'preparing/OK', 'available/OK']);
  });
});
