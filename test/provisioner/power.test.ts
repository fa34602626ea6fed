import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { BARE_METAL_HOST } from '../../src/api/resources.ts';
import { bmcErrors } from '../../src/bmc/errors.ts';
import { Engine, KEY, World } from '../support/engine.ts';

describe('provisioner: power of a machine that runs its OS', () => {
  let world: World;
  let engine: Engine;

  beforeEach(async () => {
    world = new World();
    engine = await Engine.start(world);
    await world.addHost();
    await world.store.patchStatus(BARE_METAL_HOST, KEY, {
      status: {
        operationalStatus: 'OK',
        errorMessage: '',
        errorCount: 0,
        provisioningFailCount: 0,
        poweredOn: true,
        provisioning: { state: 'provisioned', ID: 'x' },
      },
    });
    world.machine.running = 'disk:x';
    await engine.book.update(KEY, () => ({ boot: { intent: 'disk', since: '2026-01-01T00:00:00Z' } }));
  });

  afterEach(async () => {
    await engine.kill();
    await world.end();
  });

  const softOff = async () => engine.provisioner.powerOff(await engine.context(), { mode: 'soft' });
  const powerState = async () => engine.provisioner.powerState(await engine.context());
  const powerOn = async () => engine.provisioner.powerOn(await engine.context());
  const ago = (ms: number) => `${new Date(Date.now() - ms).toISOString().slice(0, 19)}Z`;

  it('asks the OS anew for a second shutdown, after the first one went well', async () => {
    assert.equal((await softOff()).kind, 'continue');
    // Switched off by the OS itself: that is seen by reading the power state, and powerOff is not called again.
    assert.deepEqual(await powerState(), { kind: 'done', poweredOn: false });
    assert.equal(engine.book.status(KEY).softOffSince, undefined);
    assert.equal(engine.book.status(KEY).wait, undefined);
    await powerOn();
    world.machine.running = 'disk:x';
    await softOff();
    assert.deepEqual(world.machine.writes, ['soft-off', 'on', 'soft-off']);
  });

  it('asks the OS anew when an earlier shutdown was taken back long ago', async () => {
    await engine.book.update(KEY, () => ({ softOffSince: ago(3600_000) }));
    assert.equal((await softOff()).kind, 'continue');
    assert.deepEqual(world.machine.writes, ['soft-off']);
  });

  it('cuts the power when the OS does not react in time', async () => {
    await engine.book.update(KEY, () => ({ softOffSince: ago(world.limits.softOffMs + 5000) }));
    assert.equal((await softOff()).kind, 'done');
    assert.deepEqual(world.machine.writes, ['off']);
  });

  it('gives each trouble with the BMC its own time, and leaves no wait behind', async () => {
    const trouble = () => {
      throw bmcErrors.make('BMC_UNREACHABLE', 'no answer');
    };
    world.machine.trouble = trouble;
    assert.equal((await powerState()).kind, 'continue');
    world.machine.trouble = undefined;
    assert.equal((await powerState()).kind, 'done');
    assert.equal(engine.book.status(KEY).wait, undefined);
    // The same trouble much later, with a wait left by a process that died.
    const wait = { name: 'the BMC to answer', since: ago(7200_000), until: ago(7140_000) };
    await engine.book.update(KEY, () => ({ wait }));
    world.machine.trouble = trouble;
    assert.equal((await softOff()).kind, 'continue');
    // The same trouble for too long is a failure.
    await engine.book.update(KEY, () => ({ wait: { ...wait, until: ago(2000) } }));
    assert.equal((await softOff()).kind, 'failed');
  });

  const reboot = async (mode: 'soft' | 'hard') => engine.provisioner.reboot(await engine.context(), { mode });

  it('reboots without a power off, when hard', async () => {
    assert.deepEqual(await reboot('hard'), { kind: 'done' });
    assert.deepEqual(world.machine.writes, ['reset']);
  });

  it('reboots softly: asks the OS, and switches on what it switched off', async () => {
    assert.equal((await reboot('soft')).kind, 'continue');
    assert.equal(engine.book.status(KEY).wait?.name, 'the OS to shut down');
    assert.deepEqual(await powerState(), { kind: 'done', poweredOn: false });
    assert.deepEqual(await reboot('soft'), { kind: 'done' });
    assert.deepEqual(world.machine.writes, ['soft-off', 'on']);
    assert.equal(engine.book.status(KEY).wait, undefined);
    // The next reboot begins with asking again.
    assert.equal((await reboot('soft')).kind, 'continue');
    assert.deepEqual(world.machine.writes, ['soft-off', 'on', 'soft-off']);
  });

  it('resets a machine whose OS does not react, once', async () => {
    world.limits.softOffMs = 30_000;
    await engine.book.update(KEY, () => ({ softOffSince: ago(20_000) }));
    world.machine.running = 'disk:x';
    assert.equal((await reboot('soft')).kind, 'continue');
    await engine.book.update(KEY, () => ({ softOffSince: ago(world.limits.softOffMs + 5000) }));
    assert.deepEqual(await reboot('soft'), { kind: 'done' });
    assert.deepEqual(world.machine.writes, ['reset']);
    assert.equal(engine.book.status(KEY).softOffSince, undefined);
  });

  it('boots the ramdisk anew where the ramdisk runs', async () => {
    await engine.book.update(KEY, () => ({ boot: { intent: 'ramdisk', since: ago(1000) }, attempt: 1 }));
    world.machine.running = 'ramdisk';
    assert.deepEqual(await reboot('soft'), { kind: 'done' });
    assert.deepEqual(world.machine.writes, ['off', 'boot pxe once', 'on']);
    assert.equal(engine.book.status(KEY).attempt, 2);
    assert.deepEqual(await reboot('soft'), { kind: 'done' }, 'one boot under way is enough');
    assert.equal(engine.book.status(KEY).attempt, 2);
  });
});
