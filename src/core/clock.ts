/** Time as a value that comes in by the door: decisions and servers take a Clock, tests hand in a FakeClock. */
export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Wall time, ms since the Unix epoch. For stamps that people read; may jump. */
  now(): number;
  /** Monotonic ms since an arbitrary origin. For durations and deadlines. */
  monotonic(): number;
  /** Calls `fn` once after `ms`. The timer does not keep the process alive when `background` is true. */
  timer(ms: number, fn: () => void, background?: boolean): Timer;
}

/** setTimeout wraps at 2^31-1 ms and would fire at once; longer waits are cut to this. */
const MAX_TIMER_MS = 0x7fffffff;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  timer(ms, fn, background = false) {
    const handle = setTimeout(fn, Math.min(Math.max(0, ms), MAX_TIMER_MS));
    if (background) handle.unref();
    return { cancel: () => clearTimeout(handle) };
  },
};

/**
 * Waits `ms` milliseconds.
 * @throws the signal's reason when `signal` aborts first.
 */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const onAbort = () => {
      timer.cancel();
      reject(signal?.reason);
    };
    const timer = clock.timer(ms, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/** ISO 8601 with whole seconds and `Z`, the form Kubernetes writes (`metav1.Time`). */
export function kubeTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

interface Pending {
  at: number;
  seq: number;
  fn: () => void;
}

/** A clock that moves only when told to. Timers fire in order of their due time. */
export class FakeClock implements Clock {
  #now: number;
  #mono = 0;
  #seq = 0;
  #pending: Pending[] = [];

  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.#now = startMs;
  }

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#mono;
  }

  timer(ms: number, fn: () => void): Timer {
    const entry: Pending = { at: this.#mono + Math.max(0, ms), seq: this.#seq++, fn };
    this.#pending.push(entry);
    return { cancel: () => (this.#pending = this.#pending.filter((p) => p !== entry)) };
  }

  /** Number of timers waiting. */
  get waiting(): number {
    return this.#pending.length;
  }

  /** Moves time by `ms`, firing what falls due; lets promise reactions run between timers. */
  async advance(ms: number): Promise<void> {
    const target = this.#mono + ms;
    await settle();
    for (;;) {
      const next = this.#pending.filter((p) => p.at <= target).sort((a, b) => a.at - b.at || a.seq - b.seq)[0];
      if (next === undefined) break;
      this.#pending = this.#pending.filter((p) => p !== next);
      this.#step(next.at - this.#mono);
      next.fn();
      await settle();
    }
    this.#step(target - this.#mono);
    await settle();
  }

  #step(ms: number): void {
    this.#mono += ms;
    this.#now += ms;
  }
}

/** A few turns of the microtask queue and one of the event loop: enough for await chains to reach their next timer. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
  await new Promise<void>((resolve) => setImmediate(resolve));
}
