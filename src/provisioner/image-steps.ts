import type { WriteTask } from '../agent-protocol/messages.ts';
import type { HostProgressStatus, PinnedDisk } from '../api/hostprogress.ts';
import { sizeText } from '../disk/hints.ts';
import { redactUrl } from '../image/source-url.ts';
import type { ImageJobs } from './image-jobs.ts';
import type { ProvisionRequest } from './provisioner.ts';
import type { Run, StepResult } from './run.ts';
import { failed, runTask, taskIdOf, type Unfinished } from './tasks.ts';

type HostImage = NonNullable<HostProgressStatus['image']>;

/** A wrong URL or checksum that shows at once is told before the machine is touched. */
export function startImage(run: Run, request: ProvisionRequest, images: ImageJobs): StepResult {
  const state = images.ask(run, request.image);
  if (state.kind === 'failed') return state;
  const since = Date.parse(run.operation?.stepSince ?? '');
  if (state.kind === 'working' && run.now - since < QUICK_FAILURE_MS) return { kind: 'again', ms: 250 };
  return { kind: 'next' };
}

const QUICK_FAILURE_MS = 1500;

/**
 * Waits until frames of the image can be had, which is long before all of it is converted: what is missing is written as
 * it comes to be.
 */
export async function awaitImage(run: Run, request: ProvisionRequest, images: ImageJobs): Promise<StepResult> {
  const state = images.ask(run, request.image);
  if (state.kind === 'failed') return state;
  if (state.kind === 'working' && state.growing === undefined) {
    images.show(run, request.image);
    return awaitImageInTime(run, request);
  }
  const { url } = request.image;
  const known =
    state.kind === 'ready'
      ? { manifestDigest: state.image.digest, diskBytes: state.image.manifest.diskBytes }
      : state.growing;
  const image: HostImage = { url, diskBytes: 0, ...known };
  // From here on the disks are not clean, whatever becomes of the write.
  return tooLarge(run, image) ?? { kind: 'next', patch: { image, cleanedAt: undefined } };
}

function tooLarge(run: Run, { url, diskBytes }: HostImage): Unfinished | undefined {
  const { disk } = run.status;
  if (disk === undefined || diskBytes <= disk.sizeBytes) return undefined;
  const needed = `${sizeText(diskBytes)} (${diskBytes} bytes)`;
  const there = `${sizeText(disk.sizeBytes)} (${disk.sizeBytes} bytes)`;
  const message = `spec.image.url: ${redactUrl(url)} needs a disk of ${needed}, ${disk.name} has ${there}`;
  return { kind: 'failed', code: 'PROVISION_IMAGE_TOO_LARGE', message };
}

const IMAGE_WAIT = 'the image to be fetched and converted';

/** A source that trickles would otherwise hold the host for ever. */
async function awaitImageInTime(run: Run, request: ProvisionRequest): Promise<Unfinished> {
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
async function mendImage(run: Run, request: ProvisionRequest, images: ImageJobs): Promise<Unfinished | undefined> {
  const { task, image, operation } = run.status;
  if (operation === undefined || image === undefined || task?.id !== taskIdOf(operation)) return undefined;
  if (task.error?.code !== FRAME_CORRUPT || image.manifestDigest === undefined) return undefined;
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

/**
 * How the image stands whose write began before it was all prepared. What it is made from must still be the same: a sums
 * file may name another digest by the time an engine is started anew.
 * @returns undefined when the write may begin or go on
 */
async function settleImage(run: Run, request: ProvisionRequest, images: ImageJobs): Promise<Unfinished | undefined> {
  const { image, operation, task } = run.status;
  if (operation === undefined || image?.source === undefined || image.manifestDigest !== undefined) return undefined;
  const state = images.ask(run, request.image);
  // The write is called off with it (`operation.ts`), and the agent hears of it as well.
  if (state.kind === 'failed') return state;
  const issued = task?.id === taskIdOf(operation);
  if (state.kind === 'working' && state.growing?.source === image.source) return undefined;
  if (state.kind === 'working' && state.growing === undefined) {
    // An engine started anew. An agent that is at work goes on asking.
    if (issued) return undefined;
    images.show(run, request.image);
    return awaitImageInTime(run, request);
  }
  const known =
    state.kind === 'ready'
      ? {
          source: state.image.source,
          manifestDigest: state.image.digest,
          diskBytes: state.image.manifest.diskBytes,
        }
      : state.growing;
  const now: HostImage = { ...image, ...known };
  await run.update({ image: now });
  if (now.source === image.source) return undefined;
  const misfit = tooLarge(run, now);
  if (misfit !== undefined || !issued) return misfit;
  return failed(run, { code: 'IMAGE_CHANGED', message: 'spec.image: its checksum is another one now', retry: true });
}

/** Clocks are never set back by more than this while an image is written. */
const URL_SPARE_MS = 3600_000;

/** Has the agent write the image, and does not go on before the image is known to be right and whole. */
export async function writeImage(run: Run, request: ProvisionRequest, images: ImageJobs): Promise<StepResult> {
  const hindered = (await mendImage(run, request, images)) ?? (await settleImage(run, request, images));
  if (hindered !== undefined) return hindered;
  const { doors } = run;
  const { disk, image } = run.status;
  if (disk === undefined || image === undefined) {
    return { kind: 'failed', code: 'PROVISION_NO_DISK', message: 'the disk or the image is not known' };
  }
  const timeoutMs = doors.limits.writeMs + (image.diskBytes / doors.limits.writeBytesPerSecond) * 1000;
  const outcome = await runTask(run, { kind: 'write', write: writeTask(run, disk, image, timeoutMs) }, timeoutMs);
  if (outcome.kind !== 'done') return outcome;
  // The agent has it from the same source; here it is known as soon as the image's own answer is heard.
  if (image.manifestDigest === undefined) return awaitImageInTime(run, request);
  const result = outcome.result?.kind === 'write' ? outcome.result : undefined;
  if (result !== undefined && result.manifestDigest !== image.manifestDigest) {
    const { source: _, ...whole } = image;
    await run.update({ image: whole });
    const message = `the machine wrote ${result.manifestDigest}, the image is ${image.manifestDigest}`;
    return failed(run, { code: 'IMAGE_CHANGED', message, retry: true });
  }
  if (result !== undefined) {
    const { bytesFetched, seconds, framesWritten, framesResumed } = result;
    const text = `image written in ${Math.round(seconds)} s: ${framesWritten} frames, ${framesResumed} already there, ${bytesFetched} bytes fetched`;
    run.see('agent', 'image-written', text);
  }
  return { kind: 'next' };
}

/** The agent keeps the URLs it began with: they hold as long as the task may take. */
function writeTask(run: Run, disk: PinnedDisk, image: HostImage, timeoutMs: number): WriteTask {
  const { doors, status, now } = run;
  const { source, manifestDigest = '' } = image;
  const url = (file: string) =>
    doors.httpBase(status) +
    doors.signer.path(`image/${source ?? manifestDigest}`, file, now + timeoutMs + URL_SPARE_MS);
  const base = { target: disk, framesUrl: url('frames/{index}') };
  return source === undefined ? { ...base, manifestUrl: url('manifest'), manifestDigest } : { ...base, source };
}
