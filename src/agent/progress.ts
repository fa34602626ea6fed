import type { ProgressMessage, ProgressReply } from '../agent-protocol/messages.ts';
import { type Clock, sleep } from '../core/clock.ts';

/** At most two messages a second, and one every five even when nothing moves: the answer may be "cancel". */
const MIN_INTERVAL_MS = 500;
const HEARTBEAT_MS = 5000;

export type ProgressState = Omit<ProgressMessage, 'taskId'>;

/** The newest state of one task; what comes in between two messages is skipped, never queued. */
export class ProgressReporter {
  readonly #taskId: string;
  readonly #clock: Clock;
  #state: ProgressState = { step: 'starting' };
  #changed = true;

  constructor(taskId: string, clock: Clock) {
    this.#taskId = taskId;
    this.#clock = clock;
  }

  /** Called as often as the task likes. */
  readonly report = (state: ProgressState): void => {
    this.#state = state;
    this.#changed = true;
  };

  /**
   * Sends until `signal` aborts. A message that cannot be sent is dropped: the next one says more.
   * @param onCancel called when the server no longer wants the task
   */
  async run(
    send: (message: ProgressMessage, signal: AbortSignal) => Promise<ProgressReply>,
    onCancel: () => void,
    signal: AbortSignal,
  ): Promise<void> {
    while (!signal.aborted) {
      const since = this.#clock.monotonic();
      this.#changed = false;
      try {
        const { cancel } = await send({ taskId: this.#taskId, ...this.#state }, signal);
        if (cancel) onCancel();
      } catch {
        this.#changed = true;
      }
      await this.#pause(since, signal);
    }
  }

  async #pause(since: number, signal: AbortSignal): Promise<void> {
    do {
      await sleep(this.#clock, MIN_INTERVAL_MS, signal).catch(() => {});
    } while (!signal.aborted && !this.#changed && this.#clock.monotonic() - since < HEARTBEAT_MS);
  }
}
