import type { JsonObject, Resource } from './calls.ts';
import { redfishErrors } from './errors.ts';
import { defined, actionAt, linkAt, textAt } from './json.ts';
import { type ServiceDoors, managerOf, membersAt, membersIfAny } from './service-doors.ts';

export interface LogEntry {
  id: string;
  time?: string;
  severity?: 'ok' | 'warning' | 'critical';
  text: string;
}

/** The system event log (DSP2046, LogService and LogEntry schemas). */
export class Logs {
  readonly #doors: ServiceDoors;

  constructor(doors: ServiceDoors) {
    this.#doors = doors;
  }

  /** The newest `limit`, oldest first. */
  async entries(limit: number, signal: AbortSignal): Promise<LogEntry[]> {
    const service = await this.#service(signal);
    const members = await membersAt(this.#doors, linkAt(service.body, 'Entries'), signal);
    const entries = members.map((m) => readEntry(m.body)).toSorted(byTime);
    return entries.slice(Math.max(0, entries.length - limit));
  }

  /** @throws REDFISH_NOT_APPLIED when entries stay; the one that says "cleared" may */
  async clear(signal: AbortSignal): Promise<void> {
    const service = await this.#service(signal);
    const target = actionAt(service.body, '#LogService.ClearLog');
    if (target === undefined)
      throw redfishErrors.make('REDFISH_UNSUPPORTED', 'the BMC does not let its log be cleared');
    const written = await this.#doors.calls.post(target, {}, signal, { repeatable: true });
    if (written.task !== undefined) await this.#doors.calls.follow(written.task, signal);
    const left = await membersAt(this.#doors, linkAt(service.body, 'Entries'), signal);
    if (left.length > 1) {
      throw redfishErrors.make('REDFISH_NOT_APPLIED', `the log still has ${left.length} entries after it was cleared`);
    }
  }

  /** The one that calls itself SEL; else the first there is. */
  async #service(signal: AbortSignal): Promise<Resource> {
    const manager = await managerOf(this.#doors, signal);
    const system = await this.#doors.system(signal);
    const services = [
      ...(await membersIfAny(this.#doors, linkAt(manager.body, 'LogServices'), signal)),
      ...(await membersIfAny(this.#doors, linkAt(system.body, 'LogServices'), signal)),
    ];
    const named = (pattern: RegExp) =>
      services.find((s) => pattern.test(`${textAt(s.body, 'Id')} ${textAt(s.body, 'Name')}`));
    const found =
      services.find((s) => textAt(s.body, 'LogEntryType') === 'SEL') ??
      named(/\bsel\b/i) ??
      named(/event/i) ??
      services[0];
    if (found === undefined) throw redfishErrors.make('REDFISH_UNSUPPORTED', 'the BMC keeps no log that Redfish shows');
    return found;
  }
}

function readEntry(body: JsonObject): LogEntry {
  const severity = textAt(body, 'Severity')?.toLowerCase();
  const known = severity === 'ok' || severity === 'warning' || severity === 'critical' ? severity : undefined;
  return {
    id: textAt(body, 'Id') ?? '',
    text: textAt(body, 'Message') ?? textAt(body, 'Name') ?? '',
    ...defined({ time: textAt(body, 'Created') ?? textAt(body, 'EventTimestamp'), severity: known }),
  };
}

/** By time where both have one; the order of the BMC decides the rest (sorting is stable). */
function byTime(a: LogEntry, b: LogEntry): number {
  const [x, y] = [Date.parse(a.time ?? ''), Date.parse(b.time ?? '')];
  return Number.isNaN(x) || Number.isNaN(y) ? 0 : x - y;
}
