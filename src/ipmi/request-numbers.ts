const NUMBERS = 64;
/** Longer than any BMC is known to take for an answer that is still to come. */
const AVOID_MS = 30_000;

/**
 * The rqSeq of requests (§13.8): six bits, one number after the other. That of a request that was sent again is left out
 * for a while: when hundreds of records are read, the numbers come round in less than the time that a late second answer
 * takes, and it would be taken for the answer to another request.
 */
export class RequestNumbers {
  #last = 0;
  /** Number → monotonic ms until which it is left out. */
  readonly #avoided = new Map<number, number>();

  /** @param now monotonic ms */
  next(now: number): number {
    for (let step = 0; step < NUMBERS; step++) {
      this.#last = (this.#last + 1) % NUMBERS;
      const until = this.#avoided.get(this.#last);
      if (until === undefined) return this.#last;
      if (until <= now) {
        this.#avoided.delete(this.#last);
        return this.#last;
      }
    }
    // All are left out: the network is hopeless, and the session will be given up soon.
    return this.#last;
  }

  /** An answer to `number` may come although nobody waits for it any more. */
  avoid(number: number, now: number): void {
    this.#avoided.set(number, now + AVOID_MS);
  }
}
