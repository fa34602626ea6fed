import { type Clock, sleep } from '../core/clock.ts';
import { Deadline } from '../core/deadline.ts';
import { unreachable } from '../core/errors.ts';
import type { PowerAction, PowerState } from './bmc.ts';
import { bmcErrors } from './errors.ts';

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

/** What a protocol does for an action; each way verifies as far as it can. */
export interface PowerWays {
  state(): Promise<PowerState>;
  reach(wanted: PowerState): Promise<void>;
  askOff(): Promise<void>;
  reset(): Promise<void>;
}

/** The same actions mean the same by every protocol. */
export async function carryOut(action: PowerAction, ways: PowerWays): Promise<void> {
  switch (action) {
    case 'on':
    case 'off':
      return await ways.reach(action);
    case 'soft-off':
      if ((await ways.state()) === 'on') await ways.askOff();
      return;
    case 'cycle':
      // Off and on, each confirmed: the BMC's own cycle is refused by some and keeps old boot settings on others.
      await ways.reach('off');
      return await ways.reach('on');
    case 'reset':
      return await ways.reset();
    default:
      return unreachable(action);
  }
}

/** How a BMC took an order. Whatever it says, the state that counts is read afterwards. */
export interface Told {
  /** When to send again if the state does not follow; `never`: it will not do it, and waiting does not help. */
  again: 'later' | 'soon' | 'never';
  /** What it objected, for the message. */
  why?: string;
}

export interface ReachDoors {
  clock: Clock;
  /** For messages. */
  address: string;
  /** `changing`: on the way; no command is sent then. */
  look(signal: AbortSignal): Promise<PowerState | 'changing'>;
  /** Sends on or off. @param round counts the commands without effect before this one */
  command(wanted: PowerState, round: number, signal: AbortSignal): Promise<Told>;
}

/** iDRAC 10 refuses an On just after another job for up to a minute: 6 tries, 10 s apart (ironic conf/redfish.py). */
export const SOON_MS = 10_000;
/** A refusal may come because the state is about to be the wanted one. */
const NEVER_MS = 5000;

/**
 * Brings the power to `wanted` and returns when the BMC says that it is.
 * @throws BMC_POWER_NOT_REACHED, BMC_COMMAND_REFUSED, what the doors throw, the signal's reason
 */
export async function reachPower(
  doors: ReachDoors,
  timing: PowerTiming,
  wanted: PowerState,
  parent: AbortSignal,
): Promise<void> {
  const { clock, address } = doors;
  const { reachMs, pollMs, pollMaxMs, resendMs } = timing;
  const waits = { later: resendMs, soon: Math.min(resendMs, SOON_MS), never: Math.min(resendMs, NEVER_MS) };
  using deadline = new Deadline(clock, `power ${wanted} of the machine behind BMC ${address}`, reachMs, parent);
  let seen: PowerState | 'changing' | undefined;
  let told: Told | undefined;
  let sentAt = 0;
  try {
    for (let pause = pollMs, round = 0; ; pause = Math.min(pollMaxMs, pause * 1.5)) {
      seen = await doors.look(deadline.signal);
      if (seen === wanted) return;
      const due = told === undefined || clock.monotonic() - sentAt >= waits[told.again];
      if (due && seen !== 'changing') {
        if (told?.again === 'never') throw refused(address, wanted, told);
        told = await doors.command(wanted, round++, deadline.signal);
        sentAt = clock.monotonic();
        // Looked at again at once: many BMCs switch before they answer.
        continue;
      }
      await sleep(clock, pause, deadline.signal);
    }
  } catch (error) {
    if (!deadline.signal.aborted || parent.aborted) throw error;
    const text = `power is still ${seen ?? 'unknown'} ${reachMs / 1000} s after it was to be ${wanted}`;
    const objection = told?.why === undefined ? '' : `; the BMC answered ${told.why}`;
    throw bmcErrors.make('BMC_POWER_NOT_REACHED', `BMC ${address}: ${text}${objection}`, {
      seen: { power: seen, wanted },
    });
  }
}

function refused(address: string, wanted: PowerState, told: Told) {
  return bmcErrors.make('BMC_COMMAND_REFUSED', `BMC ${address}: power ${wanted} was refused: ${told.why ?? ''}`);
}
