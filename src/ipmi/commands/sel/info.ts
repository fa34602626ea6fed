import { ByteWriter } from '../../../wire/writer.ts';
import { NetFn } from '../../numbers.ts';
import { type Command, NO_DATA, query } from '../command.ts';
import { SelCmd } from './numbers.ts';

export interface SelInfo {
  /** "1.5": 51h. */
  version: number;
  /** What the BMC says; known to be wrong on Fujitsu boards, so nothing depends on it. */
  entries: number;
  freeBytes: number;
  /** Seconds, see `ipmiTime`; 0xffffffff: never. */
  lastAddition: number;
  lastErase: number;
  /** Entries were lost because the log was full. */
  overflow: boolean;
  /** Get SEL Allocation, reserve, partial add, delete. */
  support: number;
}

/** Get SEL Info (§31.2). */
export function getSelInfo(): Command<SelInfo> {
  return query('Get SEL Info', NetFn.storage, SelCmd.info, NO_DATA, (reader) => {
    const version = reader.u8('SEL version');
    const entries = reader.u16le('entries');
    const freeBytes = reader.u16le('free bytes');
    const lastAddition = reader.u32le('last addition');
    const lastErase = reader.u32le('last erase');
    const support = reader.u8('operation support');
    return {
      version,
      entries,
      freeBytes,
      lastAddition,
      lastErase,
      overflow: (support & 0x80) !== 0,
      support: support & 0x0f,
    };
  });
}

/** Answer to Get SEL Info. */
export function encodeSelInfo(info: SelInfo): Uint8Array {
  return new ByteWriter(14)
    .u8(info.version)
    .u16le(info.entries)
    .u16le(info.freeBytes)
    .u32le(info.lastAddition)
    .u32le(info.lastErase)
    .u8((info.support & 0x0f) | (info.overflow ? 0x80 : 0))
    .finish();
}
