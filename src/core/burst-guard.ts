/** Hangs for `forMs` when more than `requests` come within `withinMs`, as old BMCs do when they are hurried. */
export interface BurstRule {
  requests: number;
  withinMs: number;
  forMs: number;
}

/** Remembers when requests came, and says how long their server hangs now. */
export class BurstGuard {
  #times: number[] = [];
  #frozenUntil = 0;

  /** @param now monotonic ms. @returns ms that this request finds the server hanging */
  hit(now: number, rule: BurstRule): number {
    this.#times = [...this.#times.filter((t) => now - t < rule.withinMs), now];
    if (this.#times.length > rule.requests && now >= this.#frozenUntil) {
      this.#frozenUntil = now + rule.forMs;
      this.#times = [];
    }
    return Math.max(0, this.#frozenUntil - now);
  }
}
