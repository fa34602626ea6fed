import type { Command } from '../command.ts';
import { readPart, type RecordPart } from '../records.ts';
import { SelCmd } from './numbers.ts';

/** Get SEL Entry (§31.5): `part` of one record, or all of it with a count of 0xff. */
export function getSelEntry(part: RecordPart): Command<{ next: number; data: Uint8Array }> {
  return readPart('Get SEL Entry', SelCmd.getEntry, part);
}
