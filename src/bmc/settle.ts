import { type Clock, sleep } from '../core/clock.ts';
import { IngotError } from '../core/errors.ts';
import type { Bmc } from './bmc.ts';

const GOOD_READS = 3;
const EVERY_MS = 10_000;

/**
 * Waits until a BMC that has flashed itself answers three times in a row: it restarts a while after it has said that all is
 * done. `signal` is the limit.
 */
export async function awaitSettled(
  bmc: Bmc,
  clock: Clock,
  signal: AbortSignal,
  everyMs: number = EVERY_MS,
): Promise<void> {
  for (let good = 0; ;) {
    try {
      await bmc.verify(signal);
      good++;
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof IngotError) || !error.retry) throw error;
      good = 0;
    }
    if (good >= GOOD_READS) return;
    await sleep(clock, everyMs, signal);
  }
}
