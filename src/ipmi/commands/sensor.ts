import type { ByteReader } from '../../wire/reader.ts';
import { ByteWriter } from '../../wire/writer.ts';
import { NetFn } from '../numbers.ts';
import { type Command, query } from './command.ts';

/** Commands of sensors (§35). */
export const SensorCmd = {
  getFactors: 0x23,
  getHysteresis: 0x25,
  getThresholds: 0x27,
  getReading: 0x2d,
} as const;

export interface SensorReading {
  /** Raw byte; see `sdr/convert.ts`. */
  raw: number;
  /** False: the BMC does not look at the sensor now. */
  scanning: boolean;
  /** The value is not to be believed, e.g. the device is off. */
  unavailable: boolean;
  /** Threshold sensors: bits 0..5 of §35.14; discrete ones: bits 0..14, one a state. */
  states: number;
}

/** Get Sensor Reading (§35.14). The bytes of states are left out by some BMCs. */
export function getSensorReading(sensor: number): Command<SensorReading> {
  const data = Uint8Array.of(sensor);
  const parse = (reader: ByteReader): SensorReading => {
    const raw = reader.u8('reading');
    const flags = reader.remaining > 0 ? reader.u8('flags') : SCANNING;
    const low = reader.remaining > 0 ? reader.u8('states') : 0;
    const high = reader.remaining > 0 ? reader.u8('more states') : 0;
    return {
      raw,
      scanning: (flags & SCANNING) !== 0,
      unavailable: (flags & UNAVAILABLE) !== 0,
      states: low | ((high & 0x7f) << 8),
    };
  };
  return { ...query('Get Sensor Reading', NetFn.sensor, SensorCmd.getReading, data, parse), bulk: true };
}

const SCANNING = 0x40;
const UNAVAILABLE = 0x20;

/** Answer to Get Sensor Reading; events are enabled. */
export function encodeSensorReading(reading: SensorReading): Uint8Array {
  const flags = 0x80 | (reading.scanning ? SCANNING : 0) | (reading.unavailable ? UNAVAILABLE : 0);
  return Uint8Array.of(reading.raw, flags, reading.states & 0xff, (reading.states >> 8) | 0x80);
}

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

/** The factors with which a raw value becomes a reading (§36.3). */
export interface SensorFactors {
  m: number;
  b: number;
  /** Exponents of ten. */
  bExp: number;
  rExp: number;
}

/** Get Sensor Reading Factors (§35.5), of a sensor whose factors differ from value to value. */
export function getSensorFactors(sensor: number, raw: number): Command<SensorFactors> {
  const data = Uint8Array.of(sensor, raw);
  const parse = (reader: ByteReader) => {
    reader.skip(1, 'next reading');
    return readFactors(reader);
  };
  return { ...query('Get Sensor Reading Factors', NetFn.sensor, SensorCmd.getFactors, data, parse), bulk: true };
}

/** The six bytes of factors, in a full SDR (§43.1 bytes 25..30) and in Get Sensor Reading Factors alike. */
export function readFactors(reader: ByteReader): SensorFactors {
  const mLow = reader.u8('M');
  const mHigh = reader.u8('M and tolerance');
  const bLow = reader.u8('B');
  const bHigh = reader.u8('B and accuracy');
  reader.skip(1, 'accuracy');
  const exponents = reader.u8('exponents');
  return {
    m: signed(mLow | ((mHigh & 0xc0) << 2), 10),
    b: signed(bLow | ((bHigh & 0xc0) << 2), 10),
    rExp: signed(exponents >> 4, 4),
    bExp: signed(exponents & 0x0f, 4),
  };
}

/** The reverse: tolerance and accuracy 0. */
export function encodeFactors(factors: SensorFactors): Uint8Array {
  const { m, b, bExp, rExp } = factors;
  return new ByteWriter(6)
    .u8(m & 0xff)
    .u8((m >> 2) & 0xc0)
    .u8(b & 0xff)
    .u8((b >> 2) & 0xc0)
    .u8(0)
    .u8(((rExp & 0x0f) << 4) | (bExp & 0x0f))
    .finish();
}

/** Two's complement of `bits` bits. */
export function signed(value: number, bits: number): number {
  const half = 1 << (bits - 1);
  return value >= half ? value - 2 * half : value;
}
