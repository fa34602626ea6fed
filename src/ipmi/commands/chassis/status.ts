import { NetFn } from '../../numbers.ts';
import { type Command, NO_DATA, query } from '../command.ts';
import { ChassisCmd } from './numbers.ts';
import { POLICIES, type RestorePolicy } from './restore-policy.ts';

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
