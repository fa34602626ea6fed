/** Bounds of the wait before a window is sent again, ms. Slow firmware may write flash between two blocks. */
const MIN_RTO_MS = 200;
const MAX_RTO_MS = 8000;
const FIRST_RTO_MS = 1000;

/**
 * Round-trip estimate after Jacobson (RFC 6298): wait = mean + 4 deviations, doubled with each timeout until something is
 * acknowledged. Times of blocks that were sent twice must not be fed in (Karn).
 */
export class RttEstimator {
  readonly #ceiling: number;
  #mean: number | undefined;
  #deviation = 0;
  #doublings = 0;

  /**
   * @param askedMs the wait the client asked for (RFC 2349). It is the longest we wait, not the shortest: some clients name
   *   twenty seconds, and on a path that loses one packet in thirty a file would take half an hour.
   */
  constructor(askedMs: number = MAX_RTO_MS) {
    this.#ceiling = Math.min(askedMs, MAX_RTO_MS);
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
    const base = this.#mean === undefined ? FIRST_RTO_MS : Math.max(MIN_RTO_MS, this.#mean + 4 * this.#deviation);
    return Math.min(this.#ceiling, base * 2 ** Math.min(this.#doublings, 8));
  }
}
