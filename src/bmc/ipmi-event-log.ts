import { ipmiTime } from '../ipmi/commands/sel/time.ts';
import { unlessRefused } from '../ipmi/errors.ts';
import { eraseSel, readSel } from '../ipmi/sel/read.ts';
import type { SelRecord } from '../ipmi/sel/record.ts';
import { type SensorName, selText } from '../ipmi/sel/text.ts';
import type { EventLogControl, LogEntry } from './capabilities.ts';
import { bmcErrors } from './errors.ts';
import type { IpmiPartDoors } from './ipmi-doors.ts';
import type { IpmiSensors } from './ipmi-sensors.ts';

/** Entries that may stand in a log just erased: the note of the erasure, and one that came meanwhile. */
const AFTER_ERASURE = 2;

/** The system event log of IPMI. */
export class IpmiEventLog implements EventLogControl {
  readonly #doors: IpmiPartDoors;
  readonly #address: string;
  readonly #sensors: IpmiSensors;

  constructor(address: string, doors: IpmiPartDoors, sensors: IpmiSensors) {
    this.#address = address;
    this.#doors = doors;
    this.#sensors = sensors;
  }

  async entries(limit: number, signal: AbortSignal): Promise<LogEntry[]> {
    return await this.#doors.guard(async () => {
      const { records, cut } = await readSel(this.#doors.run, signal);
      if (cut !== undefined) this.#doors.log.warn('event log: not all was readable', { why: cut });
      const newest = limit <= 0 ? [] : records.slice(-limit);
      const nameOf = newest.some((r) => r.kind === 'event') ? await this.#names(signal) : () => undefined;
      return newest.map((record) => entryOf(record, nameOf));
    });
  }

  async clear(signal: AbortSignal): Promise<void> {
    await this.#doors.guard(async () => {
      const left = await eraseSel(this.#doors.run, this.#doors.clock, signal);
      if (left <= AFTER_ERASURE) return;
      throw bmcErrors.make('BMC_LOG_NOT_CLEARED', `BMC ${this.#address}: ${left} entries are still in the event log`, {
        seen: { entries: left },
      });
    });
  }

  /** Names of sensors make entries readable; a BMC without SDRs gives numbers. */
  async #names(signal: AbortSignal): Promise<SensorName> {
    const names = new Map<string, string>();
    for (const sdr of (await unlessRefused(() => this.#sensors.records(signal))) ?? []) {
      if ('sensor' in sdr) names.set(`${sdr.owner}/${sdr.sensor}`, sdr.name);
    }
    return (generator, sensor) => names.get(`${generator & 0xff}/${sensor}`);
  }
}

function entryOf(record: SelRecord, nameOf: SensorName): LogEntry {
  const { text, severity } = selText(record, nameOf);
  const time = record.kind === 'oem' ? undefined : ipmiTime(record.time);
  return {
    id: String(record.id),
    ...(time === undefined ? {} : { time: new Date(time).toISOString() }),
    severity,
    text,
  };
}
