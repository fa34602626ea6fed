import type { DiskFacts } from '../agent-protocol/messages.ts';
import { kubeTime } from '../core/clock.ts';
import { IngotError } from '../core/errors.ts';
import { configDriveFiles } from '../disk/configdrive.ts';
import { chooseDisk, sizeText } from '../disk/hints.ts';
import { pinDisk } from '../disk/pin.ts';
import { redactUrl } from '../image/source-url.ts';
import { cleanStep } from './cleaning.ts';
import type { ImageJobs } from './image-jobs.ts';
import { Machine } from './machine.ts';
import type { OperationTable, Step } from './operation.ts';
import type { ProvisionRequest } from './provisioner.ts';
import { ejectMedia } from './ramdisk-boot.ts';
import type { Run, StepResult } from './run.ts';
import { runTask, taskIdOf } from './tasks.ts';

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
    { name: 'write', text: 'writing the image', agent: true, run: (run) => write(run, request, images) },
    { name: 'finish', text: 'finishing the disk', agent: true, run: (run) => finishDisk(run, request) },
    { name: 'leave-ramdisk', text: 'leaving the ramdisk', agent: false, run: leaveRamdisk },
    {
      name: 'boot-disk',
      text: 'setting the boot device',
      agent: false,
      run: async (run) => {
        await new Machine(run).bootDisk();
        return { kind: 'next' };
      },
    },
    {
      name: 'power-on',
      text: 'powering on',
      agent: false,
      run: async (run) => {
        await new Machine(run).on();
        return { kind: 'next' };
      },
    },
  ];
  return { kind: 'provision', phase: 'provisioning', steps, remembered: true };
}

/** What makes it the same request after a restart. Config data may change until it is written. */
export function provisionIdentity(request: ProvisionRequest): unknown {
  const { url, checksum, checksumType, format } = request.image;
  return [url, checksum, checksumType, format, request.rootDeviceHints, request.bootMode];
}

/** A wrong URL or checksum that shows at once is told before the machine is touched. */
function startImage(run: Run, request: ProvisionRequest, images: ImageJobs): StepResult {
  const state = images.ask(run, request.image);
  if (state.kind === 'failed') return state;
  const since = Date.parse(run.operation?.stepSince ?? '');
  if (state.kind === 'working' && run.now - since < QUICK_FAILURE_MS) return { kind: 'again', ms: 250 };
  return { kind: 'next' };
}

const QUICK_FAILURE_MS = 1500;

/** Clocks are never set back by more than this while an image is written. */
const URL_SPARE_MS = 3600_000;

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

async function awaitImage(run: Run, request: ProvisionRequest, images: ImageJobs): Promise<StepResult> {
  const state = images.ask(run, request.image);
  if (state.kind === 'failed') return state;
  if (state.kind === 'working') {
    images.show(run, request.image);
    return awaitImageInTime(run, request);
  }
  const { diskBytes } = state.image.manifest;
  const disk = run.status.disk;
  if (disk !== undefined && diskBytes > disk.sizeBytes) {
    const needed = `${sizeText(diskBytes)} (${diskBytes} bytes)`;
    const there = `${sizeText(disk.sizeBytes)} (${disk.sizeBytes} bytes)`;
    const message = `spec.image.url: ${redactUrl(request.image.url)} needs a disk of ${needed}, ${disk.name} has ${there}`;
    return { kind: 'failed', code: 'PROVISION_IMAGE_TOO_LARGE', message };
  }
  const image = { url: request.image.url, manifestDigest: state.image.digest, diskBytes };
  // From here on the disks are not clean, whatever becomes of the write.
  return { kind: 'next', patch: { image, cleanedAt: undefined } };
}

const IMAGE_WAIT = 'the image to be fetched and converted';

/** A source that trickles would otherwise hold the host for ever. */
async function awaitImageInTime(run: Run, request: ProvisionRequest): Promise<StepResult> {
  const { wait } = run.status;
  if (wait?.name !== IMAGE_WAIT) {
    const check = `how fast ${redactUrl(request.image.url)} is served`;
    await run.update({ wait: run.wait(IMAGE_WAIT, run.doors.limits.imageMs, check) });
  } else if (run.now > Date.parse(wait.until)) {
    const minutes = Math.round(run.doors.limits.imageMs / 60_000);
    const message = `spec.image.url: the image was not fetched and converted in ${minutes} minutes`;
    return { kind: 'failed', code: 'PROVISION_IMAGE_LATE', message };
  }
  return { kind: 'again', ms: 1000 };
}

/**
 * Frames that keep coming damaged are damaged where they are kept: the prepared image is checked, and made again if so,
 * before the write is tried again. @returns undefined when there is nothing to mend or it is done
 */
async function mendImage(run: Run, request: ProvisionRequest, images: ImageJobs): Promise<StepResult | undefined> {
  const { task, image, operation } = run.status;
  if (operation === undefined || image === undefined || task?.id !== taskIdOf(operation)) return undefined;
  if (task.error?.code !== FRAME_CORRUPT) return undefined;
  const state = images.ask(run, request.image, image.manifestDigest);
  if (state.kind === 'failed') return state;
  if (state.kind === 'working') {
    images.show(run, request.image, image.manifestDigest);
    return { kind: 'again', ms: 1000 };
  }
  run.see('host', 'image-rechecked', 'the prepared image was checked after a frame came damaged');
  const { digest, manifest } = state.image;
  await run.update({ image: { ...image, manifestDigest: digest, diskBytes: manifest.diskBytes } });
  return undefined;
}

/** What the agent calls it (`agent/write/errors.ts`). */
const FRAME_CORRUPT = 'WRITE_FRAME_CORRUPT';

async function write(run: Run, request: ProvisionRequest, images: ImageJobs): Promise<StepResult> {
  const mending = await mendImage(run, request, images);
  if (mending !== undefined) return mending;
  const { doors, status } = run;
  const { disk, image } = status;
  if (disk === undefined || image === undefined) return startOver('the disk or the image is not known');
  const timeoutMs = doors.limits.writeMs + (image.diskBytes / doors.limits.writeBytesPerSecond) * 1000;
  // The agent keeps the URLs it began with: they must hold as long as the task may take.
  const expires = run.now + timeoutMs + URL_SPARE_MS;
  const url = (file: string) =>
    doors.httpBase(status) + doors.signer.path(`image/${image.manifestDigest}`, file, expires);
  const outcome = await runTask(
    run,
    {
      kind: 'write',
      write: {
        target: disk,
        manifestUrl: url('manifest'),
        manifestDigest: image.manifestDigest,
        framesUrl: url('frames/{index}'),
      },
    },
    timeoutMs,
  );
  if (outcome.kind !== 'done') return outcome;
  if (outcome.result?.kind === 'write') {
    const { bytesFetched, seconds, framesWritten, framesResumed } = outcome.result;
    const text = `image written in ${Math.round(seconds)} s: ${framesWritten} frames, ${framesResumed} already there, ${bytesFetched} bytes fetched`;
    run.see('agent', 'image-written', text);
  }
  return { kind: 'next' };
}

async function finishDisk(run: Run, request: ProvisionRequest): Promise<StepResult> {
  const { disk, image, agent } = run.status;
  if (disk === undefined || image === undefined) return startOver('the disk or the image is not known');
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

function startOver(message: string): StepResult {
  return { kind: 'failed', code: 'PROVISION_NO_DISK', message };
}
