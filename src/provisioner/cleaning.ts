import { kubeTime } from '../core/clock.ts';
import type { Step } from './operation.ts';
import { runTask } from './tasks.ts';

/** Wipes partition tables and signatures of every disk; done only when the agent read all of them back. */
export function cleanStep(skip: Step['skip']): Step {
  return {
    name: 'clean',
    text: 'wiping the disks’ metadata',
    agent: true,
    ...(skip === undefined ? {} : { skip }),
    run: async (run) => {
      const payload = { kind: 'clean', policy: { mode: 'metadata' } } as const;
      const outcome = await runTask(run, payload, run.doors.limits.cleanMs, true);
      if (outcome.kind !== 'done') return outcome;
      if (outcome.result?.kind !== 'clean') return { kind: 'again', ms: 0 };
      const unproven = outcome.result.disks.filter((d) => d.action !== 'skipped' && !d.verified);
      if (unproven.length > 0) {
        const list = unproven.map((d) => `${d.name} (${d.detail})`).join(', ');
        return { kind: 'failed', code: 'PROVISION_CLEAN_UNPROVEN', message: `not proven to be wiped: ${list}` };
      }
      return { kind: 'next', patch: { cleanedAt: kubeTime(run.now) } };
    },
  };
}
