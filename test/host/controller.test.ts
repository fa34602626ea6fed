import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { BareMetalHost } from '../../src/api/baremetalhost.ts';
import { BARE_METAL_HOST, HOST_FIRMWARE_SETTINGS, SECRET } from '../../src/api/resources.ts';
import { FakeClock, sleep } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/log.ts';
import { Metrics } from '../../src/core/metrics.ts';
import { type HostControllerConfig, startHostController } from '../../src/host/controller.ts';
import { FakeProvisioner } from '../support/fake-provisioner.ts';
import { conditions } from '../support/firmware-wish.ts';
import { MemoryStore } from '../support/memory-store.ts';

function bench(config: Partial<HostControllerConfig> = {}) {
  const clock = new FakeClock();
  const store = new MemoryStore();
  const provisioner = new FakeProvisioner();
  const stop = new AbortController();
  const metrics = new Metrics();
  const start = () =>
    startHostController({
      store,
      provisioner,
      clock,
      random: () => 0.5,
      log: silentLogger,
      metrics,
      config,
      signal: stop.signal,
    });
  const add = async (name: string, mac: string) => {
    await store.create(SECRET, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: `${name}-bmc`, namespace: 'lab' },
      stringData: { username: 'admin', password: 'pw' },
    });
    return await store.create(BARE_METAL_HOST, {
      apiVersion: 'metal3.io/v1alpha1',
      kind: 'BareMetalHost',
      metadata: { name, namespace: 'lab' },
      spec: {
        online: true,
        bmc: { address: 'ipmi://192.0.2.1', credentialsName: `${name}-bmc` },
        bootMACAddress: mac,
      },
    });
  };
  const get = async (name: string): Promise<BareMetalHost> =>
    await store.get(BARE_METAL_HOST, { namespace: 'lab', name });
  const state = async (name: string) => (await get(name)).status?.provisioning.state;
  return { clock, store, provisioner, stop, metrics, start, add, get, state };
}

const MAC = '52:54:00:00:00:01';

suite('host controller', () => {
  test('hosts that exist and hosts that come are brought to available', async () => {
    const b = bench();
    await b.add('old', MAC);
    const controller = b.start();
    await b.clock.advance(5_000);
    assert.equal(await b.state('old'), 'available');
    await b.add('new', '52:54:00:00:00:02');
    await b.clock.advance(5_000);
    assert.equal(await b.state('new'), 'available');
    b.stop.abort();
    await controller.done;
    assert.equal(b.clock.waiting, 0);
  });

  test('a wish for other firmware wakes its host at once, also one that rests after a failure', async () => {
    const b = bench();
    const controller = b.start();
    await b.add('node', MAC);
    const made = await b.store.create(HOST_FIRMWARE_SETTINGS, {
      apiVersion: 'metal3.io/v1alpha1',
      kind: 'HostFirmwareSettings',
      metadata: { name: 'node', namespace: 'lab' },
      spec: { settings: { Hyper: 'On' } },
    });
    await b.clock.advance(5_000);
    assert.equal(await b.state('node'), 'available');
    const prepared = () => b.provisioner.of('prepare').length;
    const look = async (changed: boolean, observedGeneration: number) => {
      const held = await b.store.get(HOST_FIRMWARE_SETTINGS, { namespace: 'lab', name: 'node' });
      const status = { settings: { Hyper: 'Off' }, conditions: conditions(changed, true, observedGeneration) };
      await b.store.updateStatus(HOST_FIRMWARE_SETTINGS, { ...held, status });
    };
    const before = prepared();
    b.provisioner.fail('prepare', 'the machine does not take it');
    await look(true, made.metadata.generation ?? 0);
    await b.clock.advance(2_000);
    assert.equal(prepared(), before + 1, 'not at the next poll');
    assert.equal((await b.get('node')).status?.errorType, 'preparation error');
    await b.clock.advance(2_000);
    assert.equal(prepared(), before + 1, 'its own notes are no reason');
    const edited = await b.store.patch(
      HOST_FIRMWARE_SETTINGS,
      { namespace: 'lab', name: 'node' },
      { spec: { settings: { Hyper: 'Auto' } } },
    );
    await look(true, edited.metadata.generation ?? 0);
    await b.clock.advance(2_000);
    assert.equal(prepared(), before + 2, 'the rest is over');
    assert.equal(await b.state('node'), 'available');
    b.stop.abort();
    await controller.done;
  });

  test('forty dead BMCs do not keep a living host waiting for more than a few seconds', async () => {
    const b = bench();
    const register = b.provisioner.register.bind(b.provisioner);
    let hanging = 0;
    b.provisioner.register = async (context, options) => {
      if (!context.host.metadata.name.startsWith('dead')) return await register(context, options);
      hanging += 1;
      await sleep(b.clock, 90_000, context.signal).finally(() => (hanging -= 1));
      return { kind: 'failed', code: 'BMC_UNREACHABLE', message: 'no answer' };
    };
    for (let i = 0; i < 40; i++) await b.add(`dead-${i}`, `52:54:00:00:01:${i.toString(16).padStart(2, '0')}`);
    const controller = b.start();
    await b.clock.advance(1_000);
    assert.ok(hanging >= 20, `${hanging} hang`);
    await b.add('alive', MAC);
    await b.clock.advance(8_000);
    assert.equal(hanging, 40);
    assert.equal(await b.state('alive'), 'available');
    b.stop.abort();
    await controller.done;
    assert.deepEqual([hanging, b.clock.waiting], [0, 0]);
  });

  test('an edit of the spec, an annotation and a Secret each wake the host; a label does not', async () => {
    const b = bench();
    await b.add('node', MAC);
    const controller = b.start();
    await b.clock.advance(5_000);
    const key = { namespace: 'lab', name: 'node' };
    const polls = () => b.provisioner.of('powerState').length;
    const wakes = async (edit: () => Promise<unknown>) => {
      await b.clock.advance(20_000);
      const before = polls();
      await edit();
      await b.clock.advance(0);
      return polls() > before;
    };
    assert.equal(await wakes(() => b.store.patch(BARE_METAL_HOST, key, { metadata: { labels: { a: 'b' } } })), false);
    assert.equal(await wakes(() => b.store.patch(BARE_METAL_HOST, key, { spec: { description: 'x' } })), true);
    assert.equal(
      await wakes(() => b.store.patch(BARE_METAL_HOST, key, { metadata: { annotations: { a: '' } } })),
      true,
    );
    const secret = { namespace: 'lab', name: 'node-bmc' };
    assert.equal(await wakes(() => b.store.patch(SECRET, secret, { stringData: { password: 'n' } })), true);
    assert.equal(b.provisioner.of('register').length, 2, 'the new password was verified');
    assert.equal(await wakes(async () => controller.wake(key)), true);
    b.stop.abort();
    await controller.done;
  });

  test('claiming a Secret, also by another host that shares it, is no reason to try again; its contents are', async () => {
    const b = bench();
    await b.add('node', MAC);
    b.provisioner.failAlways('register', 'refused');
    const controller = b.start();
    await b.clock.advance(5_000);
    const tries = () => b.provisioner.of('register').length;
    assert.equal(tries(), 1);
    const secret = { namespace: 'lab', name: 'node-bmc' };
    await b.store.patch(SECRET, secret, { metadata: { annotations: { claimed: 'by another' } } });
    await b.clock.advance(5_000);
    assert.equal(tries(), 1);
    await b.store.patch(SECRET, secret, { stringData: { password: 'other' } });
    await b.clock.advance(5_000);
    assert.equal(tries(), 2);
    controller.wake({ namespace: 'lab', name: 'node' });
    await b.clock.advance(5_000);
    assert.equal(tries(), 2, 'a machine that stirs does not shorten the backoff');
    await b.clock.advance(240_000);
    assert.equal(tries(), 3, 'its end does');
    b.stop.abort();
    await controller.done;
  });

  test('power is looked at every 60 s', async () => {
    const b = bench();
    await b.add('node', MAC);
    const controller = b.start();
    await b.clock.advance(5_000);
    const before = b.provisioner.of('powerState').length;
    await b.clock.advance(600_000);
    const polls = b.provisioner.of('powerState').length - before;
    assert.ok(polls >= 9 && polls <= 11, `${polls} polls in ten minutes`);
    b.stop.abort();
    await controller.done;
  });

  test('no more hosts are busy than there are slots; all get there', async () => {
    const b = bench({ provisioningLimit: 3 });
    let busy = 0;
    let most = 0;
    b.provisioner.work.inspect = 5;
    for (let i = 0; i < 12; i++) await b.add(`n${i}`, `52:54:00:00:01:${i.toString(16).padStart(2, '0')}`);
    const controller = b.start();
    for (let i = 0; i < 1_200; i++) {
      await b.clock.advance(1_000);
      const hosts = await b.store.list(BARE_METAL_HOST);
      busy = hosts.filter((h) => h.status?.provisioning.state === 'inspecting').length;
      most = Math.max(most, busy);
      if (hosts.every((h) => h.status?.provisioning.state === 'available')) break;
    }
    assert.equal(most, 3);
    for (let i = 0; i < 12; i++) assert.equal(await b.state(`n${i}`), 'available');
    b.stop.abort();
    await controller.done;
  });

  test('a boot MAC in use: the second host waits, and is registered as soon as the first is gone', async () => {
    const b = bench();
    await b.add('first', '52:54:00:AB:00:01');
    const controller = b.start();
    await b.clock.advance(5_000);
    await b.add('second', '52:54:00:ab:00:01');
    await b.clock.advance(5_000);
    const { status } = await b.get('second');
    assert.equal(status?.errorType, 'registration error');
    assert.match(status?.errorMessage ?? '', /conflicts with existing node lab\/first/);
    assert.equal(b.provisioner.of('register').filter((c) => c.host === 'lab/second').length, 0);
    await b.store.delete(BARE_METAL_HOST, { namespace: 'lab', name: 'first' });
    await b.clock.advance(20_000);
    assert.equal(await b.state('second'), 'available');
    b.stop.abort();
    await controller.done;
  });

  test('a thrown error is counted, tried again, and leaves the status alone', async () => {
    const b = bench();
    b.provisioner.throwing('register', new Error('socket closed'), 3);
    await b.add('node', MAC);
    const controller = b.start();
    await b.clock.advance(5_000);
    assert.equal(await b.state('node'), 'available');
    assert.equal((await b.get('node')).status?.errorCount, 0);
    const { body } = await b.metrics.expose();
    assert.match(body, /metal3_reconcile_error_total 3/);
    b.stop.abort();
    await controller.done;
  });

  test('a watch that breaks for good stops the controller and says why', async () => {
    const b = bench();
    b.store.watch = () => {
      throw new Error('no such resource');
    };
    const controller = b.start();
    await assert.rejects(controller.done, /no such resource/);
  });

  test('two controllers in a row: the second goes on where the first stopped', async () => {
    const b = bench();
    b.provisioner.held.add('inspect');
    await b.add('node', MAC);
    const first = b.start();
    await b.clock.advance(5_000);
    b.stop.abort();
    await first.done;
    assert.equal(await b.state('node'), 'inspecting');
    b.provisioner.held.delete('inspect');
    const stop = new AbortController();
    const second = startHostController({
      store: b.store,
      provisioner: b.provisioner,
      clock: b.clock,
      random: () => 0.5,
      log: silentLogger,
      metrics: new Metrics(),
      signal: stop.signal,
    });
    await b.clock.advance(5_000);
    assert.equal(await b.state('node'), 'available');
    stop.abort();
    await second.done;
  });
});
