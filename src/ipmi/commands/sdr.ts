import { ByteWriter } from '../../wire/writer.ts';
import { NetFn } from '../numbers.ts';
import { type Command, NO_DATA, query } from './command.ts';
import { type RecordPart, readPart, reservation } from './storage.ts';

/** Commands of the SDR repository (§33). */
export const SdrCmd = { info: 0x20, allocation: 0x21, reserve: 0x22, getRecord: 0x23, getTime: 0x28 } as const;

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

/** Reserve SDR Repository (§33.11). */
export function reserveSdr(): Command<number> {
  return reservation('Reserve SDR Repository', SdrCmd.reserve);
}

/** Get SDR (§33.12). */
export function getSdr(part: RecordPart): Command<{ next: number; data: Uint8Array }> {
  return readPart('Get SDR', SdrCmd.getRecord, part);
}
