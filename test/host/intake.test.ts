import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import type { HardwareData } from '../../src/api/baremetalhost.ts';
import { HARDWARE_DATA } from '../../src/api/resources.ts';
import { parseHardwareDetails } from '../../src/host/hardware-annotation.ts';
import { SAMPLE_HARDWARE } from '../support/fake-provisioner.ts';
import { HostLab, IMAGE, KEY } from '../support/host-lab.ts';

const DETAILS = 'inspect.metal3.io/hardwaredetails';
const STATUS = 'baremetalhost.metal3.io/status';

async function supplied(lab: HostLab): Promise<HardwareData> {
  return await lab.store.create(HARDWARE_DATA, {
    apiVersion: 'metal3.io/v1alpha1',
    kind: 'HardwareData',
    metadata: { ...KEY },
    spec: { hardware: { ...SAMPLE_HARDWARE, hostname: 'supplied' } },
  });
}

suite('HardwareData', () => {
  test('created at inspection: owned, kept by a finalizer, holding the details', async () => {
    const lab = new HostLab();
    const host = await lab.ready();
    const data = await lab.hardwareData();
    assert.deepEqual(data?.spec.hardware, SAMPLE_HARDWARE);
    assert.deepEqual(data?.metadata.finalizers, ['baremetalhost.metal3.io/hardwareData']);
    const [owner] = data?.metadata.ownerReferences ?? [];
    assert.deepEqual([owner?.uid, owner?.controller], [host.metadata.uid, true]);
    assert.deepEqual(host.status?.hardware, SAMPLE_HARDWARE);
    assert.equal(host.spec.architecture, 'x86_64');
  });

  test('written beforehand, inspection disabled: taken', async () => {
    const lab = new HostLab();
    await supplied(lab);
    const { status } = await lab.ready({ inspectionMode: 'disabled' });
    assert.equal(status?.hardware?.hostname, 'supplied');
    assert.equal((await lab.events('UpdateHardwareDetails')).length, 1);
  });

  test('an architecture somebody chose is not overwritten', async () => {
    const lab = new HostLab();
    const host = await lab.ready({ architecture: 'aarch64' });
    assert.equal(host.spec.architecture, 'aarch64');
  });

  test('replaced after a stop between delete and create', async () => {
    const lab = new HostLab();
    await lab.ready();
    let stopped = false;
    lab.store.beforeWrite = (verb, type) => {
      if (verb !== 'create' || type.kind !== 'HardwareData' || stopped) return;
      stopped = true;
      throw new Error('killed');
    };
    await lab.annotate({ 'inspect.metal3.io': '' });
    await assert.rejects(lab.settle(), /killed/);
    assert.equal(await lab.hardwareData(), undefined);
    await lab.restart();
    await lab.settle();
    assert.equal(lab.trace.at(-1), 'available/OK');
    assert.ok(await lab.hardwareData());
  });
});

suite('hardwaredetails annotation (metal3-compat §2.12)', () => {
  const value = JSON.stringify({ hostname: 'told', cpu: { arch: 'x86_64' } });

  test('inspection disabled: taken, then removed', async () => {
    const lab = new HostLab();
    await lab.secret();
    await lab.host({ inspectionMode: 'disabled' }, { annotations: { [DETAILS]: value } });
    const { status, metadata } = await lab.settled();
    assert.deepEqual(status?.hardware, {
      hostname: 'told',
      cpu: { arch: 'x86_64' },
      systemVendor: {},
      firmware: { bios: {} },
    });
    assert.equal(metadata.annotations?.[DETAILS], undefined);
    assert.equal(lab.provisioner.of('inspect').length, 0);
  });

  test('details are known already: removed with an event', async () => {
    const lab = new HostLab();
    await lab.ready();
    await lab.annotate({ [DETAILS]: value });
    const { status, metadata } = await lab.settled();
    assert.equal(status?.hardware?.hostname, 'node-0');
    assert.equal(metadata.annotations?.[DETAILS], undefined);
    assert.equal((await lab.events('RemoveAnnotation')).length, 1);
  });

  test('HardwareData wins over the annotation', async () => {
    const lab = new HostLab();
    await supplied(lab);
    await lab.secret();
    await lab.host({ inspectionMode: 'disabled' }, { annotations: { [DETAILS]: value } });
    assert.equal((await lab.settled()).status?.hardware?.hostname, 'supplied');
  });

  test('unreadable: removed, said, the host goes on', async () => {
    const lab = new HostLab();
    await lab.secret();
    await lab.host({ inspectionMode: 'disabled' }, { annotations: { [DETAILS]: '{"cpus":1}' } });
    await lab.settle();
    assert.equal(lab.trace.at(-1), 'available/OK');
    assert.match((await lab.events('RemoveAnnotation'))[0]?.message ?? '', /unknown field cpus/);
  });

  const bad: [string, string, RegExp][] = [
    ['not JSON', '{', /not a JSON object/],
    ['a list', '[]', /not a JSON object/],
    ['unknown member', '{"nics":[{"speed":1}]}', /unknown field nics\[0\]\.speed/],
    ['wrong type', '{"ramMebibytes":"1"}', /ramMebibytes/],
    ['wrong disk type', '{"storage":[{"type":"TAPE"}]}', /storage\[0\]\.type.*"TAPE"/],
    ['VLAN out of range', '{"nics":[{"vlanId":5000}]}', /vlanId/],
  ];
  for (const [name, text, message] of bad) {
    test(name, () => {
      assert.throws(() => parseHardwareDetails(text), { code: 'HOST_HARDWARE_ANNOTATION_INVALID', message });
    });
  }

  test('what inspection finds can be supplied word for word; any JSON is read or refused by code', () => {
    assert.deepEqual(parseHardwareDetails(JSON.stringify(SAMPLE_HARDWARE)), SAMPLE_HARDWARE);
    fc.assert(
      fc.property(fc.json(), (text) => {
        try {
          parseHardwareDetails(text);
        } catch (error) {
          assert.equal((error as { code?: string }).code, 'HOST_HARDWARE_ANNOTATION_INVALID');
        }
      }),
    );
  });
});

suite('inspection', () => {
  test('fails, is restarted after the backoff, the count goes back', async () => {
    const lab = new HostLab();
    lab.provisioner.fail('inspect', 'agent did not register', 2);
    lab.provisioner.work.inspect = 1;
    await lab.secret();
    await lab.host();
    await lab.settle();
    assert.equal((await lab.status()).errorType, 'inspection error');
    assert.equal(lab.trace.at(-1), 'inspecting/error');
    await lab.until((h) => h?.status?.provisioning.state === 'available');
    assert.deepEqual(
      lab.provisioner.of('inspect').map((c) => (c.options as { restart: boolean }).restart),
      [false, true, true, false],
    );
    assert.equal((await lab.status()).errorCount, 0);
    assert.equal(await lab.metric('metal3_host_error_total{error_type="InspectionError"}'), 2);
  });

  test('disabled by annotation while it runs: skipped', async () => {
    const lab = new HostLab();
    lab.provisioner.held.add('inspect');
    await lab.secret();
    await lab.host();
    await lab.until((h) => h?.status?.provisioning.state === 'inspecting');
    await lab.annotate({ 'inspect.metal3.io': 'disabled' });
    await lab.settle();
    assert.equal(lab.trace.at(-1), 'available/OK');
    assert.equal((await lab.events('InspectionSkipped')).length, 1);
  });

  test('asked for, and it takes its time: begun anew once, then waited for', async () => {
    const lab = new HostLab();
    await lab.ready();
    lab.provisioner.work.inspect = 3;
    await lab.annotate({ 'inspect.metal3.io': '' });
    await lab.settle();
    const forced = lab.provisioner.of('inspect').map((c) => (c.options as { force: boolean }).force);
    assert.deepEqual(forced.slice(1), [true, false, false, false]);
  });

  test('asked for where it is disabled: skipped once, not for ever', async () => {
    const lab = new HostLab();
    await lab.ready({ inspectionMode: 'disabled' });
    await lab.annotate({ 'inspect.metal3.io': '' });
    await lab.settle();
    assert.equal(lab.trace.at(-1), 'available/OK');
    assert.equal((await lab.get()).metadata.annotations?.['inspect.metal3.io'], undefined);
  });

  test('asked for on a provisioned host: waits until it is available', async () => {
    const lab = new HostLab();
    await lab.ready({ image: IMAGE });
    await lab.annotate({ 'inspect.metal3.io': '' });
    await lab.settle();
    assert.equal(lab.trace.at(-1), 'provisioned/OK');
    lab.trace.length = 0;
    await lab.edit({ image: null });
    await lab.settle();
    assert.deepEqual(lab.states(), ['deprovisioning', 'available', 'inspecting', 'preparing', 'available']);
  });

  test('preparation fails: settings are forgotten, done again', async () => {
    const lab = new HostLab();
    lab.provisioner.fail('prepare', 'RAID controller said no');
    await lab.secret();
    await lab.host();
    await lab.settle();
    const failed = await lab.status();
    assert.equal(failed.errorType, 'preparation error');
    assert.equal(failed.provisioning.rootDeviceHints, undefined);
    await lab.until((h) => h?.status?.provisioning.state === 'available');
    assert.deepEqual(lab.provisioner.of('prepare')[1]?.options, {
      restart: true,
      firmware: { settings: {}, updates: [] },
    });
    assert.deepEqual((await lab.status()).provisioning.rootDeviceHints, { deviceName: '/dev/sda' });
  });
});

suite('status annotation (metal3-compat §2.11)', () => {
  test('a host that has a status keeps it', async () => {
    const lab = new HostLab();
    await lab.ready();
    await lab.annotate({ [STATUS]: '{"provisioning":{"state":"provisioned"}}' });
    const { status, metadata } = await lab.settled();
    assert.equal(status?.provisioning.state, 'available');
    assert.equal(metadata.annotations?.[STATUS], undefined);
  });

  test('hardware comes from HardwareData', async () => {
    const lab = new HostLab();
    await supplied(lab);
    await lab.secret();
    await lab.host({}, { annotations: { [STATUS]: '{"provisioning":{"state":"available","ID":"old"}}' } });
    const { status } = await lab.settled();
    assert.equal(status?.hardware?.hostname, 'supplied');
    assert.equal(status?.provisioning.ID, 'old');
    assert.equal(lab.provisioner.of('inspect').length, 0);
  });

  for (const [name, text] of [
    ['not JSON', '{'],
    ['a list', '[]'],
    ['an unknown state', '{"provisioning":{"state":"flying"}}'],
  ] as const) {
    test(`${name}: nothing is done before it is corrected`, async () => {
      const lab = new HostLab();
      await lab.secret();
      await lab.host({}, { annotations: { [STATUS]: text } });
      assert.equal((await lab.pass()).requeueMs, undefined);
      assert.equal((await lab.events('InvalidAnnotationValue')).length, 1);
      assert.equal(lab.provisioner.calls.length, 0);
      await lab.annotate({ [STATUS]: null });
      await lab.settle();
      assert.equal(lab.trace.at(-1), 'available/OK');
    });
  }

  test('hosts of the other engine: transient states start over, settled ones are left alone', async () => {
    for (const state of ['inspecting', 'provisioning', 'deprovisioning', 'provisioned', 'match profile', 'ready']) {
      const lab = new HostLab();
      await lab.secret();
      const deployed = state === 'provisioned' || state === 'provisioning';
      const status = {
        provisioning: { state, ID: 'node-uuid', image: state === 'provisioned' ? IMAGE : { url: '' } },
        hardwareProfile: 'unknown',
        operationalStatus: 'OK',
        poweredOn: false,
      };
      await lab.host(deployed ? { image: IMAGE } : {}, { annotations: { [STATUS]: JSON.stringify(status) } });
      await lab.settle();
      const final = await lab.status();
      assert.equal(final.provisioning.state, deployed ? 'provisioned' : 'available');
      assert.equal(final.provisioning.ID, 'node-uuid');
    }
  });
});
