/** How long the same thing is not news again, ms. */
const REPEAT_MS = 600_000;
/** More different things than this in that time are a flood, and not worth a line each. */
const MAX_REMEMBERED = 256;

/**
 * Tells what was not seen lately from what was: a machine that is refused asks again every few seconds, for ever, and
 * anybody on the network can make up more such machines than a log should hold.
 */
export class FirstTime {
  readonly #seen = new Map<string, number>();

  /** Is `thing` news at `nowMs`? Bounded in memory and in how often it says yes. */
  isNews(thing: string, nowMs: number): boolean {
    const last = this.#seen.get(thing);
    if (last !== undefined && nowMs - last < REPEAT_MS) return false;
    // In order of time: the first one is the oldest.
    for (const [key, at] of this.#seen) {
      if (nowMs - at < REPEAT_MS) break;
      this.#seen.delete(key);
    }
    if (this.#seen.size >= MAX_REMEMBERED) return false;
    this.#seen.set(thing, nowMs);
    return true;
  }
}
