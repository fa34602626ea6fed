/** The lifecycle over the real provisioner, a simulated machine and its agent, which speak HTTP over loopback. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, suite, test } from 'node:test';
import type { BareMetalHost } from '../../src/api/baremetalhost.ts';
import { BARE_METAL_HOST, SECRET } from '../../src/api/resources.ts';
import { type Clock, systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/log.ts';
import { Metrics } from '../../src/core/metrics.ts';
import { type HostController, startHostController } from '../../src/host/controller.ts';
import { DIGEST, Engine, KEY, World } from '../support/engine.ts';

const IMAGE = { url: 'http://images/os.qcow2', checksum: 'aa' };

/** Real time, but nobody waits longer than this: polls of a minute would make the tests long. */
const HURRY_MS = 25;
const hurried: Clock = {
  now: systemClock.now,
  monotonic: systemClock.monotonic,
  timer: (ms, fn, background) => systemClock.timer(Math.min(ms, HURRY_MS), fn, background),
};

suite('lifecycle over the real provisioner', () => {
  let world: World;
  let engine: Engine;
  let stop: AbortController;
  let controller: HostController;
  let states: string[];

  const start = async () => {
    engine = await Engine.start(world);
    stop = new AbortController();
    controller = startHostController({
      store: world.store,
      provisioner: engine.provisioner,
      clock: hurried,
      random: Math.random,
      log: silentLogger,
      metrics: new Metrics(),
      signal: stop.signal,
    });
  };

  const halt = async () => {
    stop.abort();
    await engine.kill();
    await controller.done;
  };

  beforeEach(async () => {
    world = new World();
    states = [];
    await world.store.create(SECRET, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 's', namespace: KEY.namespace },
      stringData: { username: 'u', password: 'p' },
    });
    await start();
  });

  afterEach(async () => {
    await halt();
    await world.end();
    world.store.close();
  });

  const edit = (spec: Record<string, unknown>) => world.store.patch(BARE_METAL_HOST, KEY, { spec });

  /** Waits until the host is as wanted; undefined: gone. */
  const until = async (wanted: (host: BareMetalHost | undefined) => boolean) => {
    const end = Date.now() + 20_000;
    for (;;) {
      const host = (await world.store.list(BARE_METAL_HOST))[0];
      const state = host?.status?.provisioning.state ?? 'gone';
      if (states.at(-1) !== state) states.push(state);
      if (wanted(host)) return host;
      if (Date.now() > end) assert.fail(`${states.join(' → ')}: ${JSON.stringify(host?.status)}`);
      await new Promise((resolve) => setTimeout(resolve, 3));
    }
  };
  const settled = (state: string, poweredOn: boolean) =>
    until((h) => {
      const { provisioning, operationalStatus, poweredOn: on } = h?.status ?? {};
      return provisioning?.state === state && operationalStatus === 'OK' && on === poweredOn;
    });

  test('from nothing to a running OS, to another image, to nothing', async () => {
    await world.addHost();
    const ready = await settled('available', true);
    assert.equal(ready?.status?.hardware?.systemVendor.manufacturer, 'Sim');
    await edit({ image: IMAGE, rootDeviceHints: { deviceName: '/dev/vda' } });
    await settled('provisioned', true);
    assert.equal(world.machine.running, `disk:${DIGEST}`);
    const drive = world.machine.hardware.disks[0]?.configDrive ?? {};
    const meta = JSON.parse(Buffer.from(drive['openstack/latest/meta_data.json'] ?? '', 'base64').toString());
    assert.equal(meta.uuid, ready?.metadata.uid);
    assert.equal(meta['metal3-name'], 'node-0');
    await edit({ image: null, online: false });
    await settled('available', false);
    assert.equal(world.machine.running, 'off');
    assert.equal(world.machine.hardware.disks[0]?.image, undefined);
    await world.store.delete(BARE_METAL_HOST, KEY);
    await until((h) => h === undefined);
    assert.deepEqual(await world.store.list(SECRET), []);
    assert.deepEqual(world.machine.errors, []);
  });

  test('externally provisioned: enrolled while it runs, never disturbed', async () => {
    world.machine.running = 'disk:theirs';
    await world.addHost({ externallyProvisioned: true });
    await settled('externally provisioned', true);
    assert.equal(world.machine.running, 'disk:theirs');
    assert.deepEqual(world.machine.writes, []);
    assert.equal(engine.book.status(KEY).boot?.intent, 'disk');
  });

  test('detached and deleted: the machine runs on', async () => {
    await world.addHost({ image: IMAGE, rootDeviceHints: { deviceName: '/dev/vda' } });
    await settled('provisioned', true);
    const writes = world.machine.writes.length;
    await world.store.patch(BARE_METAL_HOST, KEY, {
      metadata: { annotations: { 'baremetalhost.metal3.io/detached': '' } },
    });
    await until((h) => h?.status?.operationalStatus === 'detached');
    await world.store.delete(BARE_METAL_HOST, KEY);
    await until((h) => h === undefined);
    assert.equal(world.machine.writes.length, writes);
    assert.equal(world.machine.running, `disk:${DIGEST}`);
  });

  test('reboot annotation: off and on, the image stays', async () => {
    await world.addHost({ image: IMAGE, rootDeviceHints: { deviceName: '/dev/vda' } });
    await settled('provisioned', true);
    const before = world.machine.writes.length;
    await world.store.patch(BARE_METAL_HOST, KEY, {
      metadata: { annotations: { 'reboot.metal3.io': '{"mode":"hard"}' } },
    });
    await until((h) => h?.status?.poweredOn === false);
    await settled('provisioned', true);
    assert.deepEqual(world.machine.writes.slice(before), ['off', 'on']);
    assert.equal(world.machine.running, `disk:${DIGEST}`);
  });

  test('wrong hints: a provisioning error that names them; corrected, it is provisioned', async () => {
    await world.addHost({ image: IMAGE, rootDeviceHints: { serialNumber: 'NOSUCH' } });
    const failed = await until((h) => h?.status?.errorType === 'provisioning error');
    assert.match(failed?.status?.errorMessage ?? '', /NOSUCH/);
    await edit({ rootDeviceHints: { serialNumber: 'DISK1' } });
    await settled('provisioned', true);
    assert.equal(world.machine.hardware.disks[1]?.image, DIGEST);
    assert.equal(world.machine.hardware.disks[0]?.image, undefined);
  });

  for (const kill of ['inspecting', 'provisioning', 'deprovisioning']) {
    test(`the engine is killed while ${kill}: it goes on from the objects`, async () => {
      await world.addHost({ rootDeviceHints: { deviceName: '/dev/vda' } });
      if (kill !== 'inspecting') {
        await settled('available', true);
        await edit({ image: IMAGE });
      }
      if (kill === 'deprovisioning') {
        await settled('provisioned', true);
        await edit({ image: null });
      }
      await until((h) => h?.status?.provisioning.state === kill);
      await halt();
      await start();
      if (kill === 'provisioning') {
        await settled('provisioned', true);
        assert.equal(world.machine.running, `disk:${DIGEST}`);
      } else {
        await settled('available', true);
        assert.equal(world.machine.hardware.disks[0]?.image, undefined);
      }
    });
  }
});
