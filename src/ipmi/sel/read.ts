import { type Clock, sleep } from '../../core/clock.ts';
import { Deadline } from '../../core/deadline.ts';
import type { RunCommand } from '../commands/command.ts';
import { clearSel } from '../commands/sel/clear.ts';
import { getSelEntry } from '../commands/sel/get-entry.ts';
import { getSelInfo } from '../commands/sel/info.ts';
import { reserveSel } from '../commands/sel/reserve.ts';
import { WHOLE_RECORD } from '../commands/records.ts';
import { completionOf, ipmiErrors } from '../errors.ts';
import { Completion } from '../numbers.ts';
import { type RecordTable, readRecords } from '../record-reader.ts';
import { type SelRecord, SEL_RECORD_BYTES, decodeSelRecord } from './record.ts';

const SEL: RecordTable = {
  name: 'event log',
  reserve: reserveSel(),
  get: getSelEntry,
  length: () => SEL_RECORD_BYTES,
  head: 1,
  firstRead: WHOLE_RECORD,
};

export interface SelRead {
  /** Oldest first, as the BMC has them. */
  records: SelRecord[];
  /** Why the rest is missing. */
  cut?: string;
}

/** Reads the event log. Records too short to be decoded are left out. @throws IPMI_* */
export async function readSel(run: RunCommand, signal: AbortSignal): Promise<SelRead> {
  const { records, cut } = await readRecords(run, SEL, signal);
  const decoded = records.filter((r) => r.bytes.length === SEL_RECORD_BYTES).map((r) => decodeSelRecord(r.bytes));
  return { records: decoded, ...(cut === undefined ? {} : { cut }) };
}

const CLEAR_MS = 60_000;
const POLL_MS = 250;
const RESERVATIONS = 5;

/**
 * Erases the event log, waits until the BMC says that it is erased, and reads that back.
 * @returns entries that are in the log now; BMCs note the erasure itself
 * @throws IPMI_*, DEADLINE_EXCEEDED
 */
export async function eraseSel(run: RunCommand, clock: Clock, parent: AbortSignal): Promise<number> {
  using deadline = new Deadline(clock, 'erasure of the event log', CLEAR_MS, parent);
  const { signal } = deadline;
  const reservation = await startErasure(run, signal);
  while (!(await run(clearSel(reservation, 'poll'), signal))) await sleep(clock, POLL_MS, signal);
  return (await run(getSelInfo(), signal)).entries;
}

async function startErasure(run: RunCommand, signal: AbortSignal): Promise<number> {
  for (let attempt = 1; ; attempt++) {
    const reservation = await run(reserveSel(), signal);
    try {
      await run(clearSel(reservation, 'start'), signal);
      return reservation;
    } catch (error) {
      const cancelled = completionOf(error) === Completion.reservationCancelled && attempt < RESERVATIONS;
      // With the answer lost, polling says how it went: an erasure that did not start is asked for again.
      const uncertain = ipmiErrors.is(error, 'IPMI_UNCERTAIN') && attempt < RESERVATIONS;
      if (!cancelled && !uncertain) throw error;
    }
  }
}
