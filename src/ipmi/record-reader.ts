import { unreachable } from '../core/errors.ts';
import { concatBytes } from '../wire/hex.ts';
import type { Command, RunCommand } from './commands/command.ts';
import { LAST_RECORD, type RecordPart, TOO_MANY_BYTES, WHOLE_RECORD } from './commands/records.ts';
import { completionOf, ipmiErrors } from './errors.ts';
import { Completion } from './numbers.ts';

/** A table of records that a BMC keeps: the event log or the SDR repository. */
export interface RecordTable {
  /** For messages: "event log". */
  name: string;
  reserve: Command<number>;
  get(part: RecordPart): Command<{ next: number; data: Uint8Array }>;
  /** Length of the record that begins with `head`. */
  length(head: Uint8Array): number;
  /** Bytes that `length` needs. */
  head: number;
  /** Bytes of the first read; `WHOLE_RECORD` asks for all. */
  firstRead: number;
}

export interface RawRecord {
  id: number;
  bytes: Uint8Array;
}

/** How the reading ended. `cut`: the BMC did not give the rest; what came before is right. */
export interface RecordsRead {
  records: RawRecord[];
  cut?: string;
}

/** Sizes of partial reads, in the order to try: BMCs with small buffers refuse the larger. */
const STEPS = [32, 16, 8] as const;
/** Reservations that may be cancelled under one record before it is given up: somebody else keeps on writing. */
const RESERVATIONS = 8;

/**
 * Reads all records of a table, first to last.
 *
 * Nothing that the BMC says about its table is believed: counts are not asked for, since Fujitsu boards lie; a next id
 * that was there already ends the reading, since some point a record at itself; the last record of others never comes.
 * @throws IPMI_* when the first record cannot be read
 */
export async function readRecords(run: RunCommand, table: RecordTable, signal: AbortSignal): Promise<RecordsRead> {
  const reader = new Reader(run, table, signal);
  const records: RawRecord[] = [];
  const seen = new Set<number>();
  for (let id = 0; id !== LAST_RECORD;) {
    seen.add(id);
    try {
      const { next, bytes } = await reader.record(id);
      records.push({ id, bytes });
      if (seen.has(next)) return next === LAST_RECORD ? { records } : { records, cut: `record ${id} points back` };
      id = next;
    } catch (error) {
      if (completionOf(error) === Completion.notPresent && records.length === 0) return { records };
      if (records.length === 0 || completionOf(error) === undefined) throw error;
      return { records, cut: `record ${id}: ${(error as Error).message}` };
    }
  }
  return { records };
}

type PartOutcome = { kind: 'read'; next: number; bytes: Uint8Array } | { kind: 'smaller' } | { kind: 'cancelled' };

class Reader {
  readonly #run: RunCommand;
  readonly #table: RecordTable;
  readonly #signal: AbortSignal;
  #reservation: number | undefined;
  /** Index into STEPS; what one record had to learn holds for the next. */
  #step = 0;
  #whole: boolean;

  constructor(run: RunCommand, table: RecordTable, signal: AbortSignal) {
    this.#run = run;
    this.#table = table;
    this.#signal = signal;
    this.#whole = table.firstRead === WHOLE_RECORD;
  }

  /** Reads one record; begins it again when its reservation is cancelled or its parts are too large. */
  async record(id: number): Promise<{ next: number; bytes: Uint8Array }> {
    for (let cancelled = 0; cancelled < RESERVATIONS;) {
      const outcome = await this.#attempt(id);
      switch (outcome.kind) {
        case 'read':
          return outcome;
        case 'smaller':
          this.#smaller(id);
          break;
        case 'cancelled':
          cancelled++;
          this.#reservation = undefined;
          break;
        default:
          unreachable(outcome);
      }
    }
    throw ipmiErrors.make('IPMI_BUSY', `${this.#table.name}: record ${id} changes all the time`, {
      seen: { completion: Completion.reservationCancelled },
      hint: 'something else reads or writes the same table of the BMC: stop it, or try again later',
    });
  }

  #smaller(id: number): void {
    if (this.#whole) this.#whole = false;
    else if (this.#step < STEPS.length - 1) this.#step++;
    else {
      throw ipmiErrors.make('IPMI_COMPLETION', `${this.#table.name}: record ${id} cannot be read in any size`, {
        seen: { completion: Completion.cannotReturnBytes },
      });
    }
  }

  async #attempt(id: number): Promise<PartOutcome> {
    const { head, firstRead } = this.#table;
    const first = await this.#part(id, 0, this.#whole ? WHOLE_RECORD : Math.min(firstRead, STEPS[this.#step] ?? 8));
    if (first.kind !== 'read') return first;
    let { bytes } = first;
    if (bytes.length < head) return { kind: 'smaller' };
    const total = this.#table.length(bytes);
    while (bytes.length < total) {
      const part = await this.#part(id, bytes.length, Math.min(total - bytes.length, STEPS[this.#step] ?? 8));
      if (part.kind !== 'read') return part;
      // Nothing more comes although the record says so: what is there is handed on, its decoder will judge.
      if (part.bytes.length === 0) break;
      bytes = concatBytes(bytes, part.bytes);
    }
    return { kind: 'read', next: first.next, bytes: bytes.slice(0, total) };
  }

  async #part(recordId: number, offset: number, count: number): Promise<PartOutcome> {
    this.#reservation ??= await this.#reserve();
    const command = this.#table.get({ reservationId: this.#reservation, recordId, offset, count });
    try {
      const { next, data } = await this.#run(command, this.#signal);
      return { kind: 'read', next, bytes: count === WHOLE_RECORD ? data : data.slice(0, count) };
    } catch (error) {
      const completion = completionOf(error);
      if (completion === Completion.reservationCancelled) return { kind: 'cancelled' };
      if (completion !== undefined && TOO_MANY_BYTES.has(completion)) return { kind: 'smaller' };
      throw error;
    }
  }

  /** A BMC that knows no reservations is read without: parts are then not safe from changes, but nothing better is. */
  async #reserve(): Promise<number> {
    try {
      return await this.#run(this.#table.reserve, this.#signal);
    } catch (error) {
      if (completionOf(error) !== Completion.invalidCommand) throw error;
      return 0;
    }
  }
}
