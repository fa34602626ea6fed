import type { FirmwareProgress } from '../api/hostprogress.ts';
import { kubeTime } from '../core/clock.ts';
import { IngotError } from '../core/errors.ts';
import type { Run } from './run.ts';

/** Answers of a BMC that is back for good; one that has just been flashed comes and goes (Ironic conf/redfish.py). */
const GOOD_READS = 3;
/** Firmware that runs without the BMC being restarted. */
const OF_THE_MACHINE = /^(bios$|nic:)/;

export type Settling = 'settled' | 'waiting' | 'lost';

/**
 * One look at a BMC after a firmware update: it must answer before anything else is asked of it, and where it may have been
 * restarted three times in a row, a while apart. What was seen is stored with the progress of the update.
 * @param store writes the progress
 * @returns `lost`: it did not settle in time
 */
export async function settle(
  run: Run,
  progress: FirmwareProgress,
  store: (change: NonNullable<FirmwareProgress['settling']>) => Promise<void>,
): Promise<Settling> {
  const { settleEveryMs, settleMs } = run.doors.limits;
  const { since = kubeTime(run.now), reads = 0, readAt } = progress.settling ?? {};
  if (readAt !== undefined && run.now - Date.parse(readAt) < settleEveryMs) return 'waiting';
  const good = (await answers(run)) ? reads + 1 : 0;
  const enough = OF_THE_MACHINE.test(progress.update?.component ?? '') ? 1 : GOOD_READS;
  if (good >= enough) return 'settled';
  if (run.now - Date.parse(since) > settleMs) return 'lost';
  await store({ since, reads: good, readAt: kubeTime(run.now) });
  return 'waiting';
}

/** Does it know the machine and its power state? */
async function answers(run: Run): Promise<boolean> {
  try {
    await run.withBmc('the BMC to answer after its update', async (bmc, signal) => {
      await bmc.verify(signal);
      await bmc.powerState(signal);
    });
    return true;
  } catch (error) {
    run.context.signal.throwIfAborted();
    if (!(error instanceof IngotError) || !error.retry) throw error;
    return false;
  }
}
