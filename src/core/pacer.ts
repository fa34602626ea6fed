import { type Clock, sleep } from './clock.ts';

export interface Pace {
  /** Commands that may follow one another at once after a rest. */
  burst: number;
  /** Sustained commands per second. */
  perSecond: number;
  /** Rest after a command that got no answer, ms. */
  afterFailureMs: number;
}

/** Fast for the handful of commands of one task, slow in the long run: BMCs are known to freeze under bursts. */
export const DEFAULT_PACE: Pace = { burst: 12, perSecond: 5, afterFailureMs: 1000 };

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

  /** Waits until the next command may be sent. @throws the signal's reason */
  async turn(signal: AbortSignal): Promise<void> {
    const now = this.#clock.monotonic();
    const { burst, perSecond } = this.#pace;
    this.#tokens = Math.min(burst, this.#tokens + ((now - this.#at) / 1000) * perSecond) - 1;
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
