import { ByteWriter } from '../../wire/writer.ts';
import type { ChassisControl } from '../chassis.ts';
import { NetFn } from '../numbers.ts';
import { type Command, NO_DATA } from './command.ts';

/** Commands of network function Chassis (§28). */
export const ChassisCmd = {
  getStatus: 0x01,
  control: 0x02,
  identify: 0x04,
  setBootOptions: 0x08,
  getBootOptions: 0x09,
} as const;

export interface ChassisStatus {
  powerOn: boolean;
  powerFault: boolean;
}

/** Get Chassis Status (§28.2). Some BMCs send fewer bytes than specified; only the first is needed. */
export function getChassisStatus(): Command<ChassisStatus> {
  return {
    name: 'Get Chassis Status',
    netFn: NetFn.chassis,
    cmd: ChassisCmd.getStatus,
    data: NO_DATA,
    idempotent: true,
    parse(reader) {
      const state = reader.u8('power state');
      return { powerOn: (state & 0x01) !== 0, powerFault: (state & 0x08) !== 0 };
    },
  };
}

/** Answer to Get Chassis Status; restore policy "stays off", nothing else to say. */
export function encodeChassisStatus(status: ChassisStatus): Uint8Array {
  const state = (status.powerOn ? 0x01 : 0) | (status.powerFault ? 0x08 : 0);
  return new ByteWriter(4).u8(state).u8(0).u8(0).finish();
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

/** Chassis Control (§28.3). */
export function chassisControl(action: ChassisControl): Command<void> {
  return {
    name: `Chassis Control ${action}`,
    netFn: NetFn.chassis,
    cmd: ChassisCmd.control,
    data: Uint8Array.of(CONTROL[action]),
    idempotent: REPEATABLE.has(action),
    parse: () => undefined,
  };
}

/** The action a Chassis Control request asks for; undefined for values that do not exist. */
export function decodeChassisControl(data: Uint8Array): ChassisControl | undefined {
  const value = (data[0] ?? 0xff) & 0x0f;
  return Object.entries(CONTROL).find(([, n]) => n === value)?.[0] as ChassisControl | undefined;
}
