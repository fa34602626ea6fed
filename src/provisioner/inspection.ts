import type { InspectResult } from '../agent-protocol/messages.ts';
import type { OperationTable } from './operation.ts';
import type { Run } from './run.ts';
import { runTask } from './tasks.ts';

/**
 * The steps of an inspection.
 * @param found gets what the agent reports
 */
export function inspection(found: (result: InspectResult) => void): OperationTable {
  return {
    kind: 'inspect',
    phase: 'inspecting',
    steps: [
      {
        name: 'inspect',
        text: 'reading the hardware',
        agent: true,
        run: async (run: Run) => {
          const outcome = await runTask(run, { kind: 'inspect' }, run.doors.limits.inspectMs, true);
          if (outcome.kind !== 'done') return outcome;
          if (outcome.result?.kind !== 'inspect') return { kind: 'again', ms: 0 };
          found(outcome.result);
          return { kind: 'next' };
        },
      },
    ],
  };
}
