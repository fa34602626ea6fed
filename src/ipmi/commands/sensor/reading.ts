import type { ByteReader } from '../../../wire/reader.ts';
import { NetFn } from '../../numbers.ts';
import { type Command, query } from '../command.ts';
import { SensorCmd } from './numbers.ts';

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
