import type { Command } from '../command.ts';
import { readPart, type RecordPart } from '../records.ts';
import { SdrCmd } from './numbers.ts';

/** Get SDR (§33.12). */
export function getSdr(part: RecordPart): Command<{ next: number; data: Uint8Array }> {
  return readPart('Get SDR', SdrCmd.getRecord, part);
}
