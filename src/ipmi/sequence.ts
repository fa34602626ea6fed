const BITS = 32;

/**
 * Sliding window over the session sequence numbers of a peer (§6.12.13): a number is taken once. Numbers a little
 * ahead are fine (replies get lost, one board counts in twos), numbers far behind or seen before are not.
 */
export class SequenceWindow {
  readonly #ahead: number;
  #highest = 0;
  /** Bit n: `#highest - n` was seen. */
  #seen = 0;

  /** @param ahead how far a number may jump past the highest seen */
  constructor(ahead = BITS) {
    this.#ahead = ahead;
  }

  /** True, and the number is used up, when a packet with `sequence` may be taken. */
  accept(sequence: number): boolean {
    if (sequence === 0) return false;
    const step = (sequence - this.#highest) | 0;
    if (step > 0) {
      if (step > this.#ahead) return false;
      this.#seen = step >= BITS ? 1 : ((this.#seen << step) | 1) >>> 0;
      this.#highest = sequence;
      return true;
    }
    const behind = -step;
    if (behind >= BITS || ((this.#seen >>> behind) & 1) === 1) return false;
    this.#seen = (this.#seen | (1 << behind)) >>> 0;
    return true;
  }
}

/** Next outbound session sequence number: 1 first, 0 never, also after 2^32 packets. */
export function nextSequence(current: number): number {
  const next = (current + 1) >>> 0;
  return next === 0 ? 1 : next;
}
