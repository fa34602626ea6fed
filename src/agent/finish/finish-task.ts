import { randomBytes } from 'node:crypto';
import type { DiskFacts, FinishResult, FinishTask } from '../../agent-protocol/messages.ts';
import type { Clock } from '../../core/clock.ts';
import { exec } from '../../core/exec.ts';
import { buildConfigDrive } from '../../disk/configdrive.ts';

import type { TaskContext } from '../task-runner.ts';
import { openPinned } from '../write-task.ts';
import { finishDisk } from '../write/finish-disk.ts';
import { checkBiosBoot, createEfiBoot, readBootLayout } from './firmware-boot.ts';

export interface FinishDoors {
  clock: Clock;
  firmware: () => Promise<'uefi' | 'bios'>;
}

/**
 * Makes a written disk ready to boot: backup GPT, config drive, firmware. Doing it twice changes nothing more.
 *
 * The firmware the machine runs decides between boot entry and boot code, not what was asked for: an entry cannot be
 * made from a BIOS boot, and the machine will boot the disk the way it booted us.
 * @throws AGENT_DISK_MISMATCH, what `finishDisk` throws, AGENT_NO_ESP, AGENT_NO_LOADER, AGENT_NO_BOOT_CODE, AGENT_EFI_VARIABLES
 */
export async function runFinish(
  task: FinishTask,
  disks: readonly DiskFacts[],
  doors: FinishDoors,
  context: TaskContext,
): Promise<FinishResult> {
  const { signal, report, log } = context;
  report({ step: 'partition table and config drive' });
  const { disk, outcome, layout } = await finishPinned(task, disks, doors, context);
  await exec('blockdev', ['--rereadpt', disk.name], { signal });
  const firmware = await doors.firmware();
  report({ step: firmware === 'uefi' ? 'firmware boot entry' : 'boot sector' });
  const done = firmware === 'uefi' ? await createEfiBoot(disk.name, layout, signal) : checkBiosBoot(disk.name, layout);
  const detail =
    firmware === task.bootMode ? done : `${done} (asked for ${task.bootMode}, the machine booted by ${firmware})`;
  log.info(detail, { backupGptMoved: outcome.backupGptMoved, configDrive: outcome.configDrive });
  return {
    kind: 'finish',
    backupGptMoved: outcome.backupGptMoved,
    configDrive: outcome.configDrive,
    boot: { mode: firmware, detail },
  };
}

async function finishPinned(task: FinishTask, disks: readonly DiskFacts[], doors: FinishDoors, context: TaskContext) {
  const { disk, device } = await openPinned(task.target, disks, context);
  await using _device = device;
  const outcome = await finishDisk({
    device,
    configDrive: task.configDrive === undefined ? undefined : volume(task.configDrive, doors.clock.now()),
    randomBytes: () => randomBytes(16),
  });
  return { disk, outcome, layout: await readBootLayout(device) };
}

function volume(files: Record<string, string>, atMs: number): Uint8Array {
  const decoded = Object.entries(files).map(([path, base64]): [string, Uint8Array] => [
    path,
    Buffer.from(base64, 'base64'),
  ]);
  return buildConfigDrive(new Map(decoded), atMs);
}
