import { Machine } from './machine.ts';
import type { Step } from './operation.ts';

/** The last step of whatever ends with a machine that runs. */
export const POWER_ON_STEP: Step = {
  name: 'power-on',
  text: 'powering on',
  agent: false,
  run: async (run) => {
    await new Machine(run).on();
    return { kind: 'next' };
  },
};
