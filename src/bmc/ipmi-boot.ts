import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/log.ts';
import type { BootFlags } from '../ipmi/chassis.ts';
import { decodeBootFlags, encodeBootFlags } from '../ipmi/commands/chassis/boot-flags.ts';
import { BootParameter, KEEP_FLAGS_WITHOUT_POWER_ON } from '../ipmi/commands/chassis/boot-parameters.ts';
import { getBootOption } from '../ipmi/commands/chassis/get-boot-option.ts';
import { setBootOption } from '../ipmi/commands/chassis/set-boot-option.ts';
import type { RunCommand } from '../ipmi/commands/command.ts';
import { ipmiErrors } from '../ipmi/errors.ts';
import type { BootOverride, PowerState } from './bmc.ts';
import { compareBoot, flagsOf, overrideOf } from './boot-compare.ts';
import { bmcErrors } from './errors.ts';
import type { IpmiQuirks } from './quirks.ts';

/** Sets of the boot override until the BMC reads it back. */
const BOOT_TRIES = 2;
/** Younger flags cannot have run out: BMCs drop them after 60 s. */
const FRESH_MS = 30_000;
/** A start so much later is another story: meanwhile the machine may have used the override up by itself. */
const FORGOTTEN_MS = 600_000;

export interface BootDoors {
  clock: Clock;
  log: Logger;
  /** For messages. */
  address: string;
  run: RunCommand;
  quirks(signal: AbortSignal): Promise<IpmiQuirks>;
  powerState(signal: AbortSignal): Promise<PowerState>;
}

/** The boot override of a machine: set, read back, and still there when the machine starts. */
export class IpmiBoot {
  readonly #doors: BootDoors;
  /** The BMC refused boot parameter 3 once: it is not asked again. */
  #dropsFlags = false;
  /** What the next start is to boot from, and when (monotonic ms) the BMC was told. */
  #pending: { override: BootOverride; at: number } | undefined;

  constructor(doors: BootDoors) {
    this.#doors = doors;
  }

  async get(signal: AbortSignal): Promise<BootOverride> {
    return overrideOf(await this.#read(signal));
  }

  /** @throws BMC_BOOT_NOT_ACCEPTED, IPMI_* */
  async set(override: BootOverride, signal: AbortSignal): Promise<void> {
    this.#pending = undefined;
    await this.#write(override, signal);
    if (override.device !== 'none') this.#pending = { override, at: this.#doors.clock.monotonic() };
  }

  /**
   * Called right before a command that starts the machine. BMCs drop boot flags when the power comes later than 60 s
   * after them; parameter 3 should stop that, but some refuse it (OpenBMC) and others take it and drop them all the
   * same. So what is not fresh is read again, and set again when it is gone: the machine would boot its old disk.
   * @throws BMC_BOOT_NOT_ACCEPTED, IPMI_*
   */
  async beforeStart(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#doors;
    if (this.#pending === undefined) return;
    const { override, at } = this.#pending;
    const age = clock.monotonic() - at;
    if (age < FRESH_MS || age > FORGOTTEN_MS) return;
    const read = await this.#read(signal);
    if (read.valid && overrideOf(read).device === overrideOf(flagsOf(override)).device) return;
    log.info('boot override was gone before the power came on: set again', { ...override });
    await this.set(override, signal);
  }

  /** The machine was told to start: the BMC may use the override up from now on, and it must not be set once more. */
  started(): void {
    this.#pending = undefined;
  }

  async #write(override: BootOverride, signal: AbortSignal): Promise<void> {
    const { run, log, address } = this.#doors;
    const quirks = await this.#doors.quirks(signal);
    const uefi = override.firmware === 'uefi';
    const selector = uefi ? quirks.efiSelectors[override.device] : undefined;
    const flagByte = uefi ? quirks.efiFlagBytes[override.device] : undefined;
    const data = encodeBootFlags(flagsOf(override), selector, flagByte);
    // What the bytes say, which with a flag byte of the vendor's own may be more than was asked for.
    const flags = flagByte === undefined ? flagsOf(override) : decodeBootFlags(data);
    for (let attempt = 1; ; attempt++) {
      if (quirks.keepsBootFlags && !this.#dropsFlags) await this.#keepFlags(signal);
      await run(setBootOption(BootParameter.flags, data), signal);
      const verdict = await this.#compare(flags, quirks, signal);
      if (verdict.kind === 'same') return;
      if (verdict.kind === 'tolerated') {
        log.warn('boot override accepted as read back', { why: verdict.why, quirks: quirks.name });
        return;
      }
      if (attempt >= BOOT_TRIES) {
        throw bmcErrors.make('BMC_BOOT_NOT_ACCEPTED', `BMC ${address}: boot override: ${verdict.why}`);
      }
    }
  }

  async #compare(wanted: BootFlags, quirks: IpmiQuirks, signal: AbortSignal) {
    const read = await this.#read(signal);
    const poweredOn = quirks.overrideAppliesAtPowerOn && (await this.#doors.powerState(signal)) === 'on';
    return compareBoot(wanted, read, quirks, poweredOn);
  }

  /** Asks the BMC not to forget the flags when the power comes on later than 60 s; many do not know how. */
  async #keepFlags(signal: AbortSignal): Promise<void> {
    const data = Uint8Array.of(KEEP_FLAGS_WITHOUT_POWER_ON);
    try {
      await this.#doors.run(setBootOption(BootParameter.flagValidClearing, data), signal);
    } catch (error) {
      if (!ipmiErrors.is(error, 'IPMI_COMPLETION')) throw error;
      this.#dropsFlags = true;
      this.#doors.log.debug('boot flag timeout cannot be switched off', { why: error.message });
    }
  }

  async #read(signal: AbortSignal): Promise<BootFlags> {
    const option = await this.#doors.run(getBootOption(BootParameter.flags), signal);
    return decodeBootFlags(option.data);
  }
}
