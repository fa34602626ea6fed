import { diskErrors } from './errors.ts';
import { entrySectors } from './gpt-encode.ts';
import type { Gpt, GptPartition } from './gpt.ts';
import type { Guid } from './guid.ts';

/** Partition starts are kept on 1 MiB, as every partitioning tool of the last decade does. */
const ALIGN_BYTES = 1024 * 1024;

/**
 * The same table for a disk of `diskSectors`: the backup goes to the disk's end and the space behind the image becomes
 * usable. What `sgdisk -e` does.
 * @throws DISK_TOO_SMALL when a partition would not fit any more
 */
export function moveBackupToEnd(gpt: Gpt, diskSectors: number): Gpt {
  const alternateLba = diskSectors - 1;
  const lastUsableLba = alternateLba - entrySectors(gpt) - 1;
  const last = gpt.partitions.reduce((max, p) => Math.max(max, p.lastLba), gpt.firstUsableLba - 1);
  if (last > lastUsableLba) {
    throw diskErrors.make(
      'DISK_TOO_SMALL',
      `the last partition ends at sector ${last}, the disk can hold partitions up to sector ${lastUsableLba}`,
    );
  }
  return { ...gpt, alternateLba, lastUsableLba };
}

export interface NewPartition {
  /** Size, rounded up to whole sectors. */
  bytes: number;
  type: Guid;
  guid: Guid;
  name: string;
}

/**
 * Adds a partition at the very end of the usable area, its start aligned down to 1 MiB where that is free.
 * @throws DISK_NO_ROOM, DISK_GPT_INVALID when the table is full
 */
export function addPartitionAtEnd(gpt: Gpt, add: NewPartition): { gpt: Gpt; partition: GptPartition } {
  const free = gpt.partitions.reduce((max, p) => Math.max(max, p.lastLba + 1), gpt.firstUsableLba);
  const firstLba = endStart(gpt.lastUsableLba, add.bytes, gpt.sectorBytes, free);
  if (firstLba === undefined) {
    const have = Math.max(0, gpt.lastUsableLba + 1 - free) * gpt.sectorBytes;
    throw diskErrors.make(
      'DISK_NO_ROOM',
      `partition ${add.name} needs ${add.bytes} bytes, ${have} are free behind the last partition`,
    );
  }
  const number = firstFree(gpt);
  const { type, guid, name } = add;
  const partition = { number, type, guid, name, firstLba, lastLba: gpt.lastUsableLba, attributes: 0n };
  return { gpt: { ...gpt, partitions: [...gpt.partitions, partition].sort((a, b) => a.number - b.number) }, partition };
}

/**
 * First LBA of a range of at least `bytes` that ends at `lastLba`, aligned to 1 MiB when that fits behind `freeLba`.
 * @returns undefined when there is no room
 */
export function endStart(lastLba: number, bytes: number, sectorBytes: number, freeLba: number): number | undefined {
  const start = lastLba + 1 - Math.ceil(bytes / sectorBytes);
  if (start < freeLba) return undefined;
  const align = ALIGN_BYTES / sectorBytes;
  const aligned = start - (start % align);
  return aligned >= freeLba ? aligned : start;
}

function firstFree(gpt: Gpt): number {
  const used = new Set(gpt.partitions.map((p) => p.number));
  for (let n = 1; n <= gpt.entryCount; n++) if (!used.has(n)) return n;
  throw diskErrors.make('DISK_GPT_INVALID', `all ${gpt.entryCount} entries of the table are in use`);
}

/** Where a partition lies, in bytes. */
export function partitionRange(gpt: Gpt, p: GptPartition): { offset: number; bytes: number } {
  return { offset: p.firstLba * gpt.sectorBytes, bytes: (p.lastLba - p.firstLba + 1) * gpt.sectorBytes };
}
