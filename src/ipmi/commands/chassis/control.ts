import type { ChassisControl } from '../../chassis.ts';
import { NetFn } from '../../numbers.ts';
import type { Command } from '../command.ts';
import { ChassisCmd } from './numbers.ts';

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
