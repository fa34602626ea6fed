/** Bounds of the wait before a window is sent again, ms. Slow firmware may write flash between two blocks. */
const MIN_RTO_MS = 200;
const MAX_RTO_MS = 8000;
const FIRST_RTO_MS = 1000;

/**
 * Round-trip estimate after Jacobson (RFC 6298): wait = mean + 4 deviations, doubled with each timeout until something is
 * acknowledged. Times of blocks that were sent twice must not be fed in (Karn).
 */
export class RttEstimator {
  readonly #fixed: number | undefined;
  #mean: number | undefined;
  #deviation = 0;
  #doublings = 0;

  /** @param fixedMs a wait the client asked for; then nothing is estimated */
  constructor(fixedMs?: number) {
    this.#fixed = fixedMs;
  }

  sample(ms: number): void {
    if (this.#mean === undefined) {
      this.#mean = ms;
      this.#deviation = ms / 2;
      return;
    }
    this.#deviation = 0.75 * this.#deviation + 0.25 * Math.abs(this.#mean - ms);
    this.#mean = 0.875 * this.#mean + 0.125 * ms;
  }

  /** Something arrived. */
  progress(): void {
    this.#doublings = 0;
  }

  timedOut(): void {
    this.#doublings += 1;
  }

  /** Smoothed round trip, ms; undefined before the first sample. */
  get mean(): number | undefined {
    return this.#mean;
  }

  /** How long to wait now, ms. */
  get wait(): number {
    if (this.#fixed !== undefined) return this.#fixed;
    const base = this.#mean === undefined ? FIRST_RTO_MS : Math.max(MIN_RTO_MS, this.#mean + 4 * this.#deviation);
    return Math.min(MAX_RTO_MS, base * 2 ** Math.min(this.#doublings, 8));
  }
}
