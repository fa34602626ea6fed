import { ByteReader } from '../../wire/reader.ts';
import type { ChassisControl } from '../chassis.ts';
import { NetFn } from '../numbers.ts';
import { type Command, NO_DATA, order, query } from './command.ts';

/** Commands of network function Chassis (§28). */
export const ChassisCmd = {
  getStatus: 0x01,
  control: 0x02,
  identify: 0x04,
  setRestorePolicy: 0x06,
  getRestartCause: 0x07,
  setBootOptions: 0x08,
  getBootOptions: 0x09,
} as const;

/** What the machine does when mains power comes back (§28.8). */
export type RestorePolicy = 'stays-off' | 'as-before' | 'turns-on' | 'unknown';

const POLICIES: readonly RestorePolicy[] = ['stays-off', 'as-before', 'turns-on', 'unknown'];

export interface ChassisStatus {
  powerOn: boolean;
  powerFault: boolean;
  overload: boolean;
  /** The power interlock is open: a panel was taken off. */
  interlock: boolean;
  /** The BMC could not switch the power. */
  controlFault: boolean;
  restorePolicy: RestorePolicy;
  /** Bits of §28.2 byte 3: 0 mains lost, 1 overload, 2 interlock, 3 fault, 4 switched on by command. */
  lastEvent: number;
  intrusion: boolean;
  driveFault: boolean;
  coolingFault: boolean;
  /** How the identify light stands; undefined: the BMC does not say. */
  identify?: 'off' | 'timed' | 'on';
}

const IDENTIFY = ['off', 'timed', 'on'] as const;

/** Get Chassis Status (§28.2). Some BMCs send fewer bytes than specified; only the first is needed. */
export function getChassisStatus(): Command<ChassisStatus> {
  return query('Get Chassis Status', NetFn.chassis, ChassisCmd.getStatus, NO_DATA, (reader) => {
    const state = reader.u8('power state');
    const lastEvent = reader.remaining > 0 ? reader.u8('last power event') : 0;
    const misc = reader.remaining > 0 ? reader.u8('chassis state') : 0;
    const identify = (misc & 0x40) === 0 ? undefined : IDENTIFY[(misc >> 4) & 0x03];
    return {
      powerOn: bit(state, 0),
      overload: bit(state, 1),
      interlock: bit(state, 2),
      powerFault: bit(state, 3),
      controlFault: bit(state, 4),
      restorePolicy: POLICIES[(state >> 5) & 0x03] ?? 'unknown',
      lastEvent,
      intrusion: bit(misc, 0),
      driveFault: bit(misc, 2),
      coolingFault: bit(misc, 3),
      ...(identify === undefined ? {} : { identify }),
    };
  });
}

const bit = (byte: number, n: number): boolean => ((byte >> n) & 1) === 1;
const flag = (on: boolean | undefined, n: number): number => (on === true ? 1 << n : 0);

/** Answer to Get Chassis Status; what is left out is "no fault", and the policy "stays off". */
export function encodeChassisStatus(status: Partial<ChassisStatus>): Uint8Array {
  const { identify } = status;
  const policy = POLICIES.indexOf(status.restorePolicy ?? 'stays-off');
  const state =
    flag(status.powerOn, 0) |
    flag(status.overload, 1) |
    flag(status.interlock, 2) |
    flag(status.powerFault, 3) |
    flag(status.controlFault, 4) |
    (policy << 5);
  const light = identify === undefined ? 0 : 0x40 | (IDENTIFY.indexOf(identify) << 4);
  const misc = flag(status.intrusion, 0) | flag(status.driveFault, 2) | flag(status.coolingFault, 3) | light;
  return Uint8Array.of(state, status.lastEvent ?? 0, misc);
}

/**
 * Chassis Identify (§28.5): blink or light up.
 * @param seconds 0..255; 0 ends it; 'on': until told otherwise
 */
export function chassisIdentify(seconds: number | 'on'): Command<void> {
  // The second byte is optional and unknown to old BMCs: it is sent only when it says something.
  const data = seconds === 'on' ? Uint8Array.of(0, 1) : Uint8Array.of(seconds);
  return order('Chassis Identify', NetFn.chassis, ChassisCmd.identify, data);
}

/** What a Chassis Identify request asks for. Without data it means 15 s (§28.5). */
export function decodeChassisIdentify(data: Uint8Array): number | 'on' {
  return ((data[1] ?? 0) & 1) === 1 ? 'on' : (data[0] ?? 15);
}

const NO_CHANGE = 3;

/**
 * Set Power Restore Policy (§28.8).
 * @param policy undefined: change nothing, only ask
 * @returns the policies that the chassis can keep
 */
export function setRestorePolicy(policy: Exclude<RestorePolicy, 'unknown'> | undefined): Command<RestorePolicy[]> {
  const value = policy === undefined ? NO_CHANGE : POLICIES.indexOf(policy);
  const data = Uint8Array.of(value);
  return query('Set Power Restore Policy', NetFn.chassis, ChassisCmd.setRestorePolicy, data, (reader) => {
    const supported = reader.u8('supported policies');
    return POLICIES.filter((_, i) => i < NO_CHANGE && bit(supported, i));
  });
}

/** The policy a request sets; undefined: it only asks. @throws WIRE_SHORT */
export function decodeRestorePolicy(data: Uint8Array): RestorePolicy | undefined {
  const value = new ByteReader(data).u8('restore policy') & 0x07;
  return value >= NO_CHANGE ? undefined : POLICIES[value];
}

/** Answer to Set Power Restore Policy. */
export function encodeRestorePolicies(supported: readonly RestorePolicy[]): Uint8Array {
  return Uint8Array.of(supported.reduce((bits, p) => bits | (1 << POLICIES.indexOf(p)), 0));
}

/** Why the system last started (§28.11, table 28-11). */
const RESTART_CAUSES = [
  'unknown',
  'chassis control command',
  'reset by push-button',
  'power-up by push-button',
  'watchdog',
  'OEM',
  'power restored: always on',
  'power restored: as before',
  'reset by platform event filter',
  'power cycle by platform event filter',
  'soft reset',
  'power-up by real-time clock',
] as const;

export type RestartCause = (typeof RESTART_CAUSES)[number];

/** Get System Restart Cause (§28.11). */
export function getRestartCause(): Command<RestartCause> {
  const parse = (reader: ByteReader) => RESTART_CAUSES[reader.u8('restart cause') & 0x0f] ?? 'unknown';
  return query('Get System Restart Cause', NetFn.chassis, ChassisCmd.getRestartCause, NO_DATA, parse);
}

/** Answer to Get System Restart Cause. @param channel the channel a command came in on */
export function encodeRestartCause(cause: RestartCause, channel: number): Uint8Array {
  return Uint8Array.of(RESTART_CAUSES.indexOf(cause), channel);
}

/** Chassis Control values (§28.3). */
const CONTROL: Record<ChassisControl, number> = {
  'power-down': 0,
  'power-up': 1,
  'power-cycle': 2,
  'hard-reset': 3,
  'diagnostic-interrupt': 4,
  'soft-shutdown': 5,
};

/** Power down and up reach a state; the others do something each time they run. */
const REPEATABLE: ReadonlySet<ChassisControl> = new Set(['power-down', 'power-up']);

/** Power commands are what BMCs freeze under when they come in bursts: five at once, then two or three a second. */
const POWER_COST = 8;

/** Chassis Control (§28.3). */
export function chassisControl(action: ChassisControl): Command<void> {
  return {
    name: `Chassis Control ${action}`,
    netFn: NetFn.chassis,
    cmd: ChassisCmd.control,
    data: Uint8Array.of(CONTROL[action]),
    idempotent: REPEATABLE.has(action),
    cost: POWER_COST,
    parse: () => undefined,
  };
}

/** The action a Chassis Control request asks for; undefined for values that do not exist. */
export function decodeChassisControl(data: Uint8Array): ChassisControl | undefined {
  const value = (data[0] ?? 0xff) & 0x0f;
  return Object.entries(CONTROL).find(([, n]) => n === value)?.[0] as ChassisControl | undefined;
}
