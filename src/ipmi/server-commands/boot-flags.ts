import type { Clock } from '../../core/clock.ts';
import type { BootFlags, Chassis } from '../chassis.ts';
import { KEEP_FLAGS_WITHOUT_POWER_ON } from '../commands/chassis/boot-parameters.ts';
import type { ServerFaults } from '../server-faults.ts';

/** A BMC drops one-time boot flags when no Chassis Control comes for so long (§28.13, parameter 3 bit 3). */
export const BOOT_FLAGS_MS = 60_000;

export interface BootFlagDoors {
  chassis: Chassis;
  clock: Clock;
  faults: ServerFaults;
}

/** The boot flags of a machine with the time limit that the specification puts on them. */
export class BootFlagKeeper {
  readonly #doors: BootFlagDoors;
  /** Boot flag valid-bit clearing (parameter 3); all bits 0: everything clears it. */
  clearing = 0;
  /** Monotonic ms at which the countdown began; undefined: nothing can expire. */
  #since: number | undefined;

  constructor(doors: BootFlagDoors) {
    this.#doors = doors;
  }

  async set(flags: BootFlags): Promise<void> {
    const { chassis, clock } = this.#doors;
    await chassis.setBootFlags(flags, { lasting: this.#lasting });
    this.#since = flags.valid && !flags.persistent && !this.#lasting ? clock.monotonic() : undefined;
  }

  async get(): Promise<BootFlags> {
    await this.#expire();
    return await this.#doors.chassis.bootFlags();
  }

  /** A Chassis Control command came: what was too late for it is gone, and the time runs from now again. */
  async commanded(): Promise<void> {
    await this.#expire();
    if (this.#since !== undefined) this.#since = this.#doors.clock.monotonic();
  }

  get #lasting(): boolean {
    return (this.clearing & KEEP_FLAGS_WITHOUT_POWER_ON) !== 0 && this.#doors.faults.dropsBootFlags !== true;
  }

  async #expire(): Promise<void> {
    const { chassis, clock } = this.#doors;
    if (this.#since === undefined || clock.monotonic() - this.#since < BOOT_FLAGS_MS) return;
    this.#since = undefined;
    const flags = await chassis.bootFlags();
    if (flags.valid) await chassis.setBootFlags({ ...flags, valid: false });
  }
}
