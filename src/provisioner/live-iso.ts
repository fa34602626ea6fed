import { kubeTime } from '../core/clock.ts';
import { Machine } from './machine.ts';
import { POWER_ON_STEP } from './power-on-step.ts';
import type { OperationTable } from './operation.ts';
import type { ProvisionRequest } from './provisioner.ts';
import { ejectMedia } from './ramdisk-boot.ts';
import type { Run } from './run.ts';

/**
 * A machine that runs from an ISO of the user's own (`spec.image.format: live-iso`, metal3-compat §4.1): the BMC fetches it
 * from where the user has it, and the machine boots it at every start. No agent, no disk is touched, and what is on the
 * ISO is not checked: there is no checksum.
 */
export function liveIso(request: ProvisionRequest): OperationTable {
  return {
    kind: 'provision',
    phase: 'provisioning',
    remembered: true,
    steps: [
      {
        name: 'leave-ramdisk',
        text: 'powering off',
        agent: false,
        run: async (run) => {
          await run.update({ boot: { intent: 'disk', since: kubeTime(run.now) }, agent: undefined });
          await new Machine(run).off();
          await ejectMedia(run);
          return { kind: 'next', patch: { liveIso: { since: kubeTime(run.now) } } };
        },
      },
      {
        name: 'insert-live-iso',
        text: 'inserting the ISO',
        agent: false,
        run: async (run) => {
          await new Machine(run).insertMedia(request.image.url, 'the ISO of spec.image');
          return { kind: 'next' };
        },
      },
      {
        name: 'boot-live-iso',
        text: 'setting the boot device',
        agent: false,
        run: async (run) => {
          await new Machine(run).bootCdAlways();
          return { kind: 'next' };
        },
      },
      POWER_ON_STEP,
    ],
  };
}

/** Takes the user's ISO out of a machine that is off. */
export async function ejectLiveIso(run: Run): Promise<void> {
  if (run.status.liveIso === undefined) return;
  await new Machine(run).ejectMedia();
  await run.update({ liveIso: undefined });
}
