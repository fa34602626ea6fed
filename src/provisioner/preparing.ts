import type { HardwareRaidVolume } from '../api/baremetalhost.ts';
import { missingBios, stageBios, verifyBios } from './bios-steps.ts';
import { type Restart, flash } from './flashing.ts';
import type { OperationTable, Step } from './operation.ts';
import type { FirmwareWish } from './provisioner.ts';
import { raidSteps } from './raid.ts';
import { restartMachine } from './restart.ts';
import type { Run, StepResult } from './run.ts';

/**
 * Firmware first, since it may bring the settings that are wished for; then the settings, then a look whether they hold.
 * RAID last: a setting may be what makes a controller one for RAID. Nothing of anybody's runs on the machine, so it is
 * restarted hard.
 * @param volumes the RAID volumes to make; undefined: what there is stays
 */
export function preparing(wish: FirmwareWish, volumes?: readonly HardwareRaidVolume[]): OperationTable {
  const { settings, updates } = wish;
  return {
    kind: 'prepare',
    phase: 'preparing',
    remembered: true,
    // Only what there is to do, so that the timeline tells of nothing else.
    steps: [
      ...(updates.length === 0 ? [] : [step('firmware', 'updating firmware', (run) => flash(run, updates, restart))]),
      ...(Object.keys(settings).length === 0 ? [] : biosSteps(settings)),
      ...(volumes === undefined ? [] : raidSteps(volumes)),
    ],
  };
}

function biosSteps(settings: FirmwareWish['settings']): Step[] {
  return [
    step('bios-set', 'staging BIOS settings', (run) => stageBios(run, settings)),
    step('bios-restart', 'restarting the machine for its BIOS settings', async (run) =>
      (await missingBios(run, settings)).length > 0 ? restart(run) : { kind: 'next' },
    ),
    step('bios-verify', 'reading the BIOS settings back', (run) => verifyBios(run, settings)),
  ];
}

/** A step of the BMC alone: no ramdisk is needed for it. */
export function step(name: string, text: string, run: (run: Run) => Promise<StepResult>): Step {
  return { name, text, agent: false, run };
}

const restart: Restart = async (run) => {
  await restartMachine(run);
  return { kind: 'next' };
};
