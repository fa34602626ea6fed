import type { Bmc } from '../bmc/bmc.ts';
import { Deadline } from '../core/deadline.ts';
import { errorText } from '../core/errors.ts';
import type { Run } from './run.ts';

/**
 * Jobs that somebody left in the queue of an iDRAC refuse ours: they are forgotten when a host is enrolled, as Metal3 does
 * (Ironic’s `clear_job_queue`, priority 90). Never later, when they may be ours; nor for a machine that somebody else runs.
 */
export async function clearStaleJobs(run: Run, bmc: Bmc): Promise<void> {
  const { host, doors, context } = run;
  const enrolled = (host.status?.provisioning?.ID ?? '') !== '';
  if (enrolled || host.spec.externallyProvisioned === true || bmc.management?.clearJobs === undefined) return;
  try {
    using deadline = new Deadline(doors.clock, 'the BMC to clear its jobs', doors.limits.bmcMs, context.signal);
    const cleared = await bmc.management.clearJobs(deadline.signal);
    if ((cleared ?? 0) > 0) run.see('bmc', 'bmc-jobs-cleared', `${cleared} jobs that others had left are cleared`);
  } catch (error) {
    context.signal.throwIfAborted();
    // Most BMCs get along with a full queue, and one that does not says so where it matters.
    run.see('bmc', 'bmc-trouble', `jobs of the BMC not cleared: ${errorText(error)}`);
  }
}
