import type { ProgressPatch } from '../boot/progress-book.ts';

export interface ProgressSample {
  /** Monotonic, ms. */
  atMs: number;
  taskId: string;
  step: string;
  bytesDone: number | undefined;
  bytesTotal: number | undefined;
}

interface Rate {
  sample: ProgressSample & { bytesDone: number };
  bytesPerSecond: number | undefined;
}

/** Samples closer together than this do not change the rate. */
const MIN_INTERVAL_MS = 900;
/** Weight of the newest interval: people read this number, it must not jump. */
const NEWEST = 0.4;

/** Percent, rate and time left out of a task's progress messages. */
export class RateMeter {
  readonly #rates = new Map<string, Rate>();

  /** What goes into HostProgress for one more sample of host `key`. */
  take(key: string, sample: ProgressSample): ProgressPatch {
    const { bytesDone, bytesTotal, step } = sample;
    if (bytesDone === undefined || bytesTotal === undefined || bytesTotal <= 0) {
      this.#rates.delete(key);
      return { step, ...NO_FIGURES };
    }
    const rate = nextRate(this.#rates.get(key), { ...sample, bytesDone });
    this.#rates.set(key, rate);
    const perSecond = rate.bytesPerSecond === undefined ? undefined : Math.round(rate.bytesPerSecond);
    return {
      step,
      bytesDone,
      bytesTotal,
      percent: Math.min(100, Math.floor((bytesDone / bytesTotal) * 100)),
      bytesPerSecond: perSecond,
      etaSeconds:
        perSecond === undefined || perSecond === 0 ? undefined : Math.ceil((bytesTotal - bytesDone) / perSecond),
    };
  }

  forget(key: string): void {
    this.#rates.delete(key);
  }
}

/** Takes the figures of a finished step out of HostProgress. */
export const NO_FIGURES: ProgressPatch = {
  percent: undefined,
  bytesDone: undefined,
  bytesTotal: undefined,
  bytesPerSecond: undefined,
  etaSeconds: undefined,
};

function nextRate(held: Rate | undefined, sample: Rate['sample']): Rate {
  const before = held?.sample;
  const same = before?.taskId === sample.taskId && before.step === sample.step && before.bytesDone <= sample.bytesDone;
  if (held === undefined || before === undefined || !same) return { sample, bytesPerSecond: undefined };
  const elapsed = sample.atMs - before.atMs;
  if (elapsed < MIN_INTERVAL_MS) return held;
  const now = (sample.bytesDone - before.bytesDone) / (elapsed / 1000);
  const old = held.bytesPerSecond;
  return { sample, bytesPerSecond: old === undefined ? now : old * (1 - NEWEST) + now * NEWEST };
}
