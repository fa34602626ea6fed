import type { DiskFacts, ManifestReply, WholeImage, WriteResult, WriteTask } from '../agent-protocol/messages.ts';
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
import { type AskManifest, GrowingFeed, type ImageFeed, wholeImage } from './write/image-feed.ts';
import { writeImage } from './write/write-image.ts';

/** A manifest of a 4 TiB image is about this long. */
const MAX_MANIFEST_BYTES = 128 * 1024 * 1024;

/** The largest manifest over a line of 10 Mbit/s. */
const MANIFEST_MS = 120_000;

/** GET of a signed URL. */
export type Fetch = (url: string, maxBytes: number, signal: AbortSignal) => Promise<Uint8Array>;

/** What the server knows of the image of task `taskId`, from frame `from` on. */
export type AskTaskManifest = (taskId: string, from: number, signal: AbortSignal) => Promise<ManifestReply>;

export interface WriteDoors {
  fetch: Fetch;
  manifest: AskTaskManifest;
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
async function fetchManifest(task: WholeImage, doors: WriteDoors, signal: AbortSignal): Promise<Uint8Array> {
  using deadline = new Deadline(doors.clock, 'the manifest of the image', MANIFEST_MS, signal);
  return await doors.fetch(task.manifestUrl, MAX_MANIFEST_BYTES, deadline.signal);
}

/** A server that was started anew begins to prepare an image from its source; frames may take as long as that. */
const GROWING_PATIENCE_MS = 30 * 60_000;

/**
 * Writes the image of a write task.
 * @throws what `openPinned`, `wholeImage`, `GrowingFeed` and `writeImage` throw
 */
export async function runWrite(
  taskId: string,
  task: WriteTask,
  disks: readonly DiskFacts[],
  doors: WriteDoors,
  context: TaskContext,
): Promise<WriteResult> {
  context.report({ step: 'fetching the manifest' });
  const { disk, device } = await openPinned(task.target, disks, context);
  await using _device = device;
  const write = (image: ImageFeed, signal: AbortSignal, patience: { patienceMs?: number } = {}) => {
    const name = 'source' in task ? task.source : task.manifestDigest;
    context.log.info('writing image', { disk: disk.name, serial: disk.serial, image: name });
    return writeImage({
      device,
      image,
      fetchFrame: (index, stop) =>
        doors.fetch(task.framesUrl.replace('{index}', String(index)), maxZstdBytes(FRAME_BYTES), stop),
      onProgress: context.report,
      signal,
      clock: doors.clock,
      random: doors.random,
      log: context.log,
      ...patience,
    });
  };
  if ('source' in task) return await writeGrowing(taskId, doors, context, write);
  const text = await fetchManifest(task, doors, context.signal);
  return await write(wholeImage(JSON.parse(Buffer.from(text).toString('utf8')), task.manifestDigest), context.signal);
}

type Write = (image: ImageFeed, signal: AbortSignal, patience: { patienceMs: number }) => Promise<WriteResult>;

/** Learns the manifest and writes at the same time; either one's failure ends both. */
async function writeGrowing(
  taskId: string,
  doors: WriteDoors,
  { signal, log }: TaskContext,
  write: Write,
): Promise<WriteResult> {
  const patienceMs = GROWING_PATIENCE_MS;
  const { clock, random } = doors;
  const ask: AskManifest = (from, stop) => doors.manifest(taskId, from, stop);
  const feedDoors = { ask, clock, random, log, patienceMs };
  const stop = new AbortController();
  const both = AbortSignal.any([signal, stop.signal]);
  const feed = await GrowingFeed.open(feedDoors, both);
  const following = feed.follow(feedDoors, both).catch((error: unknown) => stop.abort(error));
  try {
    return await write(feed, both, { patienceMs });
  } catch (error) {
    stop.abort(error);
    throw error;
  } finally {
    await following;
  }
}
