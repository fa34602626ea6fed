import type { Clock, Timer } from './clock.ts';
import { defineErrors } from './errors.ts';

export const deadlineErrors = defineErrors({
  DEADLINE_EXCEEDED: { blame: 'network', retry: true, hint: 'see what was last observed with `ingot explain HOST`' },
});

/**
 * A named wait with an end. One deadline is made at the top and handed down; leaves ask what is left and never invent
 * a timeout of their own.
 */
export class Deadline implements Disposable {
  readonly name: string;
  /** Wall time of the end, ms. */
  readonly at: number;
  readonly signal: AbortSignal;
  readonly #clock: Clock;
  readonly #end: number;
  readonly #timer: Timer;
  readonly #controller = new AbortController();
  readonly #unlink: () => void;

  /**
   * @param name what is awaited, as a person would say it: "agent of host lab/node-0 to register"
   * @param ms length of the wait
   * @param parent aborts this deadline too, with the parent's reason
   */
  constructor(clock: Clock, name: string, ms: number, parent?: AbortSignal) {
    this.name = name;
    this.#clock = clock;
    this.at = clock.now() + ms;
    this.#end = clock.monotonic() + ms;
    this.signal = this.#controller.signal;
    const expire = () =>
      this.#controller.abort(
        deadlineErrors.make('DEADLINE_EXCEEDED', `waited ${Math.round(ms / 100) / 10} s for ${name}`),
      );
    this.#timer = clock.timer(ms, expire, true);
    const onParent = () => this.#controller.abort(parent?.reason);
    if (parent?.aborted === true) onParent();
    parent?.addEventListener('abort', onParent, { once: true });
    this.#unlink = () => parent?.removeEventListener('abort', onParent);
  }

  /** Milliseconds left, never negative. */
  remaining(): number {
    return Math.max(0, this.#end - this.#clock.monotonic());
  }

  [Symbol.dispose](): void {
    this.#timer.cancel();
    this.#unlink();
  }
}
