import type { Clock } from '../core/clock.ts';

/**
 * Hosts that rest after a failure. Machines and tasks wake their host whenever something happens to them; while it
 * rests, that is no reason to try again what has just failed and to use up its attempts. What a person edits is. Kept in
 * memory only: after a restart the host is tried once at once.
 */
export class Rests {
  readonly #clock: Clock;
  /** Monotonic time at which the rest is over, ms. */
  readonly #until = new Map<string, number>();
  readonly #edited = new Set<string>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Somebody changed the host, one of its Secrets, or a host in its way: the next pass runs. */
  edited(key: string): void {
    this.#edited.add(key);
  }

  /** At the beginning of a pass: ms to rest on, 0 to go ahead. */
  left(key: string): number {
    const until = this.#edited.delete(key) ? undefined : this.#until.get(key);
    if (until === undefined) return 0;
    return Math.max(0, until - this.#clock.monotonic());
  }

  /** At the end of a pass. @param restMs undefined: it did not fail */
  ended(key: string, restMs: number | undefined): void {
    if (restMs === undefined) this.#until.delete(key);
    else this.#until.set(key, this.#clock.monotonic() + restMs);
  }
}
