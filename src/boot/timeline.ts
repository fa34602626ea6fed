import type { HostProgressStatus, TimelineEntry, TimelineSource } from '../api/hostprogress.ts';
import type { ObjectKey } from '../api/meta.ts';
import { type Clock, kubeTime } from '../core/clock.ts';
import { redactText } from '../core/log.ts';

/** Entries kept per host. A complete provisioning leaves about sixty. */
export const TIMELINE_LIMIT = 120;
/** How far back a repetition is looked for: DISCOVER and its OFFER alternate, and both must merge. */
const MERGE_WINDOW = 6;
const MERGE_WITHIN_MS = 120_000;
const MAX_TEXT = 300;

/** A BMC that talks on and on must not push out what happened. */
const EVENT = 'bmc-event';
const EVENT_LIMIT = 30;

/** Machines repeat themselves; what we and our agent do is one thing each time. */
const REPEATS: ReadonlySet<TimelineSource> = new Set(['dhcp', 'tftp', 'http', 'bmc']);
/** Anybody on the boot network can try to register, and must not push out what really happened. */
const REFUSED = 'agent-refused';

export interface Observation {
  source: TimelineSource;
  /** Stable, kebab-case. */
  kind: string;
  /** Plain words, no secrets. */
  text: string;
}

/** The timeline with one more observation. A repetition counts up instead of pushing out older entries. Pure. */
export function withObservation(timeline: readonly TimelineEntry[], seen: Observation, nowMs: number): TimelineEntry[] {
  const at = kubeTime(nowMs);
  const text = redactText(seen.text).slice(0, MAX_TEXT);
  const index = timeline.findLastIndex(
    (e, i) =>
      i >= timeline.length - MERGE_WINDOW &&
      e.source === seen.source &&
      e.kind === seen.kind &&
      e.text === text &&
      nowMs - lastSeenMs(e) <= MERGE_WITHIN_MS,
  );
  const same = REPEATS.has(seen.source) || seen.kind === REFUSED ? timeline[index] : undefined;
  if (same !== undefined) return timeline.with(index, { ...same, count: (same.count ?? 1) + 1, lastAt: at });
  const events = seen.kind === EVENT ? timeline.filter((e) => e.kind === EVENT) : [];
  const [oldest] = events.length >= EVENT_LIMIT ? events : [];
  const kept = timeline.filter((e) => e !== oldest);
  return [...kept.slice(-(TIMELINE_LIMIT - 1)), { at, source: seen.source, kind: seen.kind, text }];
}

/** When an entry was last seen, ms. */
export function lastSeenMs(entry: TimelineEntry): number {
  return Date.parse(entry.lastAt ?? entry.at);
}

/** What every server tells about a host: DHCP, TFTP, HTTP, BMC, agent. Kept in HostProgress, bounded. */
export class Timeline {
  readonly #book: TimelineBook;
  readonly #clock: Clock;

  constructor(doors: { book: TimelineBook; clock: Clock }) {
    this.#book = doors.book;
    this.#clock = doors.clock;
  }

  add(key: ObjectKey, seen: Observation): void {
    const timeline = withObservation(this.#book.status(key).timeline ?? [], seen, this.#clock.now());
    this.#book.note(key, { timeline });
  }
}

/** The part of ProgressBook that is needed. */
export interface TimelineBook {
  status(key: ObjectKey): HostProgressStatus;
  note(key: ObjectKey, patch: { timeline: TimelineEntry[] }): void;
}
