/** Servicing over the real provisioner: a machine with an OS on its disk, whose BMC stages and flashes. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { BareMetalHostStatus } from '../../src/api/baremetalhost.ts';
import { BARE_METAL_HOST } from '../../src/api/resources.ts';
import { bmcErrors } from '../../src/bmc/errors.ts';
import { completeStatus } from '../../src/host/status.ts';
import type { FirmwareWish, Outcome } from '../../src/provisioner/provisioner.ts';
import { Engine, KEY, World } from '../support/engine.ts';
import { SimFirmware } from '../support/sim-firmware.ts';

const BIOS = { component: 'bios', url: 'http://192.0.2.9/b' };
const BMC = { component: 'bmc', url: 'http://192.0.2.9/a' };
const SETTINGS: FirmwareWish = { settings: { Hyper: 'On' }, updates: [] };

describe('provisioner: servicing', () => {
  let world: World;
  let engine: Engine;
  let firmware: SimFirmware;
  /** Power offs that an OS was not asked about. */
  let cutOff: number;

  beforeEach(async () => {
    world = new World();
    cutOff = 0;
    const { machine } = world;
    const [disk] = machine.hardware.disks;
    disk!.image = 'os';
    machine.taskHook = () => assert.fail('no agent is needed');
    world.bmc = machine;
    firmware = new SimFirmware(machine, { Hyper: 'Off' });
    const setPower = machine.setPower.bind(machine);
    machine.setPower = async (action) => {
      if (action === 'off' && machine.running !== 'off') cutOff += 1;
      await setPower(action);
    };
    engine = await Engine.start(world);
    await world.addHost();
    await setStatus({ operationalStatus: 'servicing' });
  });

  afterEach(async () => {
    await engine.kill();
    await world.end();
  });

  const setStatus = async (status: Partial<BareMetalHostStatus>) => {
    const whole = completeStatus({ ...status, provisioning: { state: 'provisioned', ID: 'x' } });
    await world.store.patchStatus(BARE_METAL_HOST, KEY, { status: whole });
  };

  const once = async (firmware: FirmwareWish, restart = false) =>
    engine.provisioner.service(await engine.context(), { restart, firmware });

  /** As the lifecycle does: each pass adopts, reads power, and goes on. */
  async function service(wish: FirmwareWish, each: () => Promise<void> = async () => {}): Promise<Outcome<object>> {
    for (let i = 0; i < 60; i++) {
      await engine.provisioner.adopt(await engine.context());
      await engine.provisioner.powerState(await engine.context());
      const outcome = await once(wish);
      if (outcome.kind !== 'continue') return outcome;
      await each();
    }
    throw new Error('no end');
  }

  async function restartEngine(): Promise<void> {
    await engine.book.flush();
    await engine.kill();
    engine = await Engine.start(world);
  }

  it('stages settings while the machine is off, starts it once from its own disk, reads them back', async () => {
    assert.deepEqual(await service(SETTINGS), { kind: 'done' });
    assert.deepEqual(world.machine.writes, ['bios', 'on']);
    assert.equal(world.machine.running, 'disk:os');
    assert.deepEqual(firmware.inForce, { Hyper: 'On' });
    assert.equal(engine.book.status(KEY).boot?.intent, 'disk');
  });

  it('an update that needs a start gets one; a second one asks the OS to shut down first', async () => {
    firmware.updates = [
      { kind: 'needs-restart', text: 'at the next start' },
      { kind: 'done', text: 'bmc is at 2' },
      { kind: 'needs-restart', text: 'at the next start' },
      { kind: 'needs-restart', text: 'at the next start, the OS is shutting down' },
      { kind: 'running', text: 'flashing' },
      { kind: 'done', text: 'bios is at 2' },
    ];
    assert.deepEqual(await service({ settings: { Hyper: 'On' }, updates: [BMC, BIOS] }), { kind: 'done' });
    assert.deepEqual(firmware.started, ['bmc', 'bios']);
    assert.deepEqual(world.machine.writes, ['on', 'soft-off', 'on', 'bios', 'soft-off', 'on']);
    assert.equal(cutOff, 0);
    assert.equal(world.machine.running, 'disk:os');
  });

  it('the engine is killed after each call: nothing is flashed or shut down a second time, no disk is touched', async () => {
    firmware.updates = [
      { kind: 'running', text: 'downloading' },
      { kind: 'needs-restart', text: 'at the next start' },
      { kind: 'needs-restart', text: 'it is starting' },
      { kind: 'done', text: 'bios is at 2' },
    ];
    const wish = { settings: { Hyper: 'On' }, updates: [BIOS] };
    assert.deepEqual(await service(wish, restartEngine), { kind: 'done' });
    await restartEngine();
    assert.deepEqual(await service(wish), { kind: 'done' }, 'its end may not be stored yet');
    assert.deepEqual(firmware.started, ['bios']);
    assert.deepEqual(world.machine.writes, ['on', 'bios', 'soft-off', 'on']);
    assert.deepEqual([cutOff, world.machine.running], [0, 'disk:os']);
    await setStatus({ operationalStatus: 'OK' });
    await engine.provisioner.adopt(await engine.context());
    assert.equal(engine.book.status(KEY).operation, undefined);
    assert.equal(engine.book.status(KEY).firmware, undefined);
    await setStatus({ operationalStatus: 'servicing' });
    await service({ settings: {}, updates: [BIOS] });
    assert.deepEqual(firmware.started, ['bios', 'bios'], 'wished for anew it is flashed anew');
  });

  it('an OS that does not shut down in time is cut off, as at any reboot', async () => {
    world.limits.softOffMs = 50;
    world.machine.running = 'disk:os';
    const setPower = world.machine.setPower.bind(world.machine);
    world.machine.setPower = (action) => (action === 'soft-off' ? Promise.resolve() : setPower(action));
    const pause = () => new Promise<void>((resolve) => setTimeout(resolve, 20));
    assert.deepEqual(await service(SETTINGS, pause), { kind: 'done' });
    assert.equal(cutOff, 1);
  });

  it('a wish taken back ends it; an update that the BMC is at is waited for', async () => {
    firmware.updates = [
      { kind: 'running', text: 'flashing' },
      { kind: 'running', text: 'flashing' },
      { kind: 'done', text: 'bios is at 2' },
    ];
    await once({ settings: {}, updates: [BIOS] });
    await once({ settings: {}, updates: [BIOS] });
    const nothing = { settings: {}, updates: [] };
    assert.equal((await once(nothing)).kind, 'continue');
    assert.equal((await once(nothing)).kind, 'done');
    assert.equal(engine.book.status(KEY).operation, undefined);
    assert.equal(engine.book.status(KEY).firmware, undefined);
    assert.deepEqual(world.machine.writes, []);
  });

  it('one that the host knows nothing of any more is forgotten', async () => {
    await once({ settings: {}, updates: [BIOS] });
    await setStatus({ operationalStatus: 'OK' });
    await engine.provisioner.adopt(await engine.context());
    assert.equal(engine.book.status(KEY).operation, undefined);
    assert.equal(engine.book.status(KEY).firmware?.handle, 'handle-bios', 'what the BMC is at stays known');
  });

  it('failures say what is wrong; the update is then tried again', async () => {
    firmware.updates = [{ kind: 'failed', text: 'the image is not signed' }];
    const failed = await service({ settings: {}, updates: [BIOS] });
    assert.deepEqual(failed.kind === 'failed' ? failed.code : failed, 'PROVISION_FIRMWARE_FAILED');
    assert.deepEqual(await service({ settings: {}, updates: [BIOS] }), { kind: 'done' });
    assert.deepEqual(firmware.started, ['bios', 'bios']);
    world.machine.trouble = () => {
      throw bmcErrors.make('BMC_AUTH_FAILED', 'refused');
    };
    const refused = await once(SETTINGS);
    assert.equal(refused.kind === 'failed' ? refused.code : refused.kind, 'BMC_AUTH_FAILED');
  });

  it('tried again it leaves an OS that runs alone, but goes on with what is under way', async () => {
    world.machine.running = 'disk:os';
    await engine.provisioner.powerState(await engine.context());
    assert.partialDeepStrictEqual(await once(SETTINGS, true), { kind: 'continue', idle: true });
    assert.deepEqual(world.machine.writes, []);
    await world.machine.cutPower();
    await engine.provisioner.powerState(await engine.context());
    world.limits.softOffMs = 60_000;
    await once({ settings: { Hyper: 'On', Nope: '1' }, updates: [] });
    for (let i = 0; i < 5; i++) if ((await once(SETTINGS, true)).kind === 'done') break;
    assert.deepEqual(world.machine.writes, ['bios', 'on']);
  });

  it('a BMC without BIOS settings is told by name', async () => {
    delete (world.machine as { bios?: unknown }).bios;
    const outcome = await service(SETTINGS);
    assert.match(outcome.kind === 'failed' ? outcome.message : '', /no BIOS settings/);
  });
});
