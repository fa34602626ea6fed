import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { BareMetalHostSpec } from '../../src/api/baremetalhost.ts';
import { SECRET } from '../../src/api/resources.ts';
import { HostLab, IMAGE, KEY } from '../support/host-lab.ts';

const DETACHED = 'baremetalhost.metal3.io/detached';

async function dropSecret(lab: HostLab): Promise<void> {
  await lab.store.patch(SECRET, { ...KEY, name: 'bmc' }, { metadata: { finalizers: [] } });
  await lab.store.delete(SECRET, { ...KEY, name: 'bmc' });
}

suite('deletion (metal3-compat §2.10)', () => {
  test('the machine is off and forgotten, nothing is left behind', async () => {
    const lab = new HostLab();
    await lab.ready({ image: IMAGE });
    await lab.remove();
    await lab.settle();
    assert.equal(await lab.exists(), false);
    assert.equal(await lab.secretOf('bmc'), undefined);
    assert.equal(await lab.hardwareData(), undefined);
    assert.deepEqual(lab.provisioner.ops().slice(-3), ['deprovision', 'powerOff', 'forget']);
    assert.deepEqual(lab.provisioner.of('powerOff').at(-1)?.options, { mode: 'hard', force: false });
  });

  for (const state of ['inspecting', 'preparing'] as const) {
    test(`while ${state}: powered off, then gone`, async () => {
      const lab = new HostLab();
      lab.provisioner.held.add(state === 'inspecting' ? 'inspect' : 'prepare');
      await lab.secret();
      await lab.host();
      await lab.until((h) => h?.status?.provisioning.state === state);
      lab.trace.length = 0;
      await lab.remove();
      await lab.settle();
      assert.deepEqual(lab.states(), ['powering off before delete', 'deleting', 'gone']);
      assert.equal(lab.provisioner.of('deprovision').length, 0);
    });
  }

  test('while provisioning: deprovisioned first', async () => {
    const lab = new HostLab();
    lab.provisioner.held.add('provision');
    await lab.secret();
    await lab.host({ image: IMAGE });
    await lab.until((h) => h?.status?.provisioning.state === 'provisioning');
    lab.trace.length = 0;
    await lab.remove();
    await lab.settle();
    assert.deepEqual(lab.states(), ['deprovisioning', 'powering off before delete', 'deleting', 'gone']);
  });

  test('deletion during deprovisioning does not pass through available', async () => {
    const lab = new HostLab();
    await lab.ready({ image: IMAGE });
    lab.provisioner.work.deprovision = 3;
    await lab.edit({ image: null });
    await lab.pass();
    await lab.pass();
    lab.trace.length = 0;
    await lab.remove();
    await lab.settle();
    assert.deepEqual(lab.states(), ['deprovisioning', 'powering off before delete', 'deleting', 'gone']);
  });

  test('deprovisioning fails: given up after more than three failures', async () => {
    const lab = new HostLab();
    await lab.ready({ image: IMAGE });
    lab.provisioner.failAlways('deprovision', 'Cleaning failed: x');
    await lab.remove();
    await lab.until((h) => h === undefined);
    assert.equal(lab.provisioner.of('deprovision').length, 4);
    assert.equal(await lab.metric('metal3_delete_without_deprovisioning_total'), 1);
    assert.deepEqual(lab.states().slice(-4), ['deprovisioning', 'powering off before delete', 'deleting', 'gone']);
  });

  test('power off fails: given up after more than three failures', async () => {
    const lab = new HostLab();
    await lab.ready();
    lab.provisioner.failAlways('powerOff', 'no answer');
    await lab.remove();
    await lab.until((h) => h === undefined);
    assert.equal(lab.provisioner.of('powerOff').length, 4);
    assert.deepEqual(lab.provisioner.of('powerOff').at(-1)?.options, { mode: 'hard', force: true });
    assert.equal(await lab.metric('metal3_delete_without_powering_off_total'), 1);
  });

  for (const spec of [{ image: IMAGE }, {}] as Partial<BareMetalHostSpec>[]) {
    test(`BMC out of reach${spec.image ? ', provisioned' : ''}: the deletion ends all the same`, async () => {
      const lab = new HostLab();
      await lab.ready(spec);
      lab.provisioner.failAlways('register', 'no answer');
      await lab.changeSecret({ password: 'other' });
      await lab.remove();
      await lab.until((h) => h === undefined);
      assert.equal(lab.provisioner.of('register').length, 1 + 4);
    });
  }

  test('an address nobody will correct does not hold up a deletion', async () => {
    const lab = new HostLab();
    await lab.ready({ image: IMAGE });
    lab.provisioner.fail('register', 'unknown scheme', 100, { untilEdited: true });
    await lab.changeSecret({ password: 'other' });
    await lab.remove();
    await lab.until((h) => h === undefined);
  });

  for (const spec of [{ image: IMAGE }, {}] as Partial<BareMetalHostSpec>[]) {
    test(`Secret gone${spec.image ? ', provisioned' : ''}: the machine cannot be reached, the host goes`, async () => {
      const lab = new HostLab();
      await lab.ready(spec);
      await dropSecret(lab);
      lab.trace.length = 0;
      const before = lab.provisioner.calls.length;
      await lab.remove();
      await lab.settle();
      assert.deepEqual(lab.states(), ['deleting', 'gone']);
      assert.deepEqual(
        lab.provisioner.calls.slice(before).map((c) => c.op),
        ['forget'],
      );
      const name = `metal3_delete_without_${spec.image ? 'deprovisioning' : 'powering_off'}_total`;
      assert.equal(await lab.metric(name), 1);
    });
  }

  test('forgetting fails: tried again, then left', async () => {
    const lab = new HostLab();
    await lab.ready();
    lab.provisioner.failAlways('forget', 'busy');
    await lab.remove();
    await lab.until((h) => h === undefined);
    assert.equal(lab.provisioner.of('forget').length, 4);
  });

  test('paused: nothing happens, deletion or not', async () => {
    const lab = new HostLab();
    await lab.ready();
    await lab.annotate({ 'baremetalhost.metal3.io/paused': '' });
    await lab.remove();
    const calls = lab.provisioner.calls.length;
    assert.equal((await lab.pass()).requeueMs, undefined);
    assert.equal(lab.provisioner.calls.length, calls);
    await lab.annotate({ 'baremetalhost.metal3.io/paused': null });
    await lab.settle();
    assert.equal(lab.trace.at(-1), 'gone');
  });

  test('while leaving no HardwareData is created and no finalizer added', async () => {
    const lab = new HostLab();
    lab.provisioner.held.add('inspect');
    await lab.secret();
    await lab.host();
    await lab.until((h) => h?.status?.provisioning.state === 'inspecting');
    await lab.remove();
    lab.provisioner.held.delete('inspect');
    await lab.settle();
    assert.equal(await lab.hardwareData(), undefined);
  });
});

suite('detached (metal3-compat §2.12b)', () => {
  test('available hosts too; polled every ten minutes, no BMC traffic', async () => {
    const lab = new HostLab();
    await lab.ready();
    await lab.annotate({ [DETACHED]: 'true' });
    await lab.settle();
    assert.equal(lab.trace.at(-1), 'available/detached');
    const calls = lab.provisioner.calls.length;
    assert.equal((await lab.pass()).requeueMs, 600_000);
    assert.equal(lab.provisioner.calls.length, calls);
  });

  test('not while inspecting, unless forced', async () => {
    const lab = new HostLab();
    lab.provisioner.held.add('inspect');
    await lab.secret();
    await lab.host();
    await lab.until((h) => h?.status?.provisioning.state === 'inspecting');
    await lab.annotate({ [DETACHED]: '' });
    await lab.pass();
    assert.equal(lab.trace.at(-1), 'inspecting/OK');
    await lab.annotate({ [DETACHED]: '{"force":true}' });
    await lab.pass();
    assert.equal(lab.trace.at(-1), 'inspecting/detached');
    await lab.annotate({ [DETACHED]: null });
    lab.provisioner.held.delete('inspect');
    await lab.settle();
    assert.equal(lab.trace.at(-1), 'available/OK');
  });

  test('waits for the state when it comes too early', async () => {
    const lab = new HostLab();
    lab.provisioner.work.inspect = 2;
    await lab.secret();
    await lab.host({}, { annotations: { [DETACHED]: '' } });
    await lab.settle();
    assert.equal(lab.trace.at(-1), 'available/detached');
  });

  test('detaching is work: done when the provisioner says so; a failure is a registration error', async () => {
    const lab = new HostLab();
    await lab.ready();
    lab.provisioner.fail('forget', 'session busy');
    await lab.annotate({ [DETACHED]: '' });
    await lab.settle();
    assert.equal((await lab.status()).errorType, 'registration error');
    await lab.until((h) => h?.status?.operationalStatus === 'detached');
    assert.equal((await lab.status()).errorCount, 0);
  });

  test('attached again with another address: registered with it', async () => {
    const lab = new HostLab();
    await lab.ready({ image: IMAGE });
    await lab.annotate({ [DETACHED]: '' });
    await lab.settle();
    await lab.edit({ bmc: { address: 'ipmi://192.0.2.77' } });
    await lab.settle();
    assert.equal(lab.provisioner.of('register').length, 1);
    await lab.annotate({ [DETACHED]: null });
    await lab.settle();
    const last = lab.provisioner.of('register').at(-1);
    assert.equal(last?.context.host.spec.bmc?.address, 'ipmi://192.0.2.77');
    assert.equal(lab.trace.at(-1), 'provisioned/OK');
    assert.equal(lab.provisioner.of('deprovision').length, 0);
  });

  test('the engine is restarted between attaching and registering', async () => {
    const lab = new HostLab();
    await lab.ready({ image: IMAGE });
    await lab.annotate({ [DETACHED]: '' });
    await lab.settle();
    await lab.annotate({ [DETACHED]: null });
    await lab.pass();
    assert.equal(lab.provisioner.of('register').length, 1);
    await lab.restart();
    await lab.settle();
    assert.equal(lab.provisioner.of('register').length, 2);
  });

  test('a lost Secret does not touch a detached host', async () => {
    const lab = new HostLab();
    await lab.ready();
    await lab.annotate({ [DETACHED]: '' });
    await lab.settle();
    await dropSecret(lab);
    await lab.pass();
    assert.equal(lab.trace.at(-1), 'available/detached');
  });

  test('deleteAction delay: the deletion waits until the host is attached', async () => {
    const lab = new HostLab();
    await lab.ready({ image: IMAGE });
    await lab.annotate({ [DETACHED]: '{"deleteAction":"delay"}' });
    await lab.settle();
    await lab.remove();
    await lab.settle();
    assert.equal(lab.trace.at(-1), 'provisioned/detached');
    assert.ok((await lab.metric('metal3_delete_delayed_for_detached_total')) >= 1);
    lab.trace.length = 0;
    await lab.annotate({ [DETACHED]: null });
    await lab.settle();
    assert.deepEqual(lab.states(), ['provisioned', 'deprovisioning', 'powering off before delete', 'deleting', 'gone']);
  });

  test('annotated and deleted at once: gone without a touch', async () => {
    const lab = new HostLab();
    await lab.ready({ image: IMAGE });
    await lab.annotate({ [DETACHED]: '{"deleteAction":"delete"}' });
    await lab.remove();
    const before = lab.provisioner.calls.length;
    await lab.settle();
    assert.deepEqual(
      lab.provisioner.calls.slice(before).map((c) => c.op),
      ['forget'],
    );
  });
});
