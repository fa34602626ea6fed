import type { CleanResult } from '../../agent-protocol/messages.ts';
import { errorText } from '../../core/errors.ts';
import { exec } from '../../core/exec.ts';
import {
  type Signature,
  SIGNATURE_HEAD_BYTES,
  SIGNATURE_TAIL_BYTES,
  findHeadSignatures,
  findTailSignatures,
} from '../../disk/signatures.ts';
import { agentErrors } from '../errors.ts';
import type { InspectedDisk } from '../inspect/disks.ts';
import type { TaskContext } from '../task-runner.ts';
import { type BlockDevice, openBlockDevice, readBytes, writeBytes } from '../write/block-device.ts';

export interface CleanDoors {
  /** Device nodes of a disk's partitions: `/dev/vda1`… */
  partitions: (disk: string) => Promise<string[]>;
}

/**
 * Removes what makes a disk bootable or recognisable: signatures of file systems and RAID members in partitions and on
 * the disk, both partition tables, the first and last MiB. What is said to be clean was read back from the disk itself.
 * All disks are tried before a failure is reported.
 * @throws AGENT_CLEAN_UNPROVEN naming every disk that could not be proven clean
 */
export async function cleanDisks(
  disks: readonly InspectedDisk[],
  doors: CleanDoors,
  context: TaskContext,
): Promise<CleanResult> {
  const done: CleanResult['disks'] = [];
  for (const disk of disks) {
    context.signal.throwIfAborted();
    context.report({ step: `wiping metadata of ${disk.name}` });
    const entry = await cleanDisk(disk, doors, context);
    context.log.info(entry.detail, { disk: disk.name, serial: disk.serial, verified: entry.verified });
    done.push(entry);
  }
  const failed = done.filter((d) => !d.verified);
  if (failed.length > 0) {
    const list = failed.map((d) => `${d.name}: ${d.detail}`).join('; ');
    throw agentErrors.make('AGENT_CLEAN_UNPROVEN', `not proven clean: ${list}`, { seen: { disks: done } });
  }
  return { kind: 'clean', disks: done };
}

async function cleanDisk(
  disk: InspectedDisk,
  doors: CleanDoors,
  { signal, log }: TaskContext,
): Promise<CleanResult['disks'][number]> {
  const entry = {
    name: disk.name,
    ...(disk.serial === undefined ? {} : { serial: disk.serial }),
    action: 'metadata' as const,
  };
  try {
    // Partitions first: a later image with the same layout would bring an old file system back to light.
    for (const node of await doors.partitions(disk.name)) await exec('wipefs', ['-a', '-f', '-q', node], { signal });
    await exec('wipefs', ['-a', '-f', '-q', disk.name], { signal });
    await using device = await openBlockDevice(disk.name, { log, slots: 1 });
    await zeroEnds(device);
    const left = await remains(device);
    if (left !== undefined) return { ...entry, verified: false, detail: left };
  } catch (error) {
    signal.throwIfAborted();
    return { ...entry, verified: false, detail: errorText(error).slice(0, 1000) };
  }
  await forgetPartitions(disk.name);
  return {
    ...entry,
    verified: true,
    detail: 'partition tables and signatures wiped; first and last MiB read back as zero',
  };
}

/** First and last MiB of a disk; small disks are covered whole. */
function ends(device: BlockDevice): { head: number; tail: number } {
  const head = Math.min(SIGNATURE_HEAD_BYTES, device.sizeBytes);
  return { head, tail: Math.min(SIGNATURE_TAIL_BYTES, device.sizeBytes) };
}

async function zeroEnds(device: BlockDevice): Promise<void> {
  const { head, tail } = ends(device);
  await writeBytes(device, 0, new Uint8Array(head));
  await writeBytes(device, device.sizeBytes - tail, new Uint8Array(tail));
  await device.flush();
}

/** Reads both ends back. @returns what is still there in words, or undefined when nothing is */
export async function remains(device: BlockDevice): Promise<string | undefined> {
  const size = ends(device);
  const head = await readBytes(device, 0, size.head);
  const tail = await readBytes(device, device.sizeBytes - size.tail, size.tail);
  const found: Signature[] = [...findHeadSignatures(head), ...findTailSignatures(tail, device.sizeBytes)];
  if (found.length > 0) return `still carries ${found.map((s) => `${s.kind} at byte ${s.offset}`).join(', ')}`;
  if (head.some((b) => b !== 0)) return 'its first MiB does not read back as zero';
  if (tail.some((b) => b !== 0)) return 'its last MiB does not read back as zero';
  return undefined;
}

/** Makes the kernel read the (now missing) partition table again. A disk that refuses is clean all the same. */
async function forgetPartitions(disk: string): Promise<void> {
  await exec('blockdev', ['--rereadpt', disk]).catch(() => {});
}
