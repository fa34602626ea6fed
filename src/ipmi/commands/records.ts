import { ByteReader } from '../../wire/reader.ts';
import { ByteWriter } from '../../wire/writer.ts';
import { Completion, NetFn } from '../numbers.ts';
import { type Command, NO_DATA, query } from './command.ts';

/** What the event log and the SDR repository have in common: reservations and records read in parts. */
export interface RecordPart {
  /** 0: none; only whole records can be read then. */
  reservationId: number;
  /** 0: the first; 0xffff: the last. */
  recordId: number;
  offset: number;
  /** 0xff: all. */
  count: number;
}

/** The id of the record after the last one, and that of the last itself. */
export const LAST_RECORD = 0xffff;
export const WHOLE_RECORD = 0xff;

/** Reserve SEL (§31.4), Reserve SDR Repository (§33.11). */
export function reservation(name: string, cmd: number): Command<number> {
  return { ...query(name, NetFn.storage, cmd, NO_DATA, (reader) => reader.u16le('reservation')), bulk: true };
}

/** Answer to either. */
export function encodeReservation(id: number): Uint8Array {
  return new ByteWriter(2).u16le(id).finish();
}

/** Get SEL Entry (§31.5), Get SDR (§33.12). */
export function readPart(name: string, cmd: number, part: RecordPart): Command<{ next: number; data: Uint8Array }> {
  const data = new ByteWriter(6).u16le(part.reservationId).u16le(part.recordId).u8(part.offset).u8(part.count).finish();
  const parse = (reader: ByteReader) => ({ next: reader.u16le('next record'), data: reader.rest() });
  return { ...query(name, NetFn.storage, cmd, data, parse), bulk: true };
}

/** Request of either. @throws WIRE_SHORT */
export function decodeReadPart(data: Uint8Array): RecordPart {
  const reader = new ByteReader(data);
  return {
    reservationId: reader.u16le('reservation'),
    recordId: reader.u16le('record'),
    offset: reader.u8('offset'),
    count: reader.u8('count'),
  };
}

/** Answer of either. */
export function encodeRecordPart(next: number, data: Uint8Array): Uint8Array {
  return new ByteWriter(data.length + 2).u16le(next).bytes(data).finish();
}

/** "I cannot return so many bytes", in the ways that BMCs have of saying it. */
export const TOO_MANY_BYTES: ReadonlySet<number> = new Set([
  Completion.cannotReturnBytes,
  Completion.lengthExceeded,
  Completion.lengthInvalid,
  Completion.unspecified,
]);
