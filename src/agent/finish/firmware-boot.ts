import { exec } from '../../core/exec.ts';
import { PARTITION_TYPES } from '../../disk/guid.ts';
import { type Gpt, parsePrimaryGpt } from '../../disk/gpt.ts';
import { parseMbr } from '../../disk/mbr.ts';
import { agentErrors } from '../errors.ts';
import { type BlockDevice, readBytes } from '../write/block-device.ts';
import { type BootEntry, firmwarePath, parseBootEntries, staleEntries, startsLoader } from './boot-entry.ts';
import { findLoaderOn } from './esp.ts';

const HEAD_BYTES = 1024 * 1024;
const BOOT_CODE_BYTES = 440;
const MBR_TYPE_ESP = 0xef;

/** Where the firmware will find the system, read from the disk. */
export interface BootLayout {
  gpt: Gpt | undefined;
  /** Partition number of the EFI system partition. */
  esp?: { number: number; guid: string | undefined };
  hasBootSignature: boolean;
  hasBootCode: boolean;
}

/** Reads the partition table and boot sector of a written disk. @throws DISK_GPT_INVALID, WRITE_DEVICE_IO */
export async function readBootLayout(device: BlockDevice): Promise<BootLayout> {
  const head = await readBytes(device, 0, Math.min(HEAD_BYTES, device.sizeBytes));
  return bootLayout(head, device.sectorBytes);
}

/** @param head first bytes of the disk, 1 MiB is enough */
export function bootLayout(head: Uint8Array, sectorBytes: number): BootLayout {
  const gpt = parsePrimaryGpt(head, sectorBytes);
  const mbr = parseMbr(head);
  const inGpt = gpt?.partitions.find((p) => p.type === PARTITION_TYPES.efiSystem);
  const inMbr = gpt === undefined ? mbr?.partitions.find((p) => p.type === MBR_TYPE_ESP) : undefined;
  const esp =
    inGpt === undefined
      ? inMbr === undefined
        ? undefined
        : { number: inMbr.number, guid: undefined }
      : { number: inGpt.number, guid: inGpt.guid };
  return {
    gpt,
    ...(esp === undefined ? {} : { esp }),
    hasBootSignature: mbr !== undefined,
    hasBootCode: head.subarray(0, BOOT_CODE_BYTES).some((b) => b !== 0),
  };
}

/** Device node of a partition: names that end in a digit get a `p` in between. */
export function partitionNode(disk: string, number: number): string {
  return /\d$/.test(disk) ? `${disk}p${number}` : `${disk}${number}`;
}

/** BIOS starts whatever is in sector 0. @throws AGENT_NO_BOOT_CODE @returns what was found, in words */
export function checkBiosBoot(disk: string, layout: BootLayout): string {
  if (!layout.hasBootSignature || !layout.hasBootCode) {
    const what = layout.hasBootSignature ? 'no boot code' : 'no boot signature';
    throw agentErrors.make('AGENT_NO_BOOT_CODE', `the first sector of ${disk} has ${what}: a BIOS cannot boot it`);
  }
  return `boot code in the first sector of ${disk}`;
}

/**
 * Makes the firmware boot the disk: finds the image's loader, removes older entries of the same name, creates one, puts
 * it first and next, and reads it back.
 * @throws AGENT_NO_ESP, AGENT_NO_LOADER, AGENT_EFI_VARIABLES @returns what was done, in words
 */
export async function createEfiBoot(disk: string, layout: BootLayout, signal: AbortSignal): Promise<string> {
  const { esp } = layout;
  if (esp === undefined) throw agentErrors.make('AGENT_NO_ESP', `the image on ${disk} has no EFI system partition`);
  const node = partitionNode(disk, esp.number);
  const loader = await findLoaderOn(node, signal);
  if (loader === undefined) {
    throw agentErrors.make('AGENT_NO_LOADER', `${node} has neither EFI/BOOT/BOOTX64.EFI nor a vendor's BOOTX64.CSV`);
  }
  for (const stale of staleEntries(await listEntries(signal), loader.label)) {
    await efibootmgr(['-q', '-b', stale.id, '-B'], signal);
  }
  const where = ['-d', disk, '-p', String(esp.number)];
  await efibootmgr(['-q', '-c', ...where, '-L', loader.label, '-l', firmwarePath(loader.file)], signal);
  const created = (await listEntries(signal)).find(
    (e) => e.label === loader.label && startsLoader(e, esp.guid ?? '', loader.file),
  );
  if (created === undefined) {
    throw agentErrors.make(
      'AGENT_EFI_VARIABLES',
      `the firmware does not show the boot entry "${loader.label}" just made`,
    );
  }
  await efibootmgr(['-q', '-n', created.id], signal);
  return `Boot${created.id} "${loader.label}" starts ${loader.file} on ${node}, next and first`;
}

async function listEntries(signal: AbortSignal): Promise<BootEntry[]> {
  return parseBootEntries((await efibootmgr(['-v'], signal)).stdout);
}

async function efibootmgr(args: string[], signal: AbortSignal): Promise<{ stdout: string }> {
  try {
    return await exec('efibootmgr', args, { signal });
  } catch (cause) {
    signal.throwIfAborted();
    const said = cause instanceof Error ? cause.message : String(cause);
    throw agentErrors.make('AGENT_EFI_VARIABLES', `efibootmgr ${args.join(' ')}: ${said}`, { cause });
  }
}
