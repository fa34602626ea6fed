import type { Clock } from '../core/clock.ts';
import type { ChassisControl } from '../ipmi/chassis.ts';
import { chassisControl } from '../ipmi/commands/chassis/control.ts';
import { getChassisStatus } from '../ipmi/commands/chassis/status.ts';
import type { Command } from '../ipmi/commands/command.ts';
import { ipmiErrors } from '../ipmi/errors.ts';
import type { PowerAction, PowerState } from './bmc.ts';
import { DEFAULT_POWER_TIMING, type PowerTiming, type Told, carryOut, reachPower } from './reach-power.ts';

export interface PowerDoors {
  clock: Clock;
  /** For messages. */
  address: string;
  run<T>(command: Command<T>, signal: AbortSignal): Promise<T>;
  /** What the machine is to boot from must be in place when it starts. */
  boot: { beforeStart(signal: AbortSignal): Promise<void>; started(): void };
}

/** Verified power control over the chassis commands of IPMI. */
export class IpmiPower {
  readonly #doors: PowerDoors;
  readonly #timing: PowerTiming;

  constructor(doors: PowerDoors, timing: PowerTiming = DEFAULT_POWER_TIMING) {
    this.#doors = doors;
    this.#timing = timing;
  }

  async state(signal: AbortSignal): Promise<PowerState> {
    return (await this.#doors.run(getChassisStatus(), signal)).powerOn ? 'on' : 'off';
  }

  async set(action: PowerAction, signal: AbortSignal): Promise<void> {
    await carryOut(action, {
      state: () => this.state(signal),
      reach: (wanted) => this.#reach(wanted, signal),
      askOff: () => this.#once('soft-shutdown', signal),
      reset: () => this.#reset(signal),
    });
  }

  /** A machine that is off has nothing to reset: it is switched on, which also ends in a fresh start. */
  async #reset(signal: AbortSignal): Promise<void> {
    if ((await this.state(signal)) === 'on') {
      const { boot } = this.#doors;
      await boot.beforeStart(signal);
      await this.#once('hard-reset', signal);
      boot.started();
    }
    await this.#reach('on', signal);
  }

  /** Sends a command that must not run twice: it is not repeated when its answer is lost. */
  async #once(action: ChassisControl, signal: AbortSignal): Promise<void> {
    await this.#doors.run(chassisControl(action), signal);
  }

  async #reach(wanted: PowerState, signal: AbortSignal): Promise<void> {
    const { clock, address } = this.#doors;
    const look = (s: AbortSignal) => this.state(s);
    const command = async (w: PowerState, round: number, s: AbortSignal) => {
      const { boot } = this.#doors;
      // Before the first one only: the machine may be starting already, and an override set then would be one too many.
      if (w === 'on' && round === 0) await boot.beforeStart(s);
      const told = await this.#command(w, s);
      if (w === 'on') boot.started();
      return told;
    };
    await reachPower({ clock, address, look, command }, this.#timing, wanted, signal);
  }

  /** A refusal in the present state is not the end: the state that counts is read afterwards. */
  async #command(wanted: PowerState, signal: AbortSignal): Promise<Told> {
    try {
      await this.#doors.run(chassisControl(wanted === 'on' ? 'power-up' : 'power-down'), signal);
      return { again: 'later' };
    } catch (error) {
      if (!ipmiErrors.is(error, 'IPMI_COMPLETION') || error.seen['completion'] !== 0xd5) throw error;
      return { again: 'later', why: error.message };
    }
  }
}
