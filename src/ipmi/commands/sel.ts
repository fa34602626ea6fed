import { ByteReader } from '../../wire/reader.ts';
import { ByteWriter } from '../../wire/writer.ts';
import { NetFn } from '../numbers.ts';
import { type Command, NO_DATA, order, query } from './command.ts';
import { type RecordPart, readPart, reservation } from './storage.ts';

/** Commands of the system event log (§31). */
export const SelCmd = {
  info: 0x40,
  reserve: 0x42,
  getEntry: 0x43,
  addEntry: 0x44,
  clear: 0x47,
  getTime: 0x48,
  setTime: 0x49,
} as const;

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

/** Reserve SEL (§31.4). */
export function reserveSel(): Command<number> {
  return reservation('Reserve SEL', SelCmd.reserve);
}

/** Get SEL Entry (§31.5): `part` of one record, or all of it with a count of 0xff. */
export function getSelEntry(part: RecordPart): Command<{ next: number; data: Uint8Array }> {
  return readPart('Get SEL Entry', SelCmd.getEntry, part);
}

/** Clear SEL (§31.9): starts it, or asks how far it is. @returns true when the log is erased */
export function clearSel(reservationId: number, action: 'start' | 'poll'): Command<boolean> {
  const data = new ByteWriter(6)
    .u16le(reservationId)
    .bytes(CLR)
    .u8(action === 'start' ? START : POLL)
    .finish();
  // An event that comes between two erasures would be lost unseen.
  const parse = (reader: ByteReader) => (reader.u8('erasure progress') & 0x0f) === DONE;
  return { ...query('Clear SEL', NetFn.storage, SelCmd.clear, data, parse), idempotent: action === 'poll' };
}

const CLR = Uint8Array.of(0x43, 0x4c, 0x52);
const START = 0xaa;
const POLL = 0x00;
const DONE = 0x01;

/** What a Clear SEL request asks for; undefined: neither. @throws WIRE_SHORT */
export function decodeClearSel(data: Uint8Array): { reservationId: number; action: 'start' | 'poll' } | undefined {
  const reader = new ByteReader(data);
  const reservationId = reader.u16le('reservation');
  const marked = reader.bytes(3, 'CLR').every((b, i) => b === CLR[i]);
  const action = reader.u8('action');
  if (!marked || (action !== START && action !== POLL)) return undefined;
  return { reservationId, action: action === START ? 'start' : 'poll' };
}

/** Answer to Clear SEL. */
export function encodeClearSel(done: boolean): Uint8Array {
  return Uint8Array.of(done ? DONE : 0);
}

/** Get SEL Time (§31.10), seconds. */
export function getSelTime(): Command<number> {
  return query('Get SEL Time', NetFn.storage, SelCmd.getTime, NO_DATA, (reader) => reader.u32le('time'));
}

/** Set SEL Time (§31.11). @param seconds since 1970, local to the BMC */
export function setSelTime(seconds: number): Command<void> {
  return order('Set SEL Time', NetFn.storage, SelCmd.setTime, new ByteWriter(4).u32le(seconds).finish());
}

/** Stamps below this count seconds since the BMC started, not since 1970 (§37.1). */
const FIRST_TRUE_TIME = 0x2000_0000;
const NO_TIME = 0xffff_ffff;

/** A stamp of IPMI as ms since 1970; undefined from a clock that was not set. */
export function ipmiTime(seconds: number): number | undefined {
  return seconds < FIRST_TRUE_TIME || seconds === NO_TIME ? undefined : seconds * 1000;
}
