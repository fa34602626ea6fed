import type { ByteReader } from '../../../wire/reader.ts';
import { ByteWriter } from '../../../wire/writer.ts';
import { NetFn } from '../../numbers.ts';
import { type Command, query } from '../command.ts';

/** Body code of DCMI, the first byte of every request and answer (DCMI 1.5 §6). */
export const DCMI = 0xdc;
export const DcmiCmd = { powerReading: 0x02 } as const;

export interface PowerReading {
  /** Watts now, and over the sampling time. */
  watts: number;
  minimum: number;
  maximum: number;
  average: number;
  /** Seconds since 1970, see `ipmiTime`. */
  time: number;
  periodMs: number;
  /** False: the numbers mean nothing. */
  active: boolean;
}

/** Get Power Reading (DCMI 1.5 §6.6.1), system power statistics. */
export function getPowerReading(): Command<PowerReading> {
  const data = Uint8Array.of(DCMI, 0x01, 0x00, 0x00);
  return query('DCMI Get Power Reading', NetFn.groupExtension, DcmiCmd.powerReading, data, (reader: ByteReader) => {
    reader.skip(1, 'group extension');
    return {
      watts: reader.u16le('power'),
      minimum: reader.u16le('minimum'),
      maximum: reader.u16le('maximum'),
      average: reader.u16le('average'),
      time: reader.u32le('time'),
      periodMs: reader.u32le('period'),
      active: (reader.u8('state') & 0x40) !== 0,
    };
  });
}

/** Answer to Get Power Reading. */
export function encodePowerReading(reading: PowerReading): Uint8Array {
  return new ByteWriter(18)
    .u8(DCMI)
    .u16le(reading.watts)
    .u16le(reading.minimum)
    .u16le(reading.maximum)
    .u16le(reading.average)
    .u32le(reading.time)
    .u32le(reading.periodMs)
    .u8(reading.active ? 0x40 : 0)
    .finish();
}
