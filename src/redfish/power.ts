import type { RedfishCalls, Resource } from './calls.ts';
import { redfishErrors, refusalOf } from './errors.ts';
import { hasMessage } from './faults.ts';
import { actionAt, linkAt, objectAt, objectsAt, textAt, textsAt } from './json.ts';
import type { ServiceDoors } from './service-doors.ts';

/** PowerState (ComputerSystem schema). A state between is not one that was reached. */
export type SystemPower = 'on' | 'off' | 'powering-on' | 'powering-off';

const STATES: ReadonlyMap<string | undefined, SystemPower> = new Map([
  ['On', 'on'],
  // Of virtual machines: they run, or would if they were let.
  ['Paused', 'on'],
  ['Off', 'off'],
  ['PoweringOn', 'powering-on'],
  ['PoweringOff', 'powering-off'],
]);

/** @throws REDFISH_MALFORMED when the system does not say */
export function powerOf(system: Resource): SystemPower {
  const text = textAt(system.body, 'PowerState');
  const state = STATES.get(text);
  if (state !== undefined) return state;
  const said = text === undefined ? 'no PowerState' : `the PowerState ${JSON.stringify(text)}`;
  throw redfishErrors.make('REDFISH_MALFORMED', `${system.path} has ${said}`);
}

/** `reset`: at once, without asking the OS; `soft-off` asks it. */
export type ResetWish = 'on' | 'off' | 'soft-off' | 'reset';

/** ResetTypes that fulfil a wish, best first. A push on the button of a machine that is off starts it. */
const TYPES: Readonly<Record<ResetWish, readonly string[]>> = {
  on: ['On', 'ForceOn', 'PushPowerButton', 'PowerCycle'],
  off: ['ForceOff', 'PowerOff'],
  'soft-off': ['GracefulShutdown', 'PushPowerButton'],
  reset: ['ForceRestart', 'PowerCycle'],
};

/** How a BMC took a reset. `refused`: nothing it offers was accepted, and trying at once again is of no use. */
export type ResetAnswer =
  | { kind: 'taken'; type: string }
  /** Not now; or the answer was lost. The power state tells. `undone`: certainly not done, worth asking again. */
  | { kind: 'unclear'; type: string; why: string; undone: boolean }
  | { kind: 'refused'; why: string };

const CONFLICT = 'ActionParameterValueConflict';

/** `ComputerSystem.Reset`. What it answers is not believed: the caller looks at the power state. */
export class ResetAction {
  readonly #doors: ServiceDoors;
  /** ResetTypes by the path of the ActionInfo, which does not change. */
  readonly #infos = new Map<string, readonly string[] | undefined>();

  constructor(doors: ServiceDoors) {
    this.#doors = doors;
  }

  /**
   * @param round counts how often this wish had no effect: another type is tried first then, since some BMCs take one
   * that they do not know with 204 and do nothing (sushy-tools)
   * @throws REDFISH_UNSUPPORTED when the system has no Reset, or nothing like this among its types
   */
  async send(wish: ResetWish, system: Resource, signal: AbortSignal, round = 0): Promise<ResetAnswer> {
    const target = actionAt(system.body, '#ComputerSystem.Reset');
    if (target === undefined)
      throw redfishErrors.make('REDFISH_UNSUPPORTED', `${system.path} cannot be reset by Redfish`);
    const types = rotated(await this.#types(wish, system, signal), round);
    const refusals: string[] = [];
    for (const type of types) {
      const answer = await this.#post(this.#doors.calls, target, type, signal);
      if (answer.kind !== 'refused') return answer;
      refusals.push(answer.why);
    }
    return { kind: 'refused', why: refusals.join('; ') };
  }

  /** Does the BMC say that it offers one of the types for this? Undefined when it does not say. */
  async offers(wish: ResetWish, system: Resource, signal: AbortSignal): Promise<boolean | undefined> {
    const allowed = await this.#allowed(system, signal);
    return allowed === undefined ? undefined : TYPES[wish].some((type) => allowed.includes(type));
  }

  async #types(wish: ResetWish, system: Resource, signal: AbortSignal): Promise<readonly string[]> {
    const allowed = await this.#allowed(system, signal);
    if (allowed === undefined) return TYPES[wish].slice(0, 2);
    const types = TYPES[wish].filter((type) => allowed.includes(type));
    if (types.length > 0) return types;
    const text = `${system.path} offers no reset for "${wish}": only ${allowed.join(', ')}`;
    throw redfishErrors.make('REDFISH_UNSUPPORTED', text, { seen: { allowed } });
  }

  /** Beside the action, or in its ActionInfo (DSP0266 §9.5.12.3). */
  async #allowed(system: Resource, signal: AbortSignal): Promise<readonly string[] | undefined> {
    const action = objectAt(system.body, 'Actions', '#ComputerSystem.Reset');
    const inline = textsAt(action, 'ResetType@Redfish.AllowableValues');
    if (inline.length > 0) return inline;
    const path = textAt(action, '@Redfish.ActionInfo') ?? linkAt(action, '@Redfish.ActionInfo');
    if (path === undefined) return undefined;
    if (!this.#infos.has(path)) {
      const info = await this.#doors.calls.find(path, signal);
      const parameter = objectsAt(info?.body, 'Parameters').find((p) => textAt(p, 'Name') === 'ResetType');
      const values = textsAt(parameter, 'AllowableValues');
      this.#infos.set(path, values.length === 0 ? undefined : values);
    }
    return this.#infos.get(path);
  }

  async #post(calls: RedfishCalls, target: string, type: string, signal: AbortSignal): Promise<ResetAnswer> {
    try {
      await calls.post(target, { ResetType: type }, signal);
      return { kind: 'taken', type };
    } catch (error) {
      if (redfishErrors.is(error, 'REDFISH_UNCERTAIN'))
        return { kind: 'unclear', type, why: error.message, undone: false };
      const refusal = refusalOf(error);
      if (refusal === undefined || !(error instanceof Error)) throw error;
      // 409: not in this state, or not just now (iDRAC 10 after another job).
      const undone = refusal.status === 503 || refusal.status === 429 || hasMessage(refusal, CONFLICT);
      if (!undone && refusal.status !== 409) return { kind: 'refused', why: error.message };
      return { kind: 'unclear', type, why: error.message, undone };
    }
  }
}

function rotated(types: readonly string[], by: number): readonly string[] {
  const at = types.length === 0 ? 0 : by % types.length;
  return [...types.slice(at), ...types.slice(0, at)];
}
