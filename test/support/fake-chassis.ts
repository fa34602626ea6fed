import type { BootFlags, Chassis, ChassisControl } from '../../src/ipmi/chassis.ts';
import { ipmiErrors } from '../../src/ipmi/errors.ts';

export interface FakeChassisOptions {
  /** Milliseconds each control takes. */
  delayMs?: number;
  /** Power changes become visible only after so many reads of the power state. */
  lagReads?: number;
}

/** A machine without a machine: power state, boot flags, and the list of what it was asked to do. */
export class FakeChassis implements Chassis {
  power: 'on' | 'off' = 'off';
  flags: BootFlags = { valid: false, persistent: false, efi: false, device: 'none' };
  readonly controls: ChassisControl[] = [];
  readonly #options: FakeChassisOptions;
  #lag = 0;
  #shown: 'on' | 'off' = 'off';

  constructor(options: FakeChassisOptions = {}) {
    this.#options = options;
  }

  async powerState(): Promise<'on' | 'off'> {
    if (this.#lag > 0) this.#lag--;
    else this.#shown = this.power;
    return this.#shown;
  }

  async control(action: ChassisControl): Promise<void> {
    this.controls.push(action);
    const { delayMs = 0, lagReads = 0 } = this.#options;
    if (delayMs > 0) await new Promise((done) => setTimeout(done, delayMs));
    this.#lag = lagReads;
    if (action === 'power-up') this.power = 'on';
    else if (action === 'power-down' || action === 'soft-shutdown') this.power = 'off';
    else if (this.power === 'off') throw ipmiErrors.make('IPMI_NOT_IN_THIS_STATE', `${action} needs power`);
  }

  async bootFlags(): Promise<BootFlags> {
    return this.flags;
  }

  async setBootFlags(flags: BootFlags): Promise<void> {
    this.flags = flags;
  }
}
