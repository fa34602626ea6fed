const BITS = 32;

export interface WindowOptions {
  /** How far a number may jump past the highest seen. */
  ahead?: number;
  /** The first number to come; 1 unless both sides agreed on another. */
  from?: number;
}

/**
 * Sliding window over the session sequence numbers of a peer (§6.12.13): a number is taken once. Numbers a little
 * ahead are fine (replies get lost, one board counts in twos), numbers far behind or seen before are not.
 */
export class SequenceWindow {
  readonly #ahead: number;
  #highest: number;
  /** Bit n: `#highest - n` was seen. What came before the first number counts as seen. */
  #seen = 0xffffffff;

  constructor({ ahead = BITS, from = 1 }: WindowOptions = {}) {
    this.#ahead = ahead;
    this.#highest = (from - 1) | 0;
  }

  /** True, and the number is used up, when a packet with `sequence` may be taken. */
  accept(sequence: number): boolean {
    if (sequence === 0) return false;
    const step = (sequence - this.#highest) | 0;
    if (step > 0) {
      if (step > this.#ahead) return false;
      this.#seen = step >= BITS ? 1 : ((this.#seen << step) | 1) >>> 0;
      this.#highest = sequence | 0;
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
