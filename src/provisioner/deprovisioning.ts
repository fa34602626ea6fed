import { kubeTime } from '../core/clock.ts';
import { cleanStep } from './cleaning.ts';
import { ejectLiveIso } from './live-iso.ts';
import { Machine } from './machine.ts';
import type { OperationTable } from './operation.ts';
import { ejectMedia } from './ramdisk-boot.ts';

/** What ran here is given up: its disks are wiped in the ramdisk, or the machine is only switched off. */
export function deprovisioning(cleaning: 'metadata' | 'disabled'): OperationTable {
  return {
    kind: 'deprovision',
    phase: 'deprovisioning',
    steps: [
      cleanStep(() => cleaning === 'disabled'),
      {
        name: 'power-off',
        text: 'powering off',
        agent: false,
        // After cleaning the agent stays: the next provisioning then begins at once.
        skip: () => cleaning === 'metadata',
        run: async (run) => {
          await run.update({ boot: { intent: 'none', since: kubeTime(run.now) }, agent: undefined });
          await new Machine(run).off();
          await ejectMedia(run);
          await ejectLiveIso(run);
          return { kind: 'next' };
        },
      },
      {
        name: 'release-disk',
        text: 'releasing the disk',
        agent: false,
        run: () => Promise.resolve({ kind: 'next', patch: { disk: undefined, image: undefined } }),
      },
    ],
  };
}
