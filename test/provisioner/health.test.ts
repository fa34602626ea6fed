/** Health of many machines, asked rarely and in the background. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { BareMetalHost } from '../../src/api/baremetalhost.ts';
import type { Bmc } from '../../src/bmc/bmc.ts';
import type { BmcCapabilities, Health, Sensor, StorageDrive } from '../../src/bmc/capabilities.ts';
import { bmcErrors } from '../../src/bmc/errors.ts';
import { FakeClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/log.ts';
import { HealthWatch, degradedParts } from '../../src/provisioner/health.ts';

class Bed {
  readonly clock = new FakeClock();
  health: Health | undefined = 'ok';
  sensors: Sensor[] = [];
  drives: StorageDrive[] = [];
  /** Hosts whose BMC was asked, in order. */
  readonly asked: string[] = [];
  readonly woken: string[] = [];
  readonly seen: string[] = [];
  sensorReads = 0;
  underWay = 0;
  most = 0;
  /** Answers wait for this. */
  hold: Promise<void> = Promise.resolve();
  trouble: Error | undefined;
  capabilities: BmcCapabilities = {
    inspection: {
      inventory: () => Promise.reject(new Error('dozens of requests')),
      health: async () => {
        if (this.trouble !== undefined) throw this.trouble;
        this.underWay += 1;
        this.most = Math.max(this.most, this.underWay);
        await this.hold;
        this.underWay -= 1;
        return this.health;
      },
    },
    sensing: {
      sensors: () => {
        this.sensorReads += 1;
        return Promise.resolve(this.sensors);
      },
    },
    storage: {
      controllers: () => Promise.resolve([{ id: 'c', name: 'C', raidTypes: [], drives: this.drives, volumes: [] }]),
      createVolume: () => Promise.resolve('done'),
      deleteVolume: () => Promise.resolve('done'),
    },
  };
  readonly watch = new HealthWatch({
    bmcs: {
      get: ({ host }) => {
        this.asked.push(host.metadata.name);
        return Promise.resolve(this.capabilities as Bmc);
      },
    },
    timeline: { add: (_key, { text }) => void this.seen.push(text) },
    clock: this.clock,
    random: () => 0.5,
    log: silentLogger,
    wake: ({ name }) => void this.woken.push(name),
    signal: new AbortController().signal,
  });

  /** One pass over a host, and what it began. */
  async look(name = 'node-0') {
    const host: BareMetalHost = {
      apiVersion: 'metal3.io/v1alpha1',
      kind: 'BareMetalHost',
      metadata: { name, namespace: 'lab' },
      spec: { online: true },
    };
    const credentials = { username: 'u', password: 'p' };
    const report = this.watch.report({ host, credentials, signal: new AbortController().signal });
    await this.clock.advance(0);
    return report;
  }
}

suite('health of a machine', () => {
  test('is asked at most every three minutes, however often a host is looked at', async () => {
    const bed = new Bed();
    assert.equal(await bed.look(), undefined, 'no pass waits for it');
    assert.deepEqual(bed.woken, ['node-0'], 'the first word wakes the host');
    for (let minute = 0; minute < 60; minute++) {
      assert.deepEqual(await bed.look(), { health: 'ok', parts: [] });
      await bed.clock.advance(60_000);
    }
    assert.ok(bed.asked.length >= 14 && bed.asked.length <= 20, `${bed.asked.length} in an hour`);
    assert.deepEqual(bed.woken, ['node-0'], 'the same word wakes nobody');
    assert.deepEqual(bed.seen, []);
  });

  test('a thousand BMCs are asked ten at a time', async () => {
    const bed = new Bed();
    const { promise, resolve } = Promise.withResolvers<void>();
    bed.hold = promise;
    for (let i = 0; i < 1000; i++) await bed.look(`node-${i}`);
    assert.equal(bed.most, 10);
    resolve();
    await bed.clock.advance(0);
    for (let round = 0; round < 100; round++) for (let i = 0; i < 1000; i += 100) await bed.look(`node-${i + round}`);
    assert.equal(new Set(bed.asked).size, 1000);
    assert.ok(bed.most <= 10);
  });

  test('one that gets worse names its parts; while it stays so they are read rarely', async () => {
    const bed = new Bed();
    await bed.look();
    bed.health = 'critical';
    bed.sensors = [
      { name: 'Fan 1', kind: 'fan', unit: 'rpm', reading: 0, health: 'warning' },
      { name: 'Inlet', kind: 'temperature', unit: 'Cel', reading: 20, health: 'ok' },
      { name: 'PSU 2', kind: 'power', unit: 'W', health: 'critical' },
    ];
    bed.drives = [
      { id: 'd0', name: 'Disk 0', health: 'ok', failurePredicted: true },
      { id: 'd1', name: 'Disk 1', health: 'ok' },
    ];
    await bed.clock.advance(240_000);
    await bed.look();
    const parts = ['PSU 2 (critical)', 'Disk 0 (warning, failure predicted)', 'Fan 1 (warning)'];
    assert.deepEqual(await bed.look(), { health: 'critical', parts });
    assert.deepEqual(bed.woken, ['node-0', 'node-0']);
    assert.deepEqual(bed.seen, [`health: critical: ${parts.join(', ')}`]);
    for (let i = 0; i < 5; i++) {
      await bed.clock.advance(240_000);
      await bed.look();
    }
    assert.equal(bed.sensorReads, 1);
    bed.health = 'ok';
    await bed.clock.advance(240_000);
    await bed.look();
    assert.deepEqual(await bed.look(), { health: 'ok', parts: [] });
    assert.equal(bed.seen.at(-1), 'health: ok');
  });

  test('a BMC that is silent changes nothing; one that cannot tell says so', async () => {
    const bed = new Bed();
    await bed.look();
    bed.trouble = bmcErrors.make('BMC_UNREACHABLE', 'silent');
    await bed.clock.advance(240_000);
    await bed.look();
    assert.deepEqual(await bed.look(), { health: 'ok', parts: [] });
    assert.equal(bed.asked.length, 2, 'and is not asked on and on');
    bed.capabilities = {};
    await bed.clock.advance(240_000);
    await bed.look();
    assert.deepEqual(await bed.look(), { health: undefined, parts: [] });
    bed.watch.forget({ namespace: 'lab', name: 'node-0' });
    assert.equal(await bed.look(), undefined);
  });

  test('long lists are cut short, and a part that cannot be read hides no other', async () => {
    const sensors = Array.from({ length: 12 }, (_, i): Sensor => ({
      name: `Fan ${i + 10}`,
      kind: 'fan',
      unit: 'rpm',
      health: 'warning',
    }));
    const bmc = {
      sensing: { sensors: () => Promise.resolve(sensors) },
      storage: { controllers: () => Promise.reject(bmcErrors.make('BMC_UNSUPPORTED', 'none')) },
    } as unknown as Bmc;
    const parts = await degradedParts(bmc, new AbortController().signal);
    assert.equal(parts.length, 9);
    assert.equal(parts[0], 'Fan 10 (warning)');
    assert.equal(parts.at(-1), '4 more');
  });
});
