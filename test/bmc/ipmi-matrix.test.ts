/** The rows of the test matrix (facts §8) about boot flags and power, each by its name. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { IpmiBmc } from '../../src/bmc/ipmi-bmc.ts';
import { memoryLogger } from '../../src/core/log.ts';
import type { BootFlags, ChassisControl } from '../../src/ipmi/chassis.ts';
import { BootParameter, getBootOption } from '../../src/ipmi/commands/boot-options.ts';
import { ipmiErrors } from '../../src/ipmi/errors.ts';
import { FakeChassis } from '../support/fake-chassis.ts';
import { runClock } from '../support/run-clock.ts';
import { BMC_PORT, type VirtualBmc, virtualBmc } from '../support/virtual-bmc.ts';

const never = new AbortController().signal;
const PXE_ONCE = { device: 'pxe', persistence: 'once', firmware: 'uefi' } as const;

async function withBmc(
  chassis: FakeChassis,
  work: (bmc: IpmiBmc, virtual: VirtualBmc) => Promise<void>,
): Promise<void> {
  const virtual = await virtualBmc({ chassis });
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
