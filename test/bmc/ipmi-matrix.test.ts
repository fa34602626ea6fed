/** The rows of the test matrix (facts §8) about boot flags and power, each by its name. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { IpmiBmc } from '../../src/bmc/ipmi-bmc.ts';
import { memoryLogger } from '../../src/core/log.ts';
import type { BootFlags, ChassisControl } from '../../src/ipmi/chassis.ts';
import { BootParameter } from '../../src/ipmi/commands/chassis/boot-parameters.ts';
import { getBootOption } from '../../src/ipmi/commands/chassis/get-boot-option.ts';
import { setBootOption } from '../../src/ipmi/commands/chassis/set-boot-option.ts';
import { chassisControl } from '../../src/ipmi/commands/chassis/control.ts';
import type { Command } from '../../src/ipmi/commands/command.ts';
import { ipmiErrors } from '../../src/ipmi/errors.ts';
import type { ServerFaults } from '../../src/ipmi/server-faults.ts';
import { FakeChassis } from '../support/fake-chassis.ts';
import { runClock } from '../support/run-clock.ts';
import { BMC_PORT, type VirtualBmc, virtualBmc } from '../support/virtual-bmc.ts';

const never = new AbortController().signal;
const PXE_ONCE = { device: 'pxe', persistence: 'once', firmware: 'uefi' } as const;

async function withBmc(
  chassis: FakeChassis,
  work: (bmc: IpmiBmc, virtual: VirtualBmc) => Promise<void>,
  faults: ServerFaults = {},
): Promise<void> {
  const virtual = await virtualBmc({ chassis, faults });
  const bmc = new IpmiBmc({
    address: 'ipmi://192.0.2.1',
    target: { host: '192.0.2.1', port: BMC_PORT, username: 'admin', password: 'secret' },
    doors: { clock: virtual.clock, random: () => 0.5, log: memoryLogger(virtual.lines), connect: virtual.net.connect },
  });
  await work(bmc, virtual);
  await runClock(virtual.clock, bmc.close());
  await virtual.server.close();
}

/** Keeps flags as `change` makes them. */
class ForgetfulChassis extends FakeChassis {
  readonly #change: (flags: BootFlags) => BootFlags;

  constructor(change: (flags: BootFlags) => BootFlags) {
    super();
    this.#change = change;
  }

  override setBootFlags(flags: BootFlags): Promise<void> {
    return super.setBootFlags(this.#change(flags));
  }
}

test('ipmi 5: the 60 s after which flags are dropped are switched off before they are set', async () => {
  await withBmc(new FakeChassis(), async (bmc, virtual) => {
    await runClock(virtual.clock, bmc.setBootOverride(PXE_ONCE, never));
    const client = virtual.client();
    const { value } = await runClock(virtual.clock, client.run(getBootOption(BootParameter.flagValidClearing), never));
    assert.deepEqual([...value.data], [0x08]);
    await runClock(virtual.clock, client.close());
  });
});

/** Notes what the machine would boot from when it starts. */
class StartedFrom extends FakeChassis {
  readonly started: string[] = [];

  override async control(action: ChassisControl): Promise<void> {
    const starts = (action === 'power-up' && this.power === 'off') || action === 'hard-reset';
    if (starts) this.started.push(this.flags.valid ? this.flags.device : 'its old disk');
    await super.control(action);
    // A one-time order is used up.
    if (starts && !this.flags.persistent) this.flags = { ...this.flags, valid: false };
  }
}

test('ipmi 5: the 60 s expiry: the BMC drops a flag that is followed by no Chassis Control, unless parameter 3 is set', async () => {
  for (const [keep, seconds, expected] of [
    [false, 59, 'pxe'],
    [false, 61, 'its old disk'],
    [true, 61, 'pxe'],
    [true, 3600, 'pxe'],
  ] as const) {
    const chassis = new StartedFrom();
    const virtual = await virtualBmc({ chassis });
    const client = virtual.client();
    const run = async <T>(command: Command<T>) => (await runClock(virtual.clock, client.run(command, never))).value;
    if (keep) await run(setBootOption(BootParameter.flagValidClearing, Uint8Array.of(0x08)));
    await run(setBootOption(BootParameter.flags, Uint8Array.of(0xa0, 0x04, 0, 0, 0)));
    await virtual.clock.advance(seconds * 1000);
    const { data } = await run(getBootOption(BootParameter.flags));
    assert.equal((data[0] ?? 0) >> 7, expected === 'pxe' ? 1 : 0, 'the valid bit, as it reads back');
    await run(chassisControl('power-up'));
    assert.deepEqual(chassis.started, [expected], `${keep}, ${seconds} s`);
    await runClock(virtual.clock, client.close());
    await virtual.server.close();
  }
});

test('ipmi 5: the 60 s expiry: Chassis Control starts the time again, and a persistent flag has none', async () => {
  const chassis = new StartedFrom();
  chassis.power = 'on';
  const virtual = await virtualBmc({ chassis });
  const client = virtual.client();
  const run = async <T>(command: Command<T>) => (await runClock(virtual.clock, client.run(command, never))).value;
  await run(setBootOption(BootParameter.flags, Uint8Array.of(0xa0, 0x04, 0, 0, 0)));
  await virtual.clock.advance(40_000);
  await run(chassisControl('power-down'));
  await virtual.clock.advance(40_000);
  await run(chassisControl('power-up'));
  await run(setBootOption(BootParameter.flags, Uint8Array.of(0xe0, 0x08, 0, 0, 0)));
  await virtual.clock.advance(3_600_000);
  await run(chassisControl('hard-reset'));
  assert.deepEqual(chassis.started, ['pxe', 'disk']);
  await runClock(virtual.clock, client.close());
  await virtual.server.close();
});

for (const [name, faults, again] of [
  ['with parameter 3 it is not needed', {}, false],
  [
    'a BMC that refuses parameter 3 (OpenBMC): the flag is set again right before power on',
    { noBootParameter3: true },
    true,
  ],
  ['a BMC that takes parameter 3 and drops the flag all the same', { dropsBootFlags: true }, true],
] as const) {
  test(`ipmi 5: power on two minutes after the flag: ${name}`, async () => {
    for (const action of ['on', 'cycle', 'reset'] as const) {
      const chassis = new StartedFrom();
      chassis.power = action === 'on' ? 'off' : 'on';
      await withBmc(
        chassis,
        async (bmc, virtual) => {
          await runClock(virtual.clock, bmc.setBootOverride(PXE_ONCE, never));
          await virtual.clock.advance(120_000);
          await runClock(virtual.clock, bmc.setPower(action, never));
          assert.deepEqual(chassis.started, ['pxe'], action);
          const told = virtual.lines.some((l) => l.message.startsWith('boot override was gone'));
          assert.equal(told, again, action);
          // It is used up: another start does not bring it back.
          await virtual.clock.advance(120_000);
          await runClock(virtual.clock, bmc.setPower('reset', never));
          assert.deepEqual(chassis.started, ['pxe', 'its old disk']);
        },
        faults,
      );
    }
  });
}

test('ipmi 5: the flag is gone and the BMC does not take it again: the machine is not started', async () => {
  const chassis = new StartedFrom();
  await withBmc(
    chassis,
    async (bmc, virtual) => {
      await runClock(virtual.clock, bmc.setBootOverride(PXE_ONCE, never));
      await virtual.clock.advance(120_000);
      chassis.setBootFlags = () => Promise.resolve();
      chassis.flags = { valid: false, persistent: false, efi: false, device: 'disk' };
      await assert.rejects(runClock(virtual.clock, bmc.setPower('on', never)), { code: 'BMC_BOOT_NOT_ACCEPTED' });
      assert.deepEqual([chassis.power, chassis.started], ['off', []]);
    },
    { noBootParameter3: true },
  );
});

test('ipmi 5: a power-on that must be sent twice does not set the flag twice', async () => {
  // Asked for the network, switched on, and the first command has no effect for a while.
  class Sleepy extends StartedFrom {
    override async control(action: ChassisControl): Promise<void> {
      this.controls.push(action);
      if (this.controls.length === 1) return;
      await super.control(action);
    }
  }
  const chassis = new Sleepy();
  await withBmc(
    chassis,
    async (bmc, virtual) => {
      await runClock(virtual.clock, bmc.setBootOverride(PXE_ONCE, never));
      let sets = 0;
      const { setBootFlags } = chassis;
      chassis.setBootFlags = (flags) => (sets++, setBootFlags.call(chassis, flags));
      await runClock(virtual.clock, bmc.setPower('on', never));
      assert.deepEqual([chassis.started, sets], [['pxe'], 0]);
    },
    { noBootParameter3: true },
  );
});

test('ipmi 5: a BMC that drops the EFI bit is believed, with a line in the log', async () => {
  await withBmc(new ForgetfulChassis((flags) => ({ ...flags, efi: false })), async (bmc, virtual) => {
    await runClock(virtual.clock, bmc.setBootOverride(PXE_ONCE, never));
    assert.ok(virtual.lines.some((l) => l.message === 'boot override accepted as read back'));
  });
});

test('ipmi 5: once that reads back as persistent is an error: the machine would boot it for ever', async () => {
  await withBmc(new ForgetfulChassis((flags) => ({ ...flags, persistent: true })), async (bmc, virtual) => {
    await assert.rejects(runClock(virtual.clock, bmc.setBootOverride(PXE_ONCE, never)), {
      code: 'BMC_BOOT_NOT_ACCEPTED',
    });
  });
});

test('ipmi 6: a BMC that refuses on when it is on, and off when it is off', async () => {
  class Strict extends FakeChassis {
    override control(action: ChassisControl): Promise<void> {
      const refused = action === (this.power === 'on' ? 'power-up' : 'power-down');
      if (refused) throw ipmiErrors.make('IPMI_NOT_IN_THIS_STATE', action);
      return super.control(action);
    }
  }
  const chassis = new Strict();
  await withBmc(chassis, async (bmc, virtual) => {
    for (const action of ['off', 'on', 'on', 'off', 'off'] as const) {
      await runClock(virtual.clock, bmc.setPower(action, never));
      assert.equal(chassis.power, action);
    }
  });
});

test('ipmi 6: a reset whose answer is lost is not sent again, and is told as uncertain', async () => {
  const chassis = new FakeChassis();
  chassis.power = 'on';
  await withBmc(chassis, async (bmc, virtual) => {
    await runClock(virtual.clock, bmc.powerState(never));
    virtual.net.tap = (_, direction) =>
      direction === 'to-client' && chassis.controls.includes('hard-reset') ? 'drop' : 'pass';
    await assert.rejects(runClock(virtual.clock, bmc.setPower('reset', never)), { code: 'BMC_UNCERTAIN' });
    assert.deepEqual(chassis.controls, ['hard-reset']);
    virtual.net.tap = () => 'pass';
  });
});
