import type { DiskFacts, WriteResult, WriteTask } from '../agent-protocol/messages.ts';
import type { PinnedDisk } from '../api/hostprogress.ts';
import type { Clock } from '../core/clock.ts';
import { Deadline } from '../core/deadline.ts';
import { errorText } from '../core/errors.ts';
import { findPinned } from '../disk/pin.ts';
import { FRAME_BYTES } from '../image/manifest-types.ts';
import { maxZstdBytes } from '../image/manifest.ts';
import { agentErrors } from './errors.ts';

import type { TaskContext } from './task-runner.ts';
import { type BlockDevice, openBlockDevice } from './write/block-device.ts';
import { writeImage } from './write/write-image.ts';

/** A manifest of a 4 TiB image is about this long. */
const MAX_MANIFEST_BYTES = 128 * 1024 * 1024;

/** The largest manifest over a line of 10 Mbit/s. */
const MANIFEST_MS = 120_000;

/** GET of a signed URL. */
export type Fetch = (url: string, maxBytes: number, signal: AbortSignal) => Promise<Uint8Array>;

export interface WriteDoors {
  fetch: Fetch;
  clock: Clock;
  random: () => number;
}

/**
 * Opens the disk that was decided on, after looking at its identity again: the last check before anything is written.
 * @throws AGENT_DISK_MISMATCH, WRITE_DEVICE_OPEN
 */
export async function openPinned(
  pin: PinnedDisk,
  disks: readonly DiskFacts[],
  context: TaskContext,
): Promise<{ disk: DiskFacts; device: BlockDevice }> {
  const disk = identify(pin, disks);
  const device = await openBlockDevice(disk.name, { log: context.log });
  if (device.sizeBytes !== pin.sizeBytes) {
    await device[Symbol.asyncDispose]();
    throw agentErrors.make(
      'AGENT_DISK_MISMATCH',
      `${disk.name} has ${device.sizeBytes} bytes, pinned was ${pin.sizeBytes}`,
    );
  }
  return { disk, device };
}

function identify(pin: PinnedDisk, disks: readonly DiskFacts[]): DiskFacts {
  try {
    return findPinned(pin, disks);
  } catch (cause) {
    throw agentErrors.make('AGENT_DISK_MISMATCH', errorText(cause), { cause });
  }
}

/** A server that takes the request and then says nothing is given up long before the task is. */
async function fetchManifest(task: WriteTask, doors: WriteDoors, signal: AbortSignal): Promise<Uint8Array> {
  using deadline = new Deadline(doors.clock, 'the manifest of the image', MANIFEST_MS, signal);
  return await doors.fetch(task.manifestUrl, MAX_MANIFEST_BYTES, deadline.signal);
}

/** Writes the image of a write task. @throws what `openPinned` and `writeImage` throw */
export async function runWrite(
  task: WriteTask,
  disks: readonly DiskFacts[],
  doors: WriteDoors,
  context: TaskContext,
): Promise<WriteResult> {
  context.report({ step: 'fetching the manifest' });
  const { disk, device } = await openPinned(task.target, disks, context);
  await using _device = device;
  const text = await fetchManifest(task, doors, context.signal);
  context.log.info('writing image', { disk: disk.name, serial: disk.serial, image: task.manifestDigest });
  return await writeImage({
    device,
    manifest: JSON.parse(Buffer.from(text).toString('utf8')),
    manifestDigest: task.manifestDigest,
    fetchFrame: (index, signal) =>
      doors.fetch(task.framesUrl.replace('{index}', String(index)), maxZstdBytes(FRAME_BYTES), signal),
    onProgress: context.report,
    signal: context.signal,
    clock: doors.clock,
    random: doors.random,
    log: context.log,
  });
}
