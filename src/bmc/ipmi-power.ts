import { type Clock, sleep } from '../core/clock.ts';
import { Deadline } from '../core/deadline.ts';
import { unreachable } from '../core/errors.ts';
import type { ChassisControl } from '../ipmi/chassis.ts';
import { chassisControl, getChassisStatus } from '../ipmi/commands/chassis.ts';
import type { Command } from '../ipmi/commands/command.ts';
import { ipmiErrors } from '../ipmi/errors.ts';
import type { PowerAction, PowerState } from './bmc.ts';
import { bmcErrors } from './errors.ts';

export interface PowerDoors {
  clock: Clock;
  /** For messages. */
  address: string;
  run<T>(command: Command<T>, signal: AbortSignal): Promise<T>;
}

export interface PowerTiming {
  /** Longest wait for a power state to be reached, ms. Metal3 gives its machines 120 s. */
  reachMs: number;
  /** First pause between looks at the power state, ms; grows to `pollMaxMs`. */
  pollMs: number;
  pollMaxMs: number;
  /** After so long without effect the command is sent again: some BMCs lose one while they boot. */
  resendMs: number;
}

export const DEFAULT_POWER_TIMING: PowerTiming = { reachMs: 120_000, pollMs: 100, pollMaxMs: 2000, resendMs: 20_000 };

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
    switch (action) {
      case 'on':
      case 'off':
        return await this.#reach(action, signal);
      case 'soft-off':
        if ((await this.state(signal)) === 'on') await this.#once('soft-shutdown', signal);
        return;
      case 'cycle':
        // Off and on, each confirmed: the BMC's own cycle is refused by some and keeps old boot settings on others.
        await this.#reach('off', signal);
        return await this.#reach('on', signal);
      case 'reset':
        return await this.#reset(signal);
      default:
        return unreachable(action);
    }
  }

  /** A machine that is off has nothing to reset: it is switched on, which also ends in a fresh start. */
  async #reset(signal: AbortSignal): Promise<void> {
    if ((await this.state(signal)) === 'on') await this.#once('hard-reset', signal);
    await this.#reach('on', signal);
  }

  /** Sends a command that must not run twice: it is not repeated when its answer is lost. */
  async #once(action: ChassisControl, signal: AbortSignal): Promise<void> {
    await this.#doors.run(chassisControl(action), signal);
  }

  /** Brings the power to `wanted` and returns when the BMC says that it is. */
  async #reach(wanted: PowerState, parent: AbortSignal): Promise<void> {
    const { clock, address } = this.#doors;
    const { reachMs, pollMs, pollMaxMs, resendMs } = this.#timing;
    using deadline = new Deadline(clock, `power ${wanted} of the machine behind BMC ${address}`, reachMs, parent);
    let seen: PowerState | undefined = undefined;
    let sentAt: number | undefined = undefined;
    let refusal = '';
    try {
      for (let pause = pollMs; ; pause = Math.min(pollMaxMs, pause * 1.5)) {
        seen = await this.state(deadline.signal);
        if (seen === wanted) return;
        if (sentAt === undefined || clock.monotonic() - sentAt >= resendMs) {
          refusal = await this.#command(wanted, deadline.signal);
          sentAt = clock.monotonic();
          // Looked at again at once: many BMCs switch before they answer.
          continue;
        }
        await sleep(clock, pause, deadline.signal);
      }
    } catch (error) {
      if (!deadline.signal.aborted || parent.aborted) throw error;
      const text = `power is still ${seen ?? 'unknown'} ${reachMs / 1000} s after it was to be ${wanted}`;
      throw bmcErrors.make('BMC_POWER_NOT_REACHED', `BMC ${address}: ${text}${refusal}`, {
        seen: { power: seen, wanted },
      });
    }
  }

  /** Sends on or off. A refusal in the present state is not the end: the state that counts is read afterwards. */
  async #command(wanted: PowerState, signal: AbortSignal): Promise<string> {
    try {
      await this.#doors.run(chassisControl(wanted === 'on' ? 'power-up' : 'power-down'), signal);
      return '';
    } catch (error) {
      if (!ipmiErrors.is(error, 'IPMI_COMPLETION') || error.seen['completion'] !== 0xd5) throw error;
      return `; the BMC answered ${error.message}`;
    }
  }
}
