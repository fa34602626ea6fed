import type { ByteReader } from '../../../wire/reader.ts';
import { NetFn } from '../../numbers.ts';
import { type Command, NO_DATA, query } from '../command.ts';
import { ChassisCmd } from './numbers.ts';

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
