/** Boot mode and Secure Boot around the ramdisk and the machine's own OS. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { BootModeControl } from '../../src/bmc/capabilities.ts';
import { bmcErrors } from '../../src/bmc/errors.ts';
import type { ProvisionRequest } from '../../src/provisioner/provisioner.ts';
import { Engine, KEY, World } from '../support/engine.ts';

/** A BMC whose changes of the boot mode are, as it may be, jobs for the next start. */
class FakeModes implements BootModeControl {
  mode: 'uefi' | 'legacy' = 'legacy';
  secure = false;
  /** Ends at the start that is this many away; undefined: changes are made at once. */
  job: { mode: 'uefi' | 'legacy'; starts: number } | undefined;
  starts: number | undefined;
  refuses: Error | undefined;
  readonly #writes: string[];

  constructor(writes: string[]) {
    this.#writes = writes;
  }

  bootMode() {
    return Promise.resolve(this.mode);
  }

  setBootMode(mode: 'uefi' | 'legacy'): Promise<'done' | 'pending'> {
    if (this.refuses !== undefined) return Promise.reject(this.refuses);
    this.#writes.push(`mode ${mode}`);
    if (this.starts === undefined) this.mode = mode;
    else this.job = { mode, starts: this.starts };
    return Promise.resolve(this.starts === undefined ? 'done' : 'pending');
  }

  secureBoot() {
    return Promise.resolve(this.secure);
  }

  setSecureBoot(enabled: boolean): Promise<'done' | 'pending'> {
    this.#writes.push(`secure ${enabled}`);
    this.secure = enabled;
    return Promise.resolve('pending');
  }

  started(): void {
    if (this.job === undefined || --this.job.starts > 0) return;
    this.mode = this.job.mode;
    this.job = undefined;
  }
}

const ORDER: ProvisionRequest = {
  restart: false,
  image: { url: 'http://images/os.qcow2', checksum: 'aa' },
  rootDeviceHints: { deviceName: '/dev/vda' },
  bootMode: 'UEFI',
  cleaning: 'disabled',
  config: { userData: undefined, metaData: { uuid: 'u' }, networkData: undefined },
};

describe('provisioner: boot mode', () => {
  let world: World;
  let engine: Engine;
  let modes: FakeModes;

  beforeEach(async () => {
    world = new World();
    const { machine } = world;
    modes = new FakeModes(machine.writes);
    world.bmc = Object.assign(machine, { bootMode: modes });
    const setPower = machine.setPower.bind(machine);
    machine.setPower = async (action) => {
      if (action === 'on') modes.started();
      await setPower(action);
    };
    engine = await Engine.start(world);
  });

  afterEach(async () => {
    await engine.kill();
    await world.end();
  });

  const provision = (each?: () => boolean) =>
    engine.until((p, c) => p.provision(c, ORDER), each === undefined ? {} : { each });
  const told = () => (engine.book.status(KEY).timeline ?? []).map((e) => e.kind);

  it('a change that is a BIOS job gets a start of its own, and then the ramdisk is booted', async () => {
    await world.addHost();
    modes.starts = 1;
    assert.deepEqual(await provision(), { kind: 'done' });
    const [...writes] = world.machine.writes;
    assert.deepEqual(writes.slice(0, 5), ['mode uefi', 'on', 'off', 'boot pxe once', 'on']);
    assert.equal(writes.filter((w) => w.startsWith('mode')).length, 1);
    assert.ok(told().includes('boot-mode-applied'));
  });

  it('an engine that dies meanwhile goes on where it was', async () => {
    await world.addHost();
    modes.starts = 1;
    await provision(() => engine.book.status(KEY).ramdiskBoot?.step === 'boot-mode');
    await engine.book.flush();
    await engine.kill();
    engine = await Engine.start(world);
    assert.deepEqual(await provision(), { kind: 'done' });
    assert.equal(world.machine.writes.filter((w) => w.startsWith('mode')).length, 1);
  });

  it('one that does not come is an error that says so', async () => {
    await world.addHost();
    modes.starts = 99;
    world.limits.biosMs = -1;
    const outcome = await provision();
    assert.equal(outcome?.kind === 'failed' && outcome.code, 'PROVISION_BOOT_MODE_NOT_APPLIED');
    assert.match(outcome?.kind === 'failed' ? outcome.message : '', /boot mode uefi is not in force .*: legacy$/);
  });

  it('one that is made at once needs no start; one that cannot be made is told, and the machine boots as it can', async () => {
    await world.addHost();
    assert.deepEqual(await provision(), { kind: 'done' });
    assert.deepEqual(world.machine.writes.slice(0, 3), ['mode uefi', 'boot pxe once', 'on']);
    modes.mode = 'legacy';
    modes.refuses = bmcErrors.make('BMC_COMMAND_REFUSED', 'BootSourceOverrideMode is read-only');
    await engine.until((p, c) => p.deprovision(c, { restart: false, cleaning: 'disabled' }));
    assert.deepEqual(await provision(), { kind: 'done' });
    assert.match(JSON.stringify(engine.book.status(KEY).timeline), /boot mode uefi cannot be set: .*read-only/);
  });

  it('UEFISecureBoot: on for the OS, off for the unsigned loader of the next ramdisk', async () => {
    await world.addHost({ bootMode: 'UEFISecureBoot' });
    modes.mode = 'uefi';
    assert.deepEqual(await provision(), { kind: 'done' });
    const own = ['off', 'secure true', 'boot disk persistent', 'on'];
    assert.deepEqual(world.machine.writes, ['boot pxe once', 'on', ...own]);
    await engine.until((p, c) => p.adopt(c));
    await engine.until((p, c) => p.deprovision(c, { restart: false, cleaning: 'metadata' }));
    assert.deepEqual(world.machine.writes.slice(6, 10), ['off', 'secure false', 'boot pxe once', 'on']);
  });

  it('UEFISecureBoot of a BMC that knows nothing of it is refused by name, when the host is registered', async () => {
    await world.addHost({ bootMode: 'UEFISecureBoot' });
    delete (world.machine as { bootMode?: BootModeControl }).bootMode;
    for (const outcome of [await engine.provisioner.register(await engine.context()), await provision()]) {
      assert.equal(outcome?.kind === 'failed' && outcome.code, 'PROVISION_UNSUPPORTED');
      assert.match(outcome?.kind === 'failed' ? outcome.message : '', /spec\.bootMode UEFISecureBoot: this BMC cannot/);
    }
  });
});
