import type { ChassisControl } from '../chassis.ts';
import { decodeChassisControl } from '../commands/chassis/control.ts';
import { decodeChassisIdentify } from '../commands/chassis/identify.ts';
import { ChassisCmd } from '../commands/chassis/numbers.ts';
import { encodeRestartCause, type RestartCause } from '../commands/chassis/restart-cause.ts';
import { decodeRestorePolicy, encodeRestorePolicies, type RestorePolicy } from '../commands/chassis/restore-policy.ts';
import { encodeChassisStatus } from '../commands/chassis/status.ts';
import { Completion, NetFn, Privilege } from '../numbers.ts';
import { type Answer, CHANNEL, type CommandParts, DONE, type Family, give, refuse } from './handler.ts';

/** ACPI power state (sensor type 22h, sensor-specific): what the log says of power changes. */
const POWER_SENSOR = { sensorType: 0x22, eventType: 0x6f, sensor: 0xf0 } as const;
const WORKING = 0;
const SOFT_OFF = 5;

/** Power, light and restart (§28). */
export const chassisFamily: Family = (parts) => {
  const state = new ChassisState(parts);
  const netFn = NetFn.chassis;
  const { user, operator } = Privilege;
  return [
    { netFn, cmd: ChassisCmd.getStatus, privilege: user, run: () => state.status() },
    { netFn, cmd: ChassisCmd.control, privilege: operator, run: (data) => state.control(data) },
    { netFn, cmd: ChassisCmd.identify, privilege: operator, run: (data) => state.identify(data) },
    { netFn, cmd: ChassisCmd.setRestorePolicy, privilege: operator, run: (data) => state.restorePolicy(data) },
    { netFn, cmd: ChassisCmd.getRestartCause, privilege: user, run: () => state.restartCause() },
  ];
};

class ChassisState {
  readonly #parts: CommandParts;
  #policy: RestorePolicy = 'stays-off';
  #cause: RestartCause = 'unknown';
  /** Monotonic ms at which the identify light goes out. */
  #lightUntil = 0;

  constructor(parts: CommandParts) {
    this.#parts = parts;
  }

  async status(): Promise<Answer> {
    const powerOn = (await this.#parts.chassis.powerState()) === 'on';
    return give(encodeChassisStatus({ powerOn, restorePolicy: this.#policy, identify: this.#light() }));
  }

  #light(): 'off' | 'timed' | 'on' {
    if (this.#lightUntil === Number.POSITIVE_INFINITY) return 'on';
    return this.#parts.clock.monotonic() < this.#lightUntil ? 'timed' : 'off';
  }

  async control(data: Uint8Array): Promise<Answer> {
    if (data.length === 0) return refuse(Completion.lengthInvalid);
    const action = decodeChassisControl(data);
    if (action === undefined) return refuse(Completion.invalidField);
    const { chassis, boot } = this.#parts;
    await boot.commanded();
    const before = await chassis.powerState();
    await chassis.control(action);
    this.#note(action, before);
    return DONE;
  }

  /** Power changes by command stand in the event log, as on real machines. */
  #note(action: ChassisControl, before: 'on' | 'off'): void {
    const starts = action === 'power-up' ? before === 'off' : action === 'power-cycle' || action === 'hard-reset';
    const stops = action === 'power-down' || action === 'soft-shutdown';
    if (starts) this.#cause = 'chassis control command';
    const offset = starts ? WORKING : stops && before === 'on' ? SOFT_OFF : undefined;
    if (offset === undefined) return;
    this.#parts.model.sel.event({ ...POWER_SENSOR, data: Uint8Array.of(offset, 0xff, 0xff) });
  }

  identify(data: Uint8Array): Answer {
    const length = decodeChassisIdentify(data);
    const { clock } = this.#parts;
    this.#lightUntil = length === 'on' ? Number.POSITIVE_INFINITY : clock.monotonic() + length * 1000;
    return DONE;
  }

  restorePolicy(data: Uint8Array): Answer {
    this.#policy = decodeRestorePolicy(data) ?? this.#policy;
    return give(encodeRestorePolicies(['stays-off', 'as-before', 'turns-on']));
  }

  restartCause(): Answer {
    return give(encodeRestartCause(this.#cause, CHANNEL));
  }
}
