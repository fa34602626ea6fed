import { ByteWriter } from '../../../wire/writer.ts';
import { NetFn } from '../../numbers.ts';
import { type Command, NO_DATA, query } from '../command.ts';
import { SdrCmd } from './numbers.ts';

export interface SdrInfo {
  version: number;
  /** Not trusted: see `sdr/read.ts`. */
  records: number;
  freeBytes: number;
  lastAddition: number;
  lastErase: number;
  support: number;
}

/** Get SDR Repository Info (§33.9). */
export function getSdrInfo(): Command<SdrInfo> {
  return query('Get SDR Repository Info', NetFn.storage, SdrCmd.info, NO_DATA, (reader) => ({
    version: reader.u8('SDR version'),
    records: reader.u16le('records'),
    freeBytes: reader.u16le('free bytes'),
    lastAddition: reader.u32le('last addition'),
    lastErase: reader.u32le('last erase'),
    support: reader.u8('operation support'),
  }));
}

/** Answer to Get SDR Repository Info. */
export function encodeSdrInfo(info: SdrInfo): Uint8Array {
  return new ByteWriter(14)
    .u8(info.version)
    .u16le(info.records)
    .u16le(info.freeBytes)
    .u32le(info.lastAddition)
    .u32le(info.lastErase)
    .u8(info.support)
    .finish();
}
