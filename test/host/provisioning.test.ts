import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { BareMetalHostSpec } from '../../src/api/baremetalhost.ts';
import { SECRET } from '../../src/api/resources.ts';
import type { Answers } from '../../src/host/ask.ts';
import { decide } from '../../src/host/decide.ts';
import { NO_FIRMWARE } from '../../src/host/firmware.ts';
import { DEFAULT_LIFECYCLE, newPass } from '../../src/host/pass.ts';
import { completeStatus } from '../../src/host/status.ts';
import type { ProvisionRequest } from '../../src/provisioner/provisioner.ts';
import { HostLab, IMAGE, KEY, OTHER_IMAGE } from '../support/host-lab.ts';

suite('provisioning', () => {
  test('the request carries image, hints, boot mode, cleaning and merged config data', async () => {
    const lab = new HostLab();
    await lab.secret('data', { userData: '#cloud-config', metaData: 'role: db', value: '{"links":[]}' });
    await lab.ready({
      image: IMAGE,
      bootMode: 'legacy',
      rootDeviceHints: { serialNumber: 'S1' },
      automatedCleaningMode: 'disabled',
      userData: { name: 'data' },
      metaData: { name: 'data' },
      networkData: { name: 'data', namespace: 'lab' },
    });
    const request = lab.provisioner.of('provision')[0]?.options as ProvisionRequest;
    assert.deepEqual(request.image, IMAGE);
    assert.deepEqual(request.rootDeviceHints, { serialNumber: 'S1' });
    assert.equal(request.bootMode, 'legacy');
    assert.equal(request.cleaning, 'disabled');
    assert.equal(request.restart, false);
    assert.equal(Buffer.from(request.config.userData ?? []).toString(), '#cloud-config');
    assert.deepEqual(request.config.networkData, { links: [] });
    const uid = (await lab.get()).metadata.uid;
    assert.equal(request.config.metaData['uuid'], uid);
    assert.equal(request.config.metaData['role'], 'db');
    assert.equal((await lab.secretOf('data'))?.metadata.labels?.['environment.metal3.io'], 'baremetal');
    assert.equal((await lab.secretOf('data'))?.metadata.finalizers, undefined, 'labelled, not claimed');
  });

  test('checksum, format, user data and network data do not provision again', async () => {
    const lab = new HostLab();
    await lab.ready({ image: IMAGE });
    await lab.secret('data', { userData: 'x' });
    await lab.edit({ image: { ...IMAGE, checksum: 'f'.repeat(64), format: 'raw' }, userData: { name: 'data' } });
    await lab.settle();
    assert.equal(lab.trace.at(-1), 'provisioned/OK');
    assert.equal(lab.provisioner.of('deprovision').length, 0);
  });

  test('an empty format, as Cluster API may send it, is no format', () => {
    const asked = available({ image: { ...IMAGE, format: '' } });
    assert.deepEqual(asked, { verdict: 'again', state: 'provisioning' });
  });

  test('a live ISO needs no checksum, and a virtual CD', () => {
    const image = { url: 'http://images/live.iso', format: 'live-iso' as const };
    const bmc = { address: 'redfish-virtualmedia://192.0.2.1/redfish/v1/Systems/1', credentialsName: 'bmc' };
    assert.deepEqual(available({ image, bmc }), { verdict: 'again', state: 'provisioning' });
  });

  const refused: [string, Partial<BareMetalHostSpec>, RegExp][] = [
    ['no checksum', { image: { url: IMAGE.url } }, /spec\.image\.checksum is required .*os\.qcow2.*HOST_IMAGE_INVALID/],
    ['blank checksum', { image: { url: IMAGE.url, checksum: ' ' } }, /spec\.image\.checksum/],
    ['live ISO', { image: { url: IMAGE.url, format: 'live-iso' } }, /spec\.image\.format: live-iso/],
    ['custom deploy', { customDeploy: { method: 'install_coreos' } }, /spec\.customDeploy\.method: "install_coreos"/],
    [
      'foreign Secret',
      { image: IMAGE, userData: { name: 'x', namespace: 'other' } },
      /spec\.userData\.namespace: "other".*HOST_CONFIG_INVALID/,
    ],
  ];
  for (const [name, spec, message] of refused) {
    test(`${name}: a provisioning error before the machine is touched; an edit mends it`, async () => {
      const lab = new HostLab();
      const { status } = await lab.ready(spec);
      assert.equal(`${status?.provisioning.state}/${status?.errorType}`, 'available/provisioning error');
      assert.match(status?.errorMessage ?? '', message);
      await lab.settle();
      await lab.settle();
      const after = await lab.status();
      assert.equal(after.errorCount, 1, 'said once, not at every pass');
      assert.equal((await lab.events('ProvisioningError')).length, 1);
      assert.equal(after.provisioningFailCount, 0);
      assert.equal(lab.provisioner.of('provision').length, 0);
      assert.equal(after.poweredOn, true, 'power is still managed');
      await lab.edit({ image: { ...IMAGE, format: 'raw' }, customDeploy: null, userData: null });
      await lab.settle();
      assert.equal(lab.trace.at(-1), 'provisioned/OK');
      assert.equal((await lab.status()).errorCount, 0);
    });
  }

  test('a refused image that is removed leaves no error behind', async () => {
    const lab = new HostLab();
    await lab.ready({ image: { url: IMAGE.url } });
    await lab.edit({ image: null });
    await lab.settle();
    const { operationalStatus, errorMessage, errorCount } = await lab.status();
    assert.deepEqual([operationalStatus, errorMessage, errorCount], ['OK', '', 0]);
  });

  test('an OCI image needs no checksum', async () => {
    const lab = new HostLab();
    await lab.ready({ image: { url: 'oci://registry.example/os:1' } });
    assert.equal(lab.trace.at(-1), 'provisioned/OK');
  });

  test('a missing user data Secret is waited for, visibly, and picked up', async () => {
    const lab = new HostLab();
    await lab.secret();
    await lab.host({ image: IMAGE, userData: { name: 'late' } });
    await lab.settle({ restMs: 10_000 });
    const status = await lab.status();
    assert.equal(`${status.provisioning.state}/${status.operationalStatus}`, 'available/OK');
    const progressing = status.conditions?.find((c) => c.type === 'Progressing');
    assert.match(progressing?.message ?? '', /Secret late \(spec\.userData\) does not exist.*HOST_CONFIG_PENDING/);
    assert.ok((await lab.metric('metal3_host_config_data_error_total{host_data_type="userData"}')) >= 1);
    await lab.secret('late', { userData: 'x' });
    await lab.settle();
    assert.equal(lab.trace.at(-1), 'provisioned/OK');
  });

  test('user data that vanish during provisioning do not undo the work', async () => {
    const lab = new HostLab();
    lab.provisioner.held.add('provision');
    await lab.secret('data', { userData: 'x' });
    await lab.secret();
    await lab.host({ image: IMAGE, userData: { name: 'data' } });
    await lab.until((h) => h?.status?.provisioning.state === 'provisioning');
    await lab.pass();
    await lab.store.delete(SECRET, { ...KEY, name: 'data' });
    assert.equal((await lab.pass()).requeueMs, 10_000);
    assert.equal(lab.trace.at(-1), 'provisioning/OK');
    await lab.secret('data', { userData: 'x' });
    lab.provisioner.held.delete('provision');
    await lab.settle();
    assert.equal(lab.trace.at(-1), 'provisioned/OK');
    assert.equal(lab.provisioner.of('deprovision').length, 0);
  });

  test('one failure: deprovisioned with restart, then provisioned; the count is reset', async () => {
    const lab = new HostLab();
    await lab.ready();
    lab.trace.length = 0;
    lab.provisioner.fail('provision', 'image digest is wrong', 1, { code: 'IMAGE_CHECKSUM' });
    await lab.edit({ image: IMAGE });
    await lab.until((h) => h?.status?.operationalStatus === 'error');
    const failed = await lab.status();
    assert.equal(failed.errorType, 'provisioning error');
    assert.match(
      failed.errorMessage,
      /image digest is wrong; image http:.*os\.qcow2, checksum a{64} \(IMAGE_CHECKSUM\)$/,
    );
    await lab.until((h) => h?.status?.provisioning.state === 'deprovisioning');
    assert.equal((await lab.status()).provisioningFailCount, 1);
    await lab.settle();
    assert.deepEqual(lab.states(), [
      'provisioning',
      'deprovisioning',
      'available',
      'preparing',
      'available',
      'provisioning',
      'provisioned',
    ]);
    assert.deepEqual(lab.provisioner.of('deprovision')[0]?.options, { restart: true, cleaning: 'metadata' });
    const status = await lab.status();
    assert.deepEqual([status.provisioningFailCount, status.lastAttemptedImage, status.errorCount], [0, undefined, 0]);
  });

  test('the failure is recorded under backoff', async () => {
    const lab = new HostLab();
    await lab.ready();
    lab.provisioner.fail('provision', 'x');
    await lab.edit({ image: IMAGE });
    await lab.pass();
    const { requeueMs = 0 } = await lab.pass();
    assert.equal(lab.trace.at(-1), 'provisioning/error');
    assert.equal(requeueMs, 90_000, '2 min less a quarter at random 0.5');
  });

  test('resetting the count by hand allows another attempt', async () => {
    const lab = new HostLab({ maxProvisioningRetries: 1 });
    lab.provisioner.failAlways('provision', 'x');
    await lab.secret();
    await lab.host({ image: IMAGE });
    await lab.until((h) => h?.status?.errorMessage.includes('RETRIES_EXHAUSTED') === true);
    const host = await lab.get();
    lab.provisioner.heal('provision');
    if (host.status === undefined) assert.fail();
    host.status.provisioningFailCount = 0;
    await lab.store.updateStatus((await import('../../src/api/resources.ts')).BARE_METAL_HOST, host);
    await lab.settle();
    assert.equal(lab.trace.at(-1), 'provisioned/OK');
  });

  test('no limit: attempts go on', async () => {
    const lab = new HostLab({ maxProvisioningRetries: 0 });
    lab.provisioner.fail('provision', 'x', 8);
    await lab.secret();
    await lab.host({ image: IMAGE });
    await lab.until((h) => h?.status?.provisioning.state === 'provisioned', 400);
    assert.equal(lab.provisioner.of('provision').length, 9);
  });

  for (const [name, edit] of [
    ['removed', { image: null }],
    ['cancelled by an empty url', { image: { url: '' } }],
  ] as const) {
    test(`image ${name} while provisioning`, async () => {
      const lab = new HostLab();
      lab.provisioner.held.add('provision');
      await lab.secret();
      await lab.host({ image: IMAGE });
      await lab.until((h) => h?.status?.provisioning.state === 'provisioning');
      await lab.pass();
      lab.trace.length = 0;
      await lab.edit(edit);
      await lab.settle();
      assert.deepEqual(lab.states(), ['deprovisioning', 'available', 'preparing', 'available']);
    });
  }

  test('a forced reboot during provisioning starts it over, once', async () => {
    const lab = new HostLab();
    const lastRestart = () =>
      (lab.provisioner.of('provision').at(-1)?.options as ProvisionRequest | undefined)?.restart;
    lab.provisioner.held.add('provision');
    await lab.secret();
    await lab.host({ image: IMAGE });
    await lab.until((h) => h?.status?.provisioning.state === 'provisioning');
    await lab.pass();
    await lab.annotate({ 'reboot.metal3.io': '' });
    await lab.pass();
    assert.equal(lastRestart(), false, 'no force');
    await lab.annotate({ 'reboot.metal3.io': '{"force":true}' });
    await lab.pass();
    assert.equal(lastRestart(), true);
    assert.equal((await lab.get()).metadata.annotations?.['reboot.metal3.io'], undefined);
    await lab.pass();
    assert.equal(lastRestart(), false);
  });

  test('cleaning mode changed on a provisioned host is the one deprovisioning uses', async () => {
    const lab = new HostLab();
    await lab.ready({ image: IMAGE });
    await lab.edit({ automatedCleaningMode: 'disabled' });
    await lab.edit({ image: null });
    await lab.settle();
    assert.deepEqual(lab.provisioner.of('deprovision')[0]?.options, { restart: false, cleaning: 'disabled' });
  });

  test('deprovisioning fails and is restarted after the backoff', async () => {
    const lab = new HostLab();
    await lab.ready({ image: IMAGE });
    lab.provisioner.fail('deprovision', 'Cleaning failed: disk is gone', 2);
    lab.provisioner.work.deprovision = 1;
    await lab.edit({ image: null });
    await lab.settle();
    assert.equal(lab.trace.at(-1), 'deprovisioning/error');
    assert.match((await lab.status()).errorMessage, /Cleaning failed/);
    await lab.until((h) => h?.status?.provisioning.state === 'available');
    assert.deepEqual(lab.provisioner.of('deprovision')[1]?.options, { restart: true, cleaning: 'metadata' });
    const started = (await lab.events('DeprovisioningStarted')).map((e) => e.message);
    assert.deepEqual(started.sort(), ['Image deprovisioning restarted', 'Image deprovisioning started']);
    assert.equal((await lab.status()).errorCount, 0);
  });

  test('deprovisioning does not adopt: what ran there is given up', async () => {
    const lab = new HostLab();
    await lab.ready({ image: IMAGE });
    await lab.edit({ image: OTHER_IMAGE });
    await lab.settle();
    assert.ok(lab.provisioner.of('adopt').length > 0);
    assert.ok(lab.provisioner.of('adopt').every((c) => c.state === 'provisioned'));
  });

  test('adopting fails: provisioned registration error, then it is forgotten', async () => {
    const lab = new HostLab();
    await lab.ready({ image: IMAGE });
    lab.provisioner.fail('adopt', 'lost');
    await lab.settle();
    assert.equal((await lab.status()).errorType, 'provisioned registration error');
    assert.equal((await lab.events('ProvisionedRegistrationError')).length, 1);
    await lab.until((h) => h?.status?.operationalStatus === 'OK');
    assert.equal((await lab.status()).errorCount, 0);
  });
});

suite('externally provisioned', () => {
  test('flag set on an available host: settings are dropped, the machine is adopted', async () => {
    const lab = new HostLab();
    await lab.ready();
    lab.trace.length = 0;
    await lab.edit({ externallyProvisioned: true });
    const { status } = await lab.settled();
    assert.deepEqual(lab.trace, ['externally provisioned/OK']);
    assert.equal(status?.provisioning.rootDeviceHints, undefined);
    assert.ok(lab.provisioner.of('adopt').length > 0);
  });

  test('flag set on a host whose image was refused: the error goes', async () => {
    const lab = new HostLab();
    await lab.ready({ image: { url: IMAGE.url } });
    await lab.edit({ externallyProvisioned: true });
    await lab.settle();
    assert.deepEqual((await lab.status()).errorMessage, '');
  });

  test('flag removed with an image: taken for what is deployed', async () => {
    const lab = new HostLab();
    await lab.ready({ externallyProvisioned: true });
    lab.trace.length = 0;
    await lab.edit({ externallyProvisioned: false, image: IMAGE });
    const { status } = await lab.settled();
    assert.deepEqual(lab.trace, ['provisioned/OK']);
    assert.deepEqual(status?.provisioning.image, IMAGE);
    assert.equal(lab.provisioner.of('provision').length, 0);
  });

  test('flag removed without an image: deprovisioned', async () => {
    const lab = new HostLab();
    await lab.ready({ externallyProvisioned: true });
    lab.trace.length = 0;
    await lab.edit({ externallyProvisioned: false });
    await lab.settle();
    assert.deepEqual(lab.states(), ['provisioned', 'deprovisioning', 'available', 'preparing', 'available']);
  });

  test('an image on it changes nothing', async () => {
    const lab = new HostLab();
    await lab.ready({ externallyProvisioned: true });
    await lab.edit({ image: IMAGE });
    await lab.settle();
    assert.equal(lab.trace.at(-1), 'externally provisioned/OK');
    assert.equal(lab.provisioner.of('provision').length, 0);
  });

  test('deleted: powered off, never cleaned', async () => {
    const lab = new HostLab();
    await lab.ready({ externallyProvisioned: true });
    await lab.remove();
    await lab.settle();
    assert.deepEqual(lab.states().slice(-3), ['powering off before delete', 'deleting', 'gone']);
    assert.equal(lab.provisioner.of('deprovision').length, 0);
    assert.equal(lab.provisioner.of('powerOff').length, 1);
  });
});

/** One pass of the pure lifecycle over an available host, without any store. */
function available(spec: Partial<BareMetalHostSpec>): { verdict: string; state: string } {
  const credentials = { credentials: { name: 'bmc', namespace: 'lab' }, credentialsVersion: '1' };
  const pass = newPass({
    host: {
      apiVersion: 'metal3.io/v1alpha1',
      kind: 'BareMetalHost',
      metadata: { ...KEY, uid: 'u' },
      spec: { online: true, ...spec },
      status: completeStatus({
        operationalStatus: 'OK',
        hardwareProfile: 'unknown',
        goodCredentials: credentials,
        provisioning: { state: 'available', ID: 'x', rootDeviceHints: { deviceName: '/dev/sda' } },
      }),
    },
    credentials,
    nowMs: 0,
    random: () => 0,
    config: DEFAULT_LIFECYCLE,
  });
  const steps = decide(pass);
  let step = steps.next();
  while (step.done !== true) {
    const config = { userData: undefined, metaData: {}, networkData: undefined };
    const answers: Partial<Answers> = {
      'config-data': { ok: true, config },
      'free-slot': true,
      firmware: { ready: true, wish: NO_FIRMWARE },
    };
    const answer = answers[step.value.ask];
    assert.ok(answer !== undefined, step.value.ask);
    step = steps.next(answer);
  }
  return { verdict: step.value.kind, state: pass.status.provisioning.state };
}
