import type { DiskFacts } from '../agent-protocol/messages.ts';
import { kubeTime } from '../core/clock.ts';
import { IngotError } from '../core/errors.ts';
import { configDriveFiles } from '../disk/configdrive.ts';
import { chooseDisk } from '../disk/hints.ts';
import { pinDisk } from '../disk/pin.ts';
import { SECURE_BOOT_STEP } from './boot-mode.ts';
import { cleanStep } from './cleaning.ts';
import type { ImageJobs } from './image-jobs.ts';
import { awaitImage, startImage, writeImage } from './image-steps.ts';
import { Machine } from './machine.ts';
import { POWER_ON_STEP } from './power-on-step.ts';
import type { OperationTable, Step } from './operation.ts';
import type { ProvisionRequest } from './provisioner.ts';
import { ejectMedia } from './ramdisk-boot.ts';
import type { Run, StepResult } from './run.ts';
import { runTask } from './tasks.ts';

/** From a bare machine to one that boots its own OS. The image is prepared while the ramdisk boots. */
export function provisioning(request: ProvisionRequest, images: ImageJobs): OperationTable {
  const steps: Step[] = [
    {
      name: 'start-image',
      text: 'preparing the image',
      agent: false,
      run: (run) => Promise.resolve(startImage(run, request, images)),
    },
    { name: 'choose-disk', text: 'choosing the disk', agent: true, run: (run) => chooseAndPin(run, request) },
    cleanStep((run) => request.cleaning === 'disabled' || run.status.cleanedAt !== undefined),
    {
      name: 'await-image',
      text: 'preparing the image',
      agent: true,
      run: (run) => awaitImage(run, request, images),
    },
    { name: 'write', text: 'writing the image', agent: true, run: (run) => writeImage(run, request, images) },
    { name: 'finish', text: 'finishing the disk', agent: true, run: (run) => finishDisk(run, request) },
    { name: 'leave-ramdisk', text: 'leaving the ramdisk', agent: false, run: leaveRamdisk },
    SECURE_BOOT_STEP,
    {
      name: 'boot-disk',
      text: 'setting the boot device',
      agent: false,
      run: async (run) => {
        await new Machine(run).bootDisk();
        return { kind: 'next' };
      },
    },
    POWER_ON_STEP,
  ];
  return { kind: 'provision', phase: 'provisioning', steps, remembered: true };
}

/** What makes it the same request after a restart. Config data may change until it is written. */
export function provisionIdentity(request: ProvisionRequest): unknown {
  const { url, checksum, checksumType, format } = request.image;
  return [url, checksum, checksumType, format, request.rootDeviceHints, request.bootMode];
}

async function chooseAndPin(run: Run, request: ProvisionRequest): Promise<StepResult> {
  const outcome = await runTask(run, { kind: 'inspect' }, run.doors.limits.inspectMs, true);
  if (outcome.kind !== 'done') return outcome;
  if (outcome.result?.kind !== 'inspect') return { kind: 'again', ms: 0 };
  const disks: readonly DiskFacts[] = outcome.result.disks;
  try {
    // Hints that nobody wrote come with the hardware profile: saying whose they are saves a search in the manifest.
    const profile = run.host.status?.hardwareProfile ?? '';
    const written = run.host.spec.rootDeviceHints !== undefined || profile === '';
    const origin = written
      ? 'spec.rootDeviceHints'
      : `the default of hardware profile "${profile}"; set spec.rootDeviceHints`;
    const choice = chooseDisk(request.rootDeviceHints, disks, origin);
    if (!choice.ok) return { kind: 'failed', code: choice.error.code, message: choice.error.message };
    const disk = pinDisk(choice.disk);
    run.see('host', 'disk-pinned', `the image goes to ${disk.name}, serial ${disk.serial ?? disk.wwn ?? disk.byPath}`);
    return { kind: 'next', patch: { disk } };
  } catch (error) {
    if (!(error instanceof IngotError)) throw error;
    return { kind: 'failed', code: error.code, message: error.message };
  }
}

async function finishDisk(run: Run, request: ProvisionRequest): Promise<StepResult> {
  const { disk, image, agent } = run.status;
  if (disk === undefined || image === undefined)
    return { kind: 'failed', code: 'PROVISION_NO_DISK', message: 'the disk or the image is not known' };
  const { name, uid = '' } = run.host.metadata;
  const files = configDriveFiles({ uid, namespace: run.key.namespace, name }, request.config);
  const configDrive = Object.fromEntries(
    [...files].map(([path, bytes]) => [path, Buffer.from(bytes).toString('base64')]),
  );
  const outcome = await runTask(
    run,
    {
      kind: 'finish',
      finish: {
        target: disk,
        diskBytes: image.diskBytes,
        configDrive,
        // What it booted with is what its boot entry must be for, whatever the BMC was told.
        bootMode: agent?.firmware ?? (run.firmware === 'legacy' ? 'bios' : 'uefi'),
      },
    },
    run.doors.limits.finishMs,
  );
  return outcome.kind === 'done' ? { kind: 'next' } : outcome;
}

async function leaveRamdisk(run: Run): Promise<StepResult> {
  await run.update({ boot: { intent: 'disk', since: kubeTime(run.now) }, agent: undefined });
  await new Machine(run).off();
  await ejectMedia(run);
  return { kind: 'next' };
}
