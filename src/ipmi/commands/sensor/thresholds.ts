import { NetFn } from '../../numbers.ts';
import { type Command, query } from '../command.ts';
import { SensorCmd } from './numbers.ts';

/** Which threshold each bit and each byte of Get Sensor Thresholds is (§35.9), in the order of the wire. */
export const THRESHOLDS = [
  'lower non-critical',
  'lower critical',
  'lower non-recoverable',
  'upper non-critical',
  'upper critical',
  'upper non-recoverable',
] as const;

export type ThresholdName = (typeof THRESHOLDS)[number];

/** Raw values; one that the sensor lacks is left out. */
export type RawThresholds = Partial<Record<ThresholdName, number>>;

/** Get Sensor Thresholds (§35.9). */
export function getSensorThresholds(sensor: number): Command<RawThresholds> {
  const data = Uint8Array.of(sensor);
  return query('Get Sensor Thresholds', NetFn.sensor, SensorCmd.getThresholds, data, (reader) => {
    const readable = reader.u8('readable thresholds');
    const values = THRESHOLDS.map((name) => [name, reader.u8(name)] as const);
    return Object.fromEntries(values.filter((_, i) => ((readable >> i) & 1) === 1));
  });
}

/** Answer to Get Sensor Thresholds. */
export function encodeThresholds(thresholds: RawThresholds): Uint8Array {
  const mask = THRESHOLDS.reduce((bits, name, i) => bits | (thresholds[name] === undefined ? 0 : 1 << i), 0);
  return Uint8Array.of(mask, ...THRESHOLDS.map((name) => thresholds[name] ?? 0));
}
