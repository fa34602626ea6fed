import type { ByteReader } from '../../../wire/reader.ts';
import { ByteWriter } from '../../../wire/writer.ts';
import { NetFn } from '../../numbers.ts';
import { type Command, query } from '../command.ts';
import { SensorCmd } from './numbers.ts';

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
