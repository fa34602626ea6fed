/** BIOS settings and firmware through a BMC that restarts, stages and fails, over the real provisioner. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { BiosValue, UpdateState } from '../../src/bmc/capabilities.ts';
import { hardwareOf } from '../../src/provisioner/fast-inspection.ts';
import type { FirmwareWish, Outcome } from '../../src/provisioner/provisioner.ts';
import { Engine, KEY, World } from '../support/engine.ts';

describe('provisioner: preparing', () => {
  let world: World;
  let engine: Engine;
  let inForce: Record<string, BiosValue>;
  let staged: Record<string, BiosValue>;
  let updates: UpdateState[];
  const started: string[] = [];

  beforeEach(async () => {
    world = new World();
    inForce = { Hyper: 'Off', Cores: 4, Quiet: false };
    staged = {};
    updates = [];
    started.length = 0;
    const { machine } = world;
    world.bmc = Object.assign(machine, {
      bios: {
        state: () => Promise.resolve({ attributes: inForce, pending: staged, messages: [] }),
        registry: () => Promise.resolve([]),
        set: (changes: Record<string, BiosValue>) => {
          staged = { ...changes };
          return Promise.resolve('pending' as const);
        },
        reset: () => Promise.resolve(),
      },
      firmware: {
        components: () => Promise.resolve([]),
        start: (update: { component: string; url: string }) => {
          started.push(update.component);
          return Promise.resolve(`handle-${update.component}`);
        },
        state: () => Promise.resolve(updates.shift() ?? ({ kind: 'done', text: 'ok' } as const)),
      },
    });
    // Staged settings come into force when the machine starts.
    const setPower = machine.setPower.bind(machine);
    machine.setPower = async (action) => {
      if (action === 'on') inForce = { ...inForce, ...staged };
      await setPower(action);
    };
    engine = await Engine.start(world);
    await world.addHost();
  });

  afterEach(async () => {
    await engine.kill();
    await world.end();
  });

  async function prepare(firmware: FirmwareWish, until = 40): Promise<Outcome<object>> {
    for (let i = 0; i < until; i++) {
      const context = await engine.context();
      const outcome = await engine.provisioner.prepare(context, { firmware });
      if (outcome.kind !== 'continue') return outcome;
    }
    throw new Error('no end');
  }

  it('stages settings in the types of the machine, restarts it once, reads them back', async () => {
    const settings = { Hyper: 'On', Cores: '8', Quiet: 'true' };
    assert.deepEqual(await prepare({ settings, updates: [] }), { kind: 'done' });
    assert.deepEqual(staged, { Hyper: 'On', Cores: 8, Quiet: true });
    assert.deepEqual(
      world.machine.writes.filter((w) => w === 'on'),
      ['on'],
    );
    const kinds = engine.book.status(KEY).timeline?.map((e) => e.kind) ?? [];
    assert.ok(kinds.includes('bios-staged') && kinds.includes('bios-applied'));
  });

  it('what is so already needs no restart', async () => {
    assert.deepEqual(await prepare({ settings: { Hyper: 'Off' }, updates: [] }), { kind: 'done' });
    assert.deepEqual(world.machine.writes, []);
  });

  it('settings that the machine does not have, or does not take, are named', async () => {
    const unknown = await prepare({ settings: { Nope: '1' }, updates: [] });
    assert.match(unknown.kind === 'failed' ? unknown.message : '', /does not take these BIOS settings: Nope/);
    world.limits.biosMs = -1;
    world.machine.setPower = () => Promise.resolve();
    const stubborn = await prepare({ settings: { Hyper: 'On' }, updates: [] });
    assert.match(stubborn.kind === 'failed' ? `${stubborn.code} ${stubborn.message}` : '', /BIOS_NOT_APPLIED.*Hyper/);
  });

  it('updates run one after the other; a staged one gets its restart; an engine that dies goes on', async () => {
    const wish = {
      settings: {},
      updates: [
        { component: 'bmc', url: 'http://192.0.2.9/a' },
        { component: 'bios', url: 'http://192.0.2.9/b' },
      ],
    };
    updates = [
      { kind: 'running', text: 'downloading', percent: 30 },
      { kind: 'done', text: 'bmc is at 2' },
      { kind: 'needs-restart', text: 'reboot required' },
      { kind: 'running', text: 'flashing' },
      { kind: 'done', text: 'bios is at 2' },
    ];
    await assert.rejects(prepare(wish, 4), /no end/);
    await engine.book.flush();
    await engine.kill();
    engine = await Engine.start(world);
    assert.deepEqual(await prepare(wish), { kind: 'done' });
    assert.deepEqual(started, ['bmc', 'bios'], 'nothing was started twice');
    assert.deepEqual(
      world.machine.writes.filter((w) => w === 'on'),
      ['on'],
    );
    assert.equal(engine.book.status(KEY).firmware, undefined);
  });

  it('an update that fails says so in the words of the BMC', async () => {
    updates = [{ kind: 'failed', text: 'Exception: the image is not signed' }];
    const outcome = await prepare({ settings: {}, updates: [{ component: 'bios', url: 'http://192.0.2.9/b' }] });
    assert.match(outcome.kind === 'failed' ? outcome.message : '', /bios: Exception: the image is not signed/);
  });

  it('a BMC without any of this is told by name', async () => {
    delete (world.machine as { bios?: unknown }).bios;
    const outcome = await prepare({ settings: { A: '1' }, updates: [] });
    assert.match(outcome.kind === 'failed' ? outcome.message : '', /no BIOS settings/);
  });
});

describe('provisioner: inspection out of band', () => {
  it('hardware in the words of HardwareDetails; what a BMC cannot know is left out', () => {
    const details = hardwareOf(
      {
        manufacturer: 'Dell Inc.',
        product: 'R650',
        serialNumber: 'ABC',
        bios: { version: '1.2' },
        ramMebibytes: 1024,
        cpu: { arch: 'x86_64', threads: 64 },
        nics: [
          { mac: 'aa:bb:cc:00:11:22', name: 'NIC1', speedMbps: 2500 },
          { mac: 'aa:bb:cc:00:11:23', speedMbps: 100 },
        ],
        drives: [{ id: '/d', name: 'Disk 0', rotational: false, media: 'SSD', bytes: 5, serialNumber: 'S' }],
      },
      'AA:BB:CC:00:11:22',
    );
    assert.deepEqual(details, {
      systemVendor: { manufacturer: 'Dell Inc.', productName: 'R650', serialNumber: 'ABC' },
      firmware: { bios: { version: '1.2' } },
      ramMebibytes: 1024,
      nics: [{ name: 'NIC1', mac: 'aa:bb:cc:00:11:22', speedGbps: 2, pxe: true }, { mac: 'aa:bb:cc:00:11:23' }],
      storage: [{ name: 'Disk 0', type: 'SSD', sizeBytes: 5, serialNumber: 'S' }],
      cpu: { arch: 'x86_64', count: 64 },
    });
  });
});
