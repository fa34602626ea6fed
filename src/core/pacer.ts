import { type Clock, sleep } from './clock.ts';

export interface Pace {
  /** Commands that may follow one another at once after a rest. */
  burst: number;
  /** Sustained commands per second. */
  perSecond: number;
  /** Rest after a command that got no answer, ms. */
  afterFailureMs: number;
}

/**
 * No wait within the chain of commands of one task nor while sensors and records are read, one after another; slower in
 * the long run. BMCs are known to freeze under bursts of power commands: those count for several.
 */
export const DEFAULT_PACE: Pace = { burst: 40, perSecond: 20, afterFailureMs: 1000 };

/** Token bucket in front of one BMC. */
export class Pacer {
  readonly #clock: Clock;
  readonly #pace: Pace;
  #tokens: number;
  #at: number;
  #notBefore = 0;

  constructor(clock: Clock, pace: Pace = DEFAULT_PACE) {
    this.#clock = clock;
    this.#pace = pace;
    this.#tokens = pace.burst;
    this.#at = clock.monotonic();
  }

  /**
   * Waits until the next command may be sent.
   * @param cost for how many commands it counts
   * @throws the signal's reason
   */
  async turn(signal: AbortSignal, cost = 1): Promise<void> {
    const now = this.#clock.monotonic();
    const { burst, perSecond } = this.#pace;
    this.#tokens = Math.min(burst, this.#tokens + ((now - this.#at) / 1000) * perSecond) - cost;
    this.#at = now;
    const forTokens = this.#tokens < 0 ? (-this.#tokens / perSecond) * 1000 : 0;
    const wait = Math.max(forTokens, this.#notBefore - now);
    if (wait > 0) await sleep(this.#clock, wait, signal);
    signal.throwIfAborted();
  }

  /** A command got no answer. */
  failed(): void {
    this.#notBefore = this.#clock.monotonic() + this.#pace.afterFailureMs;
  }
}
