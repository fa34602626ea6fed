import { type Clock, sleep } from '../core/clock.ts';
import { unreachable } from '../core/errors.ts';
import { redfishErrors } from '../redfish/errors.ts';
import type { Resource } from '../redfish/calls.ts';
import { ResetAction, type ResetAnswer, type ResetWish, type SystemPower, powerOf } from '../redfish/power.ts';
import type { ServiceDoors } from '../redfish/service-doors.ts';
import type { PowerAction, PowerState } from './bmc.ts';
import { DEFAULT_POWER_TIMING, type PowerTiming, SOON_MS, type Told, carryOut, reachPower } from './reach-power.ts';

/** Of an order that is refused just now, `SOON_MS` apart. */
const CONFLICT_TRIES = 6;

export interface PowerDoors extends ServiceDoors {
  /** For messages. */
  address: string;
  /** Called right before the machine is told to start, with the System as just read; a failure is one of the start. */
  beforeStart?: (system: Resource, signal: AbortSignal) => Promise<void>;
  /** The machine was told to. */
  afterStart?: () => void;
}

/** Verified power control over ComputerSystem.Reset. */
export class RedfishPower {
  readonly #doors: PowerDoors;
  readonly #timing: PowerTiming;
  readonly #reset: ResetAction;

  constructor(doors: PowerDoors, timing: PowerTiming = DEFAULT_POWER_TIMING) {
    this.#doors = doors;
    this.#timing = timing;
    this.#reset = new ResetAction(doors);
  }

  /** A machine on its way counts as there, as in Ironic; whoever needs it there waits with `set`. */
  async state(signal: AbortSignal): Promise<PowerState> {
    const state = await this.#look(signal);
    return state === 'on' || state === 'powering-on' ? 'on' : 'off';
  }

  async set(action: PowerAction, signal: AbortSignal): Promise<void> {
    await carryOut(action, {
      state: () => this.state(signal),
      reach: (wanted) => this.#reach(wanted, signal),
      askOff: () => this.#order('soft-off', signal),
      reset: () => this.#restart(signal),
    });
  }

  /** A machine that is off has nothing to reset; one whose BMC offers no restart is switched off and on. */
  async #restart(signal: AbortSignal): Promise<void> {
    const system = await this.#doors.system(signal);
    if (powerOf(system) === 'on') {
      if ((await this.#reset.offers('reset', system, signal)) === false) await this.#reach('off', signal);
      else await this.#order('reset', signal);
    }
    await this.#reach('on', signal);
  }

  /** What the power state cannot prove: here the answer of the BMC counts. Sent again only if it certainly was not done. */
  async #order(wish: 'soft-off' | 'reset', signal: AbortSignal): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const answer = await this.#send(wish, signal);
      if (answer.kind === 'taken') return;
      // It may have been done all the same: a machine that is off by now needs no asking.
      if (wish === 'soft-off' && (await this.#look(signal)) !== 'on') return;
      if (answer.kind === 'refused' || !answer.undone || attempt >= CONFLICT_TRIES) {
        throw redfishErrors.make('REDFISH_REFUSED', `${wish}: ${answer.why}`);
      }
      await sleep(this.#doors.clock, Math.min(this.#timing.resendMs, SOON_MS), signal);
    }
  }

  async #reach(wanted: PowerState, signal: AbortSignal): Promise<void> {
    const { clock, address } = this.#doors;
    const look = async (s: AbortSignal) => settled(await this.#look(s));
    let sent = false;
    const command = async (w: PowerState, round: number, s: AbortSignal) => {
      const answer = await this.#send(w, s, round);
      sent = true;
      return told(answer);
    };
    await reachPower({ clock, address, look, command }, this.#timing, wanted, signal);
    // Also when the answer was lost, or was a no that meant yes.
    if (wanted === 'on' && sent) this.#doors.afterStart?.();
  }

  async #send(wish: ResetWish, signal: AbortSignal, round = 0): Promise<ResetAnswer> {
    const starts = wish === 'on' || wish === 'reset';
    const system = await this.#doors.system(signal);
    if (starts) await this.#doors.beforeStart?.(system, signal);
    const answer = await this.#reset.send(wish, system, signal, round);
    if (wish === 'reset' && answer.kind === 'taken') this.#doors.afterStart?.();
    return answer;
  }

  async #look(signal: AbortSignal): Promise<SystemPower> {
    return await knownPower(this.#doors, this.#doors.clock, signal);
  }
}

/** BMCs that start say null for a moment. */
const UNKNOWN_TRIES = 5;
const UNKNOWN_MS = 2000;

async function knownPower(doors: ServiceDoors, clock: Clock, signal: AbortSignal): Promise<SystemPower> {
  for (let attempt = 1; ; attempt++) {
    const system = await doors.system(signal);
    try {
      return powerOf(system);
    } catch (error) {
      if (!redfishErrors.is(error, 'REDFISH_MALFORMED') || attempt >= UNKNOWN_TRIES) throw error;
      await sleep(clock, UNKNOWN_MS, signal);
    }
  }
}

function settled(state: SystemPower): PowerState | 'changing' {
  return state === 'on' || state === 'off' ? state : 'changing';
}

function told(answer: ResetAnswer): Told {
  switch (answer.kind) {
    case 'taken':
      return { again: 'later' };
    case 'unclear':
      return { again: 'soon', why: answer.why };
    case 'refused':
      return { again: 'never', why: answer.why };
    default:
      return unreachable(answer);
  }
}
