import type { Resource } from './calls.ts';
import { redfishErrors } from './errors.ts';
import { textAt } from './json.ts';
import { type ServiceDoors, managerOf } from './service-doors.ts';

/** More than that and a BMC refuses certificates that are good, and dates its log wrongly. */
const TOLERATED_MS = 600_000;
/** BMCs answer late, and count in whole seconds. */
const READ_BACK_MS = 90_000;

export interface BmcTime {
  /** Of the BMC, ms since the epoch. */
  now: number;
  /** BMC’s minus ours, ms. */
  aheadMs: number;
}

/** `DateTime` of a Manager; undefined: it says none, or one that is no time. */
export function timeOf(manager: Resource, ours: number): BmcTime | undefined {
  const now = Date.parse(textAt(manager.body, 'DateTime') ?? '');
  return Number.isNaN(now) ? undefined : { now, aheadMs: now - ours };
}

/** What a person should know of a clock; undefined while it is about right. */
export function clockWarning(time: BmcTime | undefined): string | undefined {
  if (time === undefined || Math.abs(time.aheadMs) <= TOLERATED_MS) return undefined;
  const off = `${lengthOf(Math.abs(time.aheadMs))} ${time.aheadMs < 0 ? 'behind' : 'ahead'}`;
  return (
    `the clock of the BMC is ${off} (it says ${new Date(time.now).toISOString()}): it may refuse good certificates of ` +
    'https servers, and its log is dated wrongly; `ingot bmc clock HOST --set` sets it'
  );
}

/**
 * Sets the clock of the BMC to ours.
 * @throws REDFISH_UNSUPPORTED when the BMC tells no time, REDFISH_NOT_APPLIED
 */
export async function setClock(doors: ServiceDoors, signal: AbortSignal): Promise<BmcTime> {
  const manager = await managerOf(doors, signal);
  if (timeOf(manager, 0) === undefined) {
    throw redfishErrors.make('REDFISH_UNSUPPORTED', 'the BMC does not tell its time');
  }
  const DateTime = new Date(doors.clock.now()).toISOString().replace(/\.\d+Z$/, '+00:00');
  await doors.calls.patch(manager.path, { DateTime }, signal, manager.etag === undefined ? {} : { etag: manager.etag });
  const time = timeOf(await doors.calls.get(manager.path, signal), doors.clock.now());
  if (time !== undefined && Math.abs(time.aheadMs) <= READ_BACK_MS) return time;
  const text = 'the clock of the BMC was set and reads back otherwise: it may follow NTP, or the host';
  throw redfishErrors.make('REDFISH_NOT_APPLIED', text, { seen: { time: time?.now } });
}

function lengthOf(ms: number): string {
  const units: [number, string][] = [
    [365 * 86_400_000, 'years'],
    [86_400_000, 'days'],
    [3_600_000, 'hours'],
    [60_000, 'minutes'],
  ];
  const [unit, name] = units.find(([length]) => ms >= 2 * length) ?? [1000, 'seconds'];
  return `${Math.floor(ms / unit)} ${name}`;
}
