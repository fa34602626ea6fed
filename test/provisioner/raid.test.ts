/** Hardware RAID: which drives become which volumes, and the way there through a controller that waits, dies and errs. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import fc from 'fast-check';
import type { HardwareRaidVolume } from '../../src/api/baremetalhost.ts';
import type { StorageController, StorageDrive, StorageVolume } from '../../src/bmc/capabilities.ts';
import { bmcErrors } from '../../src/bmc/errors.ts';
import { openBmc } from '../../src/bmc/open.ts';
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/log.ts';
import type { Outcome } from '../../src/provisioner/provisioner.ts';
import { planRaid } from '../../src/provisioner/raid-plan.ts';
import { dellIdrac9 } from '../../src/sim/redfish/personalities/dell-idrac9.ts';
import { plain } from '../../src/sim/redfish/personalities/plain.ts';
import type { Personality } from '../../src/sim/redfish/personality.ts';
import type { StorageOptions } from '../../src/sim/redfish/state/storage.ts';
import { Engine, KEY, World } from '../support/engine.ts';
import { QUICK } from '../support/redfish-client.ts';
import { PASSWORD, USER, startTestBmc } from '../support/redfish-sim.ts';

const GIB = 2 ** 30;
const MIN: Record<string, number> = { '0': 1, '1': 2, '5': 3, '6': 4, '1+0': 4, '5+0': 6, '6+0': 8 };

const drive = (id: string, more: Partial<StorageDrive> = {}): StorageDrive => ({
  id: `/drives/${id}`,
  name: `Disk ${id}`,
  bytes: 100 * GIB,
  rotational: true,
  media: 'HDD',
  ...more,
});

const controller = (drives: StorageDrive[], more: Partial<StorageController> = {}): StorageController => ({
  id: '/storage/RAID1',
  name: 'PERC',
  raidTypes: [],
  drives,
  volumes: [],
  ...more,
});

const many = (count: number, more: Partial<StorageDrive> = {}) =>
  Array.from({ length: count }, (_, i) => drive(String(i), more));

function drivesOf(wanted: HardwareRaidVolume[], ...controllers: StorageController[]): string[][] {
  const plan = planRaid(wanted, controllers);
  assert.equal(plan.kind, 'plan', plan.kind === 'problem' ? plan.text : '');
  return plan.kind === 'plan' ? plan.creates.map((c) => c.drives.map((d) => d.replace('/drives/', ''))) : [];
}

function problemOf(wanted: HardwareRaidVolume[], ...controllers: StorageController[]): string {
  const plan = planRaid(wanted, controllers);
  return plan.kind === 'problem' ? plan.text : assert.fail(JSON.stringify(plan));
}

describe('RAID plans', () => {
  it('named drives are kept for the volume that names them, by path, end of path or name', () => {
    const wanted = [
      { level: '1' },
      { level: '1', controller: 'RAID1', physicalDisks: ['/drives/0', 'Disk 1'] },
      { level: '0', controller: 'PERC', physicalDisks: ['5'] },
    ];
    assert.deepEqual(drivesOf(wanted, controller(many(6))), [['2', '3'], ['0', '1'], ['5']]);
  });

  it('a size takes as many drives as it needs, none takes all there is of the fewest', () => {
    const sized = planRaid([{ level: '5', sizeGibibytes: 350, name: 'data' }], [controller(many(6))]);
    assert.deepEqual(sized, {
      kind: 'plan',
      creates: [
        {
          controller: '/storage/RAID1',
          name: 'data',
          level: '5',
          bytes: 350 * GIB,
          drives: ['0', '1', '2', '3', '4'].map((i) => `/drives/${i}`),
        },
      ],
    });
    assert.deepEqual(drivesOf([{ level: '5', sizeGibibytes: 0 }], controller(many(6))), [['0', '1', '2']]);
  });

  it('drives alike are preferred, kinds never mixed, failing drives left alone, small ones passed over', () => {
    const mixed = [
      drive('a', { bytes: 50 * GIB }),
      drive('b', { failurePredicted: true }),
      drive('c', { health: 'critical' }),
      drive('d', { rotational: false, media: 'SSD' }),
      drive('e'),
      drive('f'),
    ];
    assert.deepEqual(drivesOf([{ level: '1' }], controller(mixed)), [['e', 'f']]);
    assert.deepEqual(drivesOf([{ level: '0', rotational: false }], controller(mixed)), [['d']]);
    assert.deepEqual(drivesOf([{ level: '0', sizeGibibytes: 60, rotational: true }], controller(mixed)), [['e']]);
    assert.match(
      problemOf([{ level: '1', rotational: false }], controller(mixed)),
      /at least 2 solid state.*1 are free/,
    );
    assert.match(
      problemOf([{ level: '5' }], controller(mixed.slice(3)), controller(many(2))),
      /volume 0: RAID 5 takes/,
    );
  });

  it('what cannot be is told by name', () => {
    const one = controller(many(4));
    const cases: [HardwareRaidVolume[], RegExp][] = [
      [[{ level: '2' }], /RAID level "2"/],
      [
        [
          { level: '1', name: 'x' },
          { level: '1', name: 'x' },
        ],
        /two volumes have the name "x"/,
      ],
      [[{ level: '1', controller: 'AHCI' }], /no controller "AHCI".*there are PERC/],
      [[{ level: '5', numberOfPhysicalDisks: 2 }], /at least 3 drives, not 2/],
      [[{ level: '1+0', numberOfPhysicalDisks: 5 }], /even number/],
      [[{ level: '1', controller: 'PERC', physicalDisks: ['0', '9'] }], /no drive "9"/],
      [[{ level: '1', controller: 'PERC', physicalDisks: ['0', '0'] }], /"0" is used twice/],
      [[{ level: '1', physicalDisks: ['0', '1'], numberOfPhysicalDisks: 3 }], /is 3, and physicalDisks are 2/],
      [[{ level: '1', physicalDisks: ['0', '1'], sizeGibibytes: 101 }], /give 100 GiB at RAID 1, not 101/],
      [[{ level: '5', name: 'big', sizeGibibytes: 999 }], /volume 0 \(big\): RAID 5 of 999 GiB/],
      [[{ level: '1' }, { level: '5' }], /volume 1: RAID 5 takes at least 3 drives.*2 are free/],
    ];
    for (const [wanted, text] of cases) assert.match(problemOf(wanted, one), text);
    assert.match(problemOf([{ level: '5' }], controller(many(4), { raidTypes: ['RAID0', 'RAID1'] })), /no controller/);
    assert.match(problemOf([{ level: '1' }]), /there are none/);
  });

  it('no drive twice, never fewer than the level needs, of one controller and one kind, large enough', () => {
    const level = fc.constantFrom(...Object.keys(MIN));
    const count = fc.option(fc.integer({ min: 1, max: 9 }), { nil: undefined });
    const volume = fc.record({
      level,
      numberOfPhysicalDisks: count,
      sizeGibibytes: fc.integer({ min: 0, max: 300 }),
      rotational: fc.option(fc.boolean(), { nil: undefined }),
      physicalDisks: fc.option(fc.array(fc.integer({ min: 0, max: 12 }).map(String), { maxLength: 5 }), {
        nil: undefined,
      }),
    });
    const kind = fc.record({
      bytes: fc.option(
        fc.integer({ min: 1, max: 200 }).map((g) => g * GIB),
        { nil: undefined },
      ),
      rotational: fc.boolean(),
      failurePredicted: fc.boolean(),
    });
    const box = fc.array(fc.array(kind, { maxLength: 12 }), { maxLength: 3 });
    let planned = 0;
    fc.assert(
      fc.property(fc.array(volume, { maxLength: 4 }), box, (wanted, boxes) => {
        const controllers = boxes.map((drives, c) => ({
          ...controller(drives.map((d, i) => ({ id: `/c${c}/${i}`, name: `Disk ${i}`, ...d }) as StorageDrive)),
          id: `/c${c}`,
        }));
        const plan = planRaid(wanted as HardwareRaidVolume[], controllers);
        if (plan.kind === 'problem') return;
        planned++;
        assert.equal(plan.creates.length, wanted.length);
        const all = plan.creates.flatMap((c) => c.drives);
        assert.equal(new Set(all).size, all.length, 'no drive twice');
        for (const [i, made] of plan.creates.entries()) {
          const { drives } = controllers.find((c) => c.id === made.controller) ?? controller([]);
          const used = made.drives.map((id) => drives.find((d) => d.id === id) ?? assert.fail('of another controller'));
          assert.ok(used.length >= (MIN[made.level] ?? 0));
          assert.ok(used.every((d) => d.failurePredicted !== true));
          const { numberOfPhysicalDisks, rotational, physicalDisks = [] } = wanted[i] ?? {};
          if (numberOfPhysicalDisks !== undefined) assert.equal(used.length, numberOfPhysicalDisks);
          if ((physicalDisks ?? []).length > 0) continue;
          assert.equal(new Set(used.map((d) => d.rotational)).size, 1);
          if (rotational !== undefined) assert.ok(used.every((d) => d.rotational === rotational));
        }
      }),
      { numRuns: 500 },
    );
    assert.ok(planned > 50, `only ${planned} plans`);
  });
});

/** A controller that works at once or at the machine's next start, and remembers what it was told. */
class FakeStorage {
  readonly drives = many(6);
  volumes: StorageVolume[] = [];
  readonly orders: string[] = [];
  onStart: (() => void)[] = [];
  slow = false;
  /** Thrown before the next order. */
  failure: Error | undefined;

  controllers(): Promise<StorageController[]> {
    return Promise.resolve([controller(this.drives, { volumes: [...this.volumes] })]);
  }

  createVolume(volume: { name?: string; level: string; bytes?: number; drives: readonly string[] }) {
    const busy = this.volumes.some((v) => v.drives.some((d) => volume.drives.includes(d)));
    if (busy) return Promise.reject(bmcErrors.make('BMC_COMMAND_REFUSED', 'a drive is in use', {}));
    const { name = 'unnamed', level, drives } = volume;
    const made = { id: `/v/${this.orders.length}`, name, level, bytes: volume.bytes ?? GIB, drives };
    return this.#order(`create ${name}`, () => this.volumes.push(made));
  }

  deleteVolume(id: string) {
    const found = this.volumes.find((v) => v.id === id);
    if (found === undefined) return Promise.reject(bmcErrors.make('BMC_COMMAND_REFUSED', 'no such volume', {}));
    return this.#order(`delete ${found.name}`, () => (this.volumes = this.volumes.filter((v) => v.id !== id)));
  }

  #order(text: string, work: () => unknown): Promise<'done' | 'pending'> {
    if (this.failure !== undefined) return Promise.reject(this.failure);
    this.orders.push(text);
    if (this.slow) this.onStart.push(work);
    else work();
    return Promise.resolve(this.slow ? 'pending' : 'done');
  }
}

describe('provisioner: hardware RAID', () => {
  let world: World;
  let engine: Engine;
  let storage: FakeStorage;
  const old = { id: '/v/old', name: 'old', level: '0', bytes: GIB, drives: ['/drives/5'] };
  const bare = { id: '/v/bare', name: 'bare drive', bytes: GIB, drives: ['/drives/4'] };

  beforeEach(async () => {
    world = new World();
    world.limits.raidOrderMs = 0;
    storage = new FakeStorage();
    const { machine } = world;
    world.bmc = Object.assign(machine, { storage });
    const setPower = machine.setPower.bind(machine);
    machine.setPower = async (action) => {
      if (action === 'on') for (const work of storage.onStart.splice(0)) work();
      await setPower(action);
    };
    engine = await Engine.start(world);
    await world.addHost();
  });

  afterEach(async () => {
    await engine.kill();
    await world.end();
  });

  async function prepare(volumes: HardwareRaidVolume[] | undefined, differs: boolean, until = 60) {
    for (let i = 0; i < until; i++) {
      const raid = volumes === undefined ? {} : { raid: { volumes, differs: differs && i === 0 } };
      const context = await engine.context();
      const outcome: Outcome<object> = await engine.provisioner.prepare(context, { firmware: NOTHING, ...raid });
      if (outcome.kind !== 'continue') return outcome;
    }
    return undefined;
  }

  async function reborn(): Promise<void> {
    await engine.book.flush();
    await engine.kill();
    engine = await Engine.start(world);
  }

  const NOTHING = { settings: {}, updates: [] };
  const wanted = [
    { level: '1', name: 'root' },
    { level: '0', name: 'data', numberOfPhysicalDisks: 2 },
  ];
  const powerOns = () => world.machine.writes.filter((w) => w === 'on').length;

  it('what is there is deleted, what is wanted is made and seen; nothing needs a restart', async () => {
    storage.volumes = [old, bare];
    assert.deepEqual(await prepare(wanted, true), { kind: 'done' });
    assert.deepEqual(storage.orders, ['delete old', 'create root', 'create data']);
    assert.equal(powerOns(), 0);
    assert.deepEqual(
      storage.volumes.map((v) => v.name),
      ['bare drive', 'root', 'data'],
    );
    const status = engine.book.status(KEY);
    assert.equal(status.raid, undefined);
    assert.ok(!status.timeline?.some((e) => /BIOS|firmware/.test(e.text)), 'nothing is told that was not to do');
    assert.ok(status.timeline?.some((e) => e.kind === 'raid-applied' && /root, RAID 1 of 2 drives/.test(e.text)));
  });

  it('no spec and no difference touch nothing; an empty list deletes all', async () => {
    storage.volumes = [old];
    assert.deepEqual(await prepare(undefined, false), { kind: 'done' });
    assert.deepEqual(await prepare(wanted, false), { kind: 'done' });
    assert.deepEqual(storage.orders, []);
    assert.deepEqual(await prepare([], true), { kind: 'done' });
    assert.deepEqual(storage.orders, ['delete old']);
  });

  it('a controller that waits for the next start gets one for what it deletes and one for what it makes', async () => {
    storage.slow = true;
    storage.volumes = [old];
    assert.deepEqual(await prepare(wanted, true), { kind: 'done' });
    assert.deepEqual(storage.orders, ['delete old', 'create root', 'create data']);
    assert.equal(powerOns(), 2);
  });

  for (const slow of [false, true]) {
    it(`killed after any call, it goes on, and nothing is ordered twice (${slow ? 'slow' : 'quick'})`, async () => {
      storage.slow = slow;
      storage.volumes = [old];
      let outcome = await prepare(wanted, true, 1);
      for (let i = 0; outcome === undefined && i < 40; i++) {
        await reborn();
        outcome = await prepare(wanted, false, 1);
      }
      assert.deepEqual(outcome, { kind: 'done' });
      assert.deepEqual(storage.orders, ['delete old', 'create root', 'create data']);
    });
  }

  it('a volume that was made just before a crash is kept, though nobody noted it', async () => {
    const order = storage.createVolume.bind(storage);
    let crash = true;
    storage.createVolume = async (volume) => {
      const result = await order(volume);
      if (crash) throw new Error('killed');
      return result;
    };
    await assert.rejects(prepare(wanted, true), /killed/);
    crash = false;
    await reborn();
    assert.deepEqual(await prepare(wanted, false), { kind: 'done' });
    assert.deepEqual(storage.orders, ['create root', 'create data']);
  });

  it('after a failure it is redone from the beginning, though the host’s status says applied', async () => {
    storage.failure = bmcErrors.make('BMC_UNSUPPORTED', 'foreign configuration', {});
    const failed = await prepare(wanted, true);
    assert.equal(failed?.kind === 'failed' ? failed.code : '', 'BMC_UNSUPPORTED');
    storage.failure = undefined;
    storage.volumes = [old];
    assert.deepEqual(await prepare(wanted, false), { kind: 'done' });
    assert.deepEqual(storage.orders, ['delete old', 'create root', 'create data']);
  });

  it('a wish that cannot be is told before anything is deleted', async () => {
    storage.volumes = [old];
    const outcome = await prepare([{ level: '6+0' }], true);
    assert.match(outcome?.kind === 'failed' ? `${outcome.code} ${outcome.message}` : '', /RAID_PLAN.*at least 8/);
    assert.deepEqual(storage.orders, []);
  });

  it('a controller that says done and is not is found out', async () => {
    world.limits.raidMs = -1;
    storage.createVolume = () => Promise.resolve('done');
    const outcome = await prepare(wanted, true);
    assert.match(outcome?.kind === 'failed' ? `${outcome.code} ${outcome.message}` : '', /NOT_APPLIED.*root, RAID 1/);
  });

  it('a BMC without RAID and software RAID are refused by name', async () => {
    delete (world.machine as { storage?: unknown }).storage;
    const outcome = await prepare(wanted, true);
    assert.match(outcome?.kind === 'failed' ? outcome.message : '', /hardwareRAIDVolumes: BMC .* no RAID volumes/);
    const context = await engine.context();
    const host = { ...context.host, spec: { ...context.host.spec, raid: { softwareRAIDVolumes: [{}] } } };
    const software = await engine.provisioner.prepare({ ...context, host }, { firmware: NOTHING });
    assert.match(software.kind === 'failed' ? software.message : '', /softwareRAIDVolumes is not supported/);
  });
});

describe('provisioner: hardware RAID of simulated Redfish BMCs', { concurrency: true }, () => {
  const cases: [string, Personality, StorageOptions][] = [
    ['plain: volumes are replaced', plain, {}],
    ['dell-idrac9: volumes are replaced', dellIdrac9, {}],
    ['dell-idrac9: one job at a time, each at a start', dellIdrac9, { realTime: false }],
    [
      'dell-idrac9: foreign and passed-through drives are made ready',
      dellIdrac9,
      { foreign: ['Disk.Bay.0', 'Disk.Bay.3'], nonRaid: ['Disk.Bay.1', 'Disk.Bay.2'] },
    ],
  ];
  for (const [name, personality, storage] of cases) {
    it(name, async () => {
      await using sim = await startTestBmc({ personality, storage });
      const world = new World();
      // Longer than the simulator takes to work at once.
      world.limits.raidOrderMs = storage.realTime === false ? 0 : 2000;
      const bmc = openBmc({
        address: `redfish${sim.bmc.url.startsWith('https') ? '' : '+http'}://127.0.0.1:${sim.bmc.port}`,
        credentials: { username: USER, password: PASSWORD },
        disableCertificateVerification: true,
        doors: { clock: systemClock, log: silentLogger, random: Math.random },
        // The simulator's vendors are busy for hundreds of milliseconds, not for seconds.
        redfishTiming: { ...QUICK, busyPauseMs: 250, postPauseMs: 50, postPauseMaxMs: 200 },
        powerTiming: { reachMs: 30_000, pollMs: 20, pollMaxMs: 200, resendMs: 1000 },
      });
      world.bmc = bmc;
      const engine = await Engine.start(world);
      await world.addHost();
      const prepare = async (volumes: HardwareRaidVolume[]) => {
        for (const end = performance.now() + 60_000; performance.now() < end;) {
          const context = await engine.context();
          const firmware = { settings: {}, updates: [] };
          const differs = engine.book.status(KEY).raid === undefined;
          const outcome = await engine.provisioner.prepare(context, { firmware, raid: { volumes, differs } });
          if (outcome.kind !== 'continue') return outcome;
          await new Promise((resolve) => setTimeout(resolve, 100));
        }
        return undefined;
      };
      const volumes = () => sim.bmc.service.storage.list().map((v) => `${v.name} ${v.raid} ${v.drives.length}`);
      try {
        const first = [{ level: '1', name: 'root' }];
        assert.deepEqual(await prepare(first), { kind: 'done' });
        assert.deepEqual(volumes(), ['root RAID1 2']);
        const second = [
          { level: '5', name: 'all', numberOfPhysicalDisks: 3 },
          { level: '0', name: 'rest' },
        ];
        assert.deepEqual(await prepare(second), { kind: 'done' });
        assert.deepEqual(volumes().toSorted(), ['all RAID5 3', 'rest RAID0 1']);
        assert.deepEqual(await prepare([]), { kind: 'done' });
        assert.deepEqual(volumes(), []);
        assert.deepEqual([...sim.bmc.service.storage.foreign], []);
      } finally {
        await engine.kill();
        await bmc.close();
        await world.end();
      }
    });
  }
});
