import type { TimelineEntry } from '../api/hostprogress.ts';
import { bootStage, isBootSign } from '../boot/diagnose.ts';
import { lastSeenMs } from '../boot/timeline.ts';
import type { Limits } from './doors.ts';

export interface SilentBoot {
  /** What was seen of the host, oldest first. */
  timeline: readonly TimelineEntry[];
  /** Wall times, ms: when the machine was powered on, since when this engine listens, and now. */
  poweredOn: number;
  listening: number;
  now: number;
}

/** Stamps of timelines are whole seconds. */
const STAMP_MS = 1000;
const POWERED: ReadonlySet<string> = new Set(['power-on', 'power-reset']);

/**
 * Has the firmware asked for its boot while no engine listened, and given up? BIOS firmware asks for about a minute after
 * its self test and then stops for good, so waiting longer brings nothing. Pure.
 *
 * Only after a restart of the engine: a machine that was silent all along is in its self test or not connected. iPXE asks
 * again by itself, so a boot that has come that far is left alone. A self test must not be disturbed either: large servers
 * need ten minutes. Where earlier boots tell how long this machine is silent, twice that is waited; where nothing is known,
 * `limits.missedBootMs`. A wrong guess costs one self test per restart of the engine, since the next power on is heard.
 */
export function missedBoot(boot: SilentBoot, limits: Pick<Limits, 'missedBootMs' | 'bootRetriesMs'>): boolean {
  const { timeline, poweredOn, listening, now } = boot;
  if (listening <= poweredOn + STAMP_MS) return false;
  if (!['power', 'dhcp', 'loader'].includes(bootStage(timeline, poweredOn - STAMP_MS))) return false;
  if (bootStage(timeline, listening - STAMP_MS) !== 'power') return false;
  const usual = usualSilence(timeline);
  const patience = usual === undefined ? limits.missedBootMs : Math.max(2 * usual, limits.bootRetriesMs);
  return now - poweredOn > patience && now - listening > limits.bootRetriesMs;
}

/** The longest time from a power on to the machine's first sign that the timeline knows, ms. */
export function usualSilence(timeline: readonly TimelineEntry[]): number | undefined {
  let on: number | undefined;
  let longest: number | undefined;
  for (const entry of timeline) {
    if (POWERED.has(entry.kind)) on = lastSeenMs(entry);
    else if (on !== undefined && isBootSign(entry)) {
      longest = Math.max(longest ?? 0, Date.parse(entry.at) - on);
      on = undefined;
    }
  }
  return longest;
}
