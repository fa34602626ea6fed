/** BIOS settings and firmware through a BMC that restarts, stages and fails, over the real provisioner. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { ProvisioningState } from '../../src/api/baremetalhost.ts';
import { BARE_METAL_HOST } from '../../src/api/resources.ts';
import type { BmcCapabilities } from '../../src/bmc/capabilities.ts';
import { bmcErrors } from '../../src/bmc/errors.ts';
import { completeStatus } from '../../src/host/status.ts';
import { hardwareOf } from '../../src/provisioner/fast-inspection.ts';
import type { FirmwareWish, Outcome } from '../../src/provisioner/provisioner.ts';
import { Engine, KEY, World } from '../support/engine.ts';
import { SimFirmware } from '../support/sim-firmware.ts';

describe('provisioner: preparing', () => {
  let world: World;
  let engine: Engine;
  let firmware: SimFirmware;

  beforeEach(async () => {
    world = new World();
    world.bmc = world.machine;
    firmware = new SimFirmware(world.machine, { Hyper: 'Off', Cores: 4, Quiet: false });
    engine = await Engine.start(world);
    await world.addHost();
    await setState('preparing');
  });

  const setState = (state: ProvisioningState) =>
    world.store.patchStatus(BARE_METAL_HOST, KEY, { status: completeStatus({ provisioning: { state, ID: 'x' } }) });

  afterEach(async () => {
    await engine.kill();
    await world.end();
  });

  async function prepare(wish: FirmwareWish, until = 40): Promise<Outcome<object>> {
    for (let i = 0; i < until; i++) {
      const context = await engine.context();
      const outcome = await engine.provisioner.prepare(context, { firmware: wish });
      if (outcome.kind !== 'continue') return outcome;
    }
    throw new Error('no end');
  }

  it('stages settings in the types of the machine, restarts it once, reads them back', async () => {
    const settings = { Hyper: 'On', Cores: '8', Quiet: 'true' };
    assert.deepEqual(await prepare({ settings, updates: [] }), { kind: 'done' });
    assert.deepEqual(firmware.staged, { Hyper: 'On', Cores: 8, Quiet: true });
    assert.deepEqual(
      world.machine.writes.filter((w) => w === 'on'),
      ['on'],
    );
    const kinds = engine.book.status(KEY).timeline?.map((e) => e.kind) ?? [];
    assert.ok(kinds.includes('bios-staged') && kinds.includes('bios-applied'));
  });

  it('what is so already needs no restart', async () => {
    assert.deepEqual(await prepare({ settings: { Hyper: 'Off', Cores: '04' }, updates: [] }), { kind: 'done' });
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

  it('updates run one after the other; a firmware.staged one gets its restart; an engine that dies goes on', async () => {
    const wish = {
      settings: {},
      updates: [
        { component: 'bmc', url: 'http://192.0.2.9/a' },
        { component: 'bios', url: 'http://192.0.2.9/b' },
      ],
    };
    firmware.updates = [
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
    assert.deepEqual(firmware.started, ['bmc', 'bios'], 'nothing was firmware.started twice');
    assert.deepEqual(
      world.machine.writes.filter((w) => w === 'on'),
      ['on'],
    );
    await engine.kill();
    engine = await Engine.start(world);
    assert.deepEqual(await prepare(wish), { kind: 'done' }, 'the host may not have stored the end');
    assert.deepEqual(firmware.started, ['bmc', 'bios']);
    await engine.provisioner.powerState(await engine.context());
    assert.equal(engine.book.status(KEY).operation?.step, 'finished', 'still asked for');
    await setState('available');
    await engine.provisioner.powerState(await engine.context());
    assert.equal(engine.book.status(KEY).operation, undefined);
    assert.equal(engine.book.status(KEY).firmware, undefined);
  });

  it('a BMC that comes and goes after its update must answer three times in a row before the next begins', async () => {
    const [bmc, bios] = ['bmc', 'bios'].map((component) => ({ component, url: 'http://192.0.2.9/a' }));
    const answers: boolean[] = [];
    let down = [true, false, false, true];
    const verify = world.machine.verify.bind(world.machine);
    world.machine.verify = () => {
      const silent = firmware.started.length === 1 && (down.shift() ?? false);
      if (firmware.started.length === 1) answers.push(!silent);
      return silent ? Promise.reject(bmcErrors.make('BMC_UNREACHABLE', 'restarting')) : verify();
    };
    assert.deepEqual(await prepare({ settings: {}, updates: [bmc!, bios!] }), { kind: 'done' });
    assert.deepEqual(answers, [false, true, true, false, true, true, true]);
    assert.deepEqual(firmware.started, ['bmc', 'bios']);

    down = Array.from({ length: 1000 }, () => true);
    firmware.started.length = 0;
    world.limits.settleMs = 0;
    await setState('preparing');
    const lost = await prepare({ settings: {}, updates: [{ component: 'bmc', url: 'http://192.0.2.9/c' }] });
    assert.match(lost.kind === 'failed' ? lost.message : '', /bmc: updated, but 0 s later the BMC does not answer/);
  });

  it('an update that nobody wishes for any more is followed to its end before the next begins, or the power is cut', async () => {
    firmware.updates = [
      { kind: 'running', text: 'flashing' },
      { kind: 'running', text: 'flashing' },
      { kind: 'running', text: 'flashing' },
      { kind: 'done', text: 'bmc is at 2' },
    ];
    const [bmc, bios] = ['bmc', 'bios'].map((component) => ({ component, url: 'http://192.0.2.9/a' }));
    await assert.rejects(prepare({ settings: {}, updates: [bmc!] }, 1), /no end/);
    const off = async () => engine.provisioner.powerOff(await engine.context(), { mode: 'hard' });
    assert.equal((await off()).kind, 'continue');
    assert.match(engine.book.status(KEY).wait?.name ?? '', /end a firmware update/);
    await assert.rejects(prepare({ settings: {}, updates: [bios!] }, 1), /no end/);
    assert.deepEqual(firmware.started, ['bmc']);
    assert.deepEqual(world.machine.writes, []);
    assert.deepEqual(await prepare({ settings: {}, updates: [bios!] }), { kind: 'done' });
    assert.deepEqual(firmware.started, ['bmc', 'bios']);
  });

  it('a BMC that tells no more of an update does not keep the machine from being switched off', async () => {
    firmware.updates = [{ kind: 'running', text: 'flashing' }];
    await assert.rejects(prepare({ settings: {}, updates: [{ component: 'bios', url: 'u' }] }, 1), /no end/);
    (world.machine as unknown as BmcCapabilities).firmware!.state = () =>
      Promise.reject(bmcErrors.make('BMC_UNSUPPORTED', 'no such task'));
    assert.deepEqual(await engine.provisioner.powerOff(await engine.context(), { mode: 'hard' }), { kind: 'done' });
    assert.equal(engine.book.status(KEY).firmware?.handle, undefined);
  });

  it('an update that fails says so in the words of the BMC', async () => {
    firmware.updates = [{ kind: 'failed', text: 'Exception: the image is not signed' }];
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
