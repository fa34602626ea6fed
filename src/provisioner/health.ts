import { type ObjectKey, keyOf, keyText } from '../api/meta.ts';
import type { Bmc } from '../bmc/bmc.ts';
import type { Health, StorageDrive } from '../bmc/capabilities.ts';
import type { Timeline } from '../boot/timeline.ts';
import type { Clock } from '../core/clock.ts';
import { Deadline } from '../core/deadline.ts';
import { IngotError, errorText } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import type { BmcSource } from './doors.ts';
import type { HealthReport, HostContext, HostWakeup } from './provisioner.ts';

/** A BMC is asked this rarely: Metal3 asks every 160 s and warns of less than 120, which old BMCs do not bear. */
const INTERVAL_MS = 180_000;
/** The parts of a machine that stays ill are read this rarely: many requests, each slow. */
const PARTS_MS = 1_800_000;
/** BMCs asked at the same time: after a restart of the engine all are due at once. */
const CONCURRENCY = 10;
const ASK_MS = 60_000;
/** Longest list of parts; the rest is counted. */
const MAX_PARTS = 8;

interface Entry {
  report: HealthReport | undefined;
  dueAt: number;
  partsAt: number;
  asking: boolean;
}

export interface HealthDoors {
  bmcs: Pick<BmcSource, 'get'>;
  timeline: Pick<Timeline, 'add'>;
  clock: Clock;
  random: () => number;
  log: Logger;
  wake: HostWakeup;
  signal: AbortSignal;
}

/**
 * What BMCs say of the health of their machines, read in the background: no pass over a host waits for it. Only in memory;
 * until a BMC was asked, the last word in the status of its host stands.
 */
export class HealthWatch {
  readonly #doors: HealthDoors;
  readonly #entries = new Map<string, Entry>();
  #underWay = 0;

  constructor(doors: HealthDoors) {
    this.#doors = doors;
  }

  /** The last report; asks for a new one when it is time for that. Undefined: nothing is known yet. */
  report(context: HostContext): HealthReport | undefined {
    const key = keyOf(context.host);
    const entry = this.#entry(key);
    const due = this.#doors.clock.monotonic() >= entry.dueAt;
    if (due && !entry.asking && this.#underWay < CONCURRENCY) void this.#ask(key, entry, context);
    return entry.report;
  }

  forget(key: ObjectKey): void {
    this.#entries.delete(keyText(key));
  }

  #entry(key: ObjectKey): Entry {
    const name = keyText(key);
    const known = this.#entries.get(name);
    if (known !== undefined) return known;
    const fresh = { report: undefined, dueAt: 0, partsAt: Number.NEGATIVE_INFINITY, asking: false };
    this.#entries.set(name, fresh);
    return fresh;
  }

  async #ask(key: ObjectKey, entry: Entry, context: HostContext): Promise<void> {
    const { clock, random, log, signal, bmcs } = this.#doors;
    entry.asking = true;
    this.#underWay += 1;
    using deadline = new Deadline(clock, 'the BMC to report health', ASK_MS, signal);
    try {
      const bmc = await bmcs.get({ ...context, signal: deadline.signal });
      this.#note(key, entry, await this.#look(bmc, entry, deadline.signal));
    } catch (error) {
      // What could not be read changes nothing: the next pass says what is wrong with the BMC.
      if (!signal.aborted) log.debug('health not read', { host: keyText(key), why: errorText(error) });
    } finally {
      this.#underWay -= 1;
      entry.asking = false;
      // Spread, so that hosts enrolled together are not asked together for ever.
      entry.dueAt = clock.monotonic() + INTERVAL_MS * (1 + random() / 4);
    }
  }

  async #look(bmc: Bmc, entry: Entry, signal: AbortSignal): Promise<HealthReport> {
    const health = await bmc.inspection?.health(signal);
    if (health === undefined) return { health, parts: [] };
    if (health === 'ok') return { health, parts: [] };
    const now = this.#doors.clock.monotonic();
    if (entry.report?.health === health && now - entry.partsAt < PARTS_MS) return entry.report;
    entry.partsAt = now;
    return { health, parts: await degradedParts(bmc, signal) };
  }

  #note(key: ObjectKey, entry: Entry, report: HealthReport): void {
    const { timeline, wake } = this.#doors;
    const before = entry.report;
    entry.report = report;
    const text = healthText(report);
    if (before !== undefined && healthText(before) === text) return;
    if (before !== undefined || report.health === 'warning' || report.health === 'critical') {
      timeline.add(key, { source: 'bmc', kind: 'health', text: `health: ${text}` });
    }
    wake(key);
  }
}

function healthText({ health, parts }: HealthReport): string {
  const word = health ?? 'not told by the BMC';
  return parts.length === 0 ? word : `${word}: ${parts.join(', ')}`;
}

/** Names of sensors and drives that are not well, the worst first. Best effort: a BMC may not tell of all. */
export async function degradedParts(bmc: Bmc, signal: AbortSignal): Promise<string[]> {
  const sensors = (await tolerant(() => bmc.sensing?.sensors(signal), signal)) ?? [];
  const controllers = (await tolerant(() => bmc.storage?.controllers(signal), signal)) ?? [];
  const drives = controllers.flatMap((c) => c.drives);
  const found = [
    ...sensors.map(({ name, health }) => ({ name, health, why: health })),
    ...drives.map(drivePart),
  ].filter((part) => part.health === 'warning' || part.health === 'critical');
  const rank = (health: Health | undefined) => (health === 'critical' ? 0 : 1);
  const names = found
    .toSorted((a, b) => rank(a.health) - rank(b.health) || (a.name < b.name ? -1 : 1))
    .map(({ name, why }) => `${name} (${why})`);
  const more = names.length - MAX_PARTS;
  return more > 0 ? [...names.slice(0, MAX_PARTS), `${more} more`] : names;
}

function drivePart({ name, health, failurePredicted }: StorageDrive) {
  if (failurePredicted !== true) return { name, health, why: health };
  const ill = health === 'critical' ? health : 'warning';
  return { name, health: ill, why: `${ill}, failure predicted` } as const;
}

async function tolerant<T>(work: () => Promise<T> | undefined, signal: AbortSignal): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof IngotError) return undefined;
    throw error;
  }
}
