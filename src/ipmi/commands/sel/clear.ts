import { ByteReader } from '../../../wire/reader.ts';
import { ByteWriter } from '../../../wire/writer.ts';
import { NetFn } from '../../numbers.ts';
import { type Command, query } from '../command.ts';
import { SelCmd } from './numbers.ts';

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
