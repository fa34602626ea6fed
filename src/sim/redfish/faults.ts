/** Ways in which a BMC fails its clients whatever its vendor. All may be changed while it runs. */
export interface RedfishFaults {
  /** Every answer comes this much later, ms. */
  delayMs?: number;
  /** The next so many requests are refused with 503 and `Retry-After: 1`. */
  busyRequests?: number;
  /** Of the next so many answers the first half is sent, then the connection is reset. */
  cutAnswers?: number;
  /** Hangs for `forMs` when more than `requests` come within `withinMs`: old BMCs do that when they are hurried. */
  burst?: { requests: number; withinMs: number; forMs: number };
  /** The BMC restarts after it did what this request asked, without an answer. One request; then it is cleared. */
  restartOn?: (method: string, path: string) => boolean;
}

/** Remembers when requests came, and says how long the BMC hangs now. */
export class BurstGuard {
  #times: number[] = [];
  #frozenUntil = 0;

  /** @param now monotonic ms. @returns ms that the request must wait */
  hit(now: number, rule: NonNullable<RedfishFaults['burst']>): number {
    this.#times = [...this.#times.filter((t) => now - t < rule.withinMs), now];
    if (this.#times.length > rule.requests && now >= this.#frozenUntil) this.#frozenUntil = now + rule.forMs;
    return Math.max(0, this.#frozenUntil - now);
  }
}
