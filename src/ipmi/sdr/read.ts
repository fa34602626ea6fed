import { IngotError } from '../../core/errors.ts';
import type { RunCommand } from '../commands/command.ts';
import { getSdr } from '../commands/sdr/get-record.ts';
import { reserveSdr } from '../commands/sdr/reserve.ts';
import { type RecordTable, readRecords } from '../record-reader.ts';
import { SDR_HEADER_BYTES, type SdrRecord, decodeSdr, sdrLength } from './record.ts';

const SDR: RecordTable = {
  name: 'SDR repository',
  reserve: reserveSdr(),
  get: getSdr,
  length: sdrLength,
  head: SDR_HEADER_BYTES,
  // The header alone: it says how long the record is, and asking for more than a record has is refused by some.
  firstRead: SDR_HEADER_BYTES,
};

export interface SdrRead {
  records: SdrRecord[];
  /** Records that could not be understood, and why the rest is missing. */
  problems: string[];
}

/** Reads the SDR repository. @throws IPMI_* when not even the first record comes */
export async function readSdrs(run: RunCommand, signal: AbortSignal): Promise<SdrRead> {
  const { records, cut } = await readRecords(run, SDR, signal);
  const read: SdrRead = { records: [], problems: cut === undefined ? [] : [cut] };
  for (const { id, bytes } of records) {
    try {
      read.records.push(decodeSdr(bytes));
    } catch (error) {
      if (!(error instanceof IngotError)) throw error;
      read.problems.push(`record ${id}: ${error.message}`);
    }
  }
  return read;
}
