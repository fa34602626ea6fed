import { CONFIG_DRIVE_BYTES, CONFIG_DRIVE_LABEL } from '../../disk/configdrive.ts';
import { diskErrors } from '../../disk/errors.ts';
import { type DiskPatch, encodeGpt, entrySectors } from '../../disk/gpt-encode.ts';
import { addPartitionAtEnd, endStart, moveBackupToEnd, partitionRange } from '../../disk/gpt-edit.ts';
import { type Gpt, type GptPartition, parseBackupGpt, parsePrimaryGpt, sameTable } from '../../disk/gpt.ts';
import { type Guid, guidFromBytes, PARTITION_TYPES } from '../../disk/guid.ts';
import { addMbrPartition, MBR_TYPE_LINUX, parseMbr, resizeProtectiveMbr } from '../../disk/mbr.ts';
import { bytesEqual } from '../../wire/hex.ts';
import { type BlockDevice, readBytes, writeBytes } from './block-device.ts';
import { writeErrors } from './errors.ts';
import { volumeLabel } from './volume-label.ts';

export interface FinishOptions {
  device: BlockDevice;
  /** The config drive's volume (`buildConfigDrive`); undefined: none. */
  configDrive: Uint8Array | undefined;
  /** 16 random bytes, for the new partition's GUID. */
  randomBytes: () => Uint8Array;
}

export interface FinishOutcome {
  table: 'gpt' | 'mbr' | 'none';
  backupGptMoved: boolean;
  configDrive: 'created' | 'reused' | 'none';
  /** Where the config drive is. */
  partition?: { number: number; offset: number; bytes: number };
}

/** Holds every primary table in use: 128 entries are 16 KiB. */
const HEAD_BYTES = 1024 * 1024;

/**
 * Fits a freshly written image to its disk: moves the backup GPT to the disk's end and puts the config drive into a
 * partition `config-2` there (an existing one is reused). Everything is read back. Doing it twice changes nothing more.
 * @throws DISK_GPT_INVALID, DISK_NO_ROOM, DISK_MBR_FULL, DISK_NO_PARTITION_TABLE, DISK_SECTOR_SIZE, WRITE_DEVICE_IO,
 *   WRITE_VERIFY_FAILED
 */
export async function finishDisk(options: FinishOptions): Promise<FinishOutcome> {
  const { device, configDrive } = options;
  if (configDrive !== undefined && device.sectorBytes > 2048) {
    throw diskErrors.make(
      'DISK_SECTOR_SIZE',
      `an ISO 9660 config drive cannot be mounted from ${device.path}: its sectors have ${device.sectorBytes} bytes`,
    );
  }
  const head = await readBytes(device, 0, Math.min(HEAD_BYTES, device.sizeBytes));
  const gpt = parsePrimaryGpt(head, device.sectorBytes);
  if (gpt !== undefined) return finishGpt(options, head, gpt);
  if (configDrive === undefined) {
    return { table: parseMbr(head) === undefined ? 'none' : 'mbr', backupGptMoved: false, configDrive: 'none' };
  }
  return finishMbr(device, head, configDrive);
}

async function finishGpt(options: FinishOptions, head: Uint8Array, old: Gpt): Promise<FinishOutcome> {
  const { device, configDrive } = options;
  const sectors = device.sizeBytes / device.sectorBytes;
  const fitted = moveBackupToEnd(old, sectors);
  const { gpt, partition, how } = await placeConfigDrive(options, fitted);
  if (configDrive !== undefined && partition !== undefined) {
    await writeConfigDrive(device, partitionRange(gpt, partition), configDrive);
  }
  const { primary, backup } = encodeGpt(gpt);
  // The backup first: with either copy whole, the disk keeps its partitions at every instant.
  await apply(device, backup);
  const mbr = resizeProtectiveMbr(head.subarray(0, device.sectorBytes), sectors);
  await apply(device, [...primary, { offset: 0, bytes: mbr }]);
  await dropOldBackup(device, old, gpt);
  await proveGpt(device, gpt);
  return {
    table: 'gpt',
    backupGptMoved: old.alternateLba !== gpt.alternateLba,
    configDrive: how,
    ...(partition === undefined ? {} : { partition: { number: partition.number, ...partitionRange(gpt, partition) } }),
  };
}

async function placeConfigDrive(
  options: FinishOptions,
  gpt: Gpt,
): Promise<{ gpt: Gpt; partition?: GptPartition; how: FinishOutcome['configDrive'] }> {
  if (options.configDrive === undefined) return { gpt, how: 'none' };
  const old = await findConfigDrive(options.device, gpt);
  if (old !== undefined) return { gpt, partition: old, how: 'reused' };
  const guid = randomGuid(options.randomBytes());
  const added = addPartitionAtEnd(gpt, {
    bytes: CONFIG_DRIVE_BYTES,
    type: PARTITION_TYPES.linux,
    guid,
    name: CONFIG_DRIVE_LABEL,
  });
  return { ...added, how: 'created' };
}

/** By partition name, else by the label of the volume in it. */
async function findConfigDrive(device: BlockDevice, gpt: Gpt): Promise<GptPartition | undefined> {
  const named = gpt.partitions.find((p) => p.name.toLowerCase() === CONFIG_DRIVE_LABEL);
  if (named !== undefined) return named;
  for (const p of gpt.partitions) {
    if ((await volumeLabel(device, partitionRange(gpt, p))) === CONFIG_DRIVE_LABEL) return p;
  }
  return undefined;
}

/** Version 4, variant RFC 9562. */
function randomGuid(bytes: Uint8Array): Guid {
  const b = bytes.slice(0, 16);
  b[7] = ((b[7] ?? 0) & 0x0f) | 0x40;
  b[8] = ((b[8] ?? 0) & 0x3f) | 0x80;
  return guidFromBytes(b);
}

/** The image's own backup header, now in the middle of the disk, would confuse repair tools. */
async function dropOldBackup(device: BlockDevice, old: Gpt, now: Gpt): Promise<void> {
  const lba = old.alternateLba;
  const inTable = lba > now.alternateLba - entrySectors(now) - 1 || lba < now.firstUsableLba;
  const used = now.partitions.some((p) => p.firstLba <= lba && lba <= p.lastLba);
  if (inTable || used) return;
  await writeBytes(device, lba * device.sectorBytes, new Uint8Array(device.sectorBytes));
  await device.flush();
}

async function proveGpt(device: BlockDevice, gpt: Gpt): Promise<void> {
  const sectors = device.sizeBytes / device.sectorBytes;
  const tailBytes = (entrySectors(gpt) + 1) * device.sectorBytes;
  const primary = parsePrimaryGpt(
    await readBytes(device, 0, Math.min(HEAD_BYTES, device.sizeBytes)),
    device.sectorBytes,
  );
  const tail = await readBytes(device, device.sizeBytes - tailBytes, tailBytes);
  const backup = parseBackupGpt(tail, sectors, device.sectorBytes);
  const ok = primary !== undefined && backup !== undefined && sameTable(primary, gpt) && sameTable(backup, gpt);
  if (!ok)
    throw writeErrors.make('WRITE_VERIFY_FAILED', `the partition table of ${device.path} reads back differently`);
}

async function finishMbr(device: BlockDevice, head: Uint8Array, configDrive: Uint8Array): Promise<FinishOutcome> {
  const mbr = parseMbr(head);
  if (mbr === undefined || mbr.partitions.length === 0) {
    throw diskErrors.make('DISK_NO_PARTITION_TABLE', `the image on ${device.path} has no partition table`);
  }
  const { sectorBytes } = device;
  const at = (p: { firstLba: number; sectors: number }) => ({
    offset: p.firstLba * sectorBytes,
    bytes: p.sectors * sectorBytes,
  });
  for (const p of mbr.partitions) {
    if ((await volumeLabel(device, at(p))) !== CONFIG_DRIVE_LABEL) continue;
    await writeConfigDrive(device, at(p), configDrive);
    const partition = { number: p.number, ...at(p) };
    return { table: 'mbr', backupGptMoved: false, configDrive: 'reused', partition };
  }
  const free = mbr.partitions.reduce((max, p) => Math.max(max, p.firstLba + p.sectors), 1);
  const lastLba = device.sizeBytes / sectorBytes - 1;
  const firstLba = endStart(lastLba, CONFIG_DRIVE_BYTES, sectorBytes, free);
  if (firstLba === undefined) {
    throw diskErrors.make('DISK_NO_ROOM', `${device.path} has less than 64 MiB behind its last partition`);
  }
  const place = { firstLba, sectors: lastLba + 1 - firstLba, type: MBR_TYPE_LINUX };
  const added = addMbrPartition(head.subarray(0, sectorBytes), place);
  await writeConfigDrive(device, at(place), configDrive);
  await apply(device, [{ offset: 0, bytes: added.sector0 }]);
  if (!bytesEqual(await readBytes(device, 0, sectorBytes), added.sector0)) {
    throw writeErrors.make('WRITE_VERIFY_FAILED', `the partition table of ${device.path} reads back differently`);
  }
  return {
    table: 'mbr',
    backupGptMoved: false,
    configDrive: 'created',
    partition: { number: added.number, ...at(place) },
  };
}

async function writeConfigDrive(
  device: BlockDevice,
  place: { offset: number; bytes: number },
  volume: Uint8Array,
): Promise<void> {
  if (volume.length > place.bytes) {
    throw diskErrors.make(
      'DISK_NO_ROOM',
      `the partition for the config drive has ${place.bytes} bytes, the drive needs ${volume.length}`,
    );
  }
  await writeBytes(device, place.offset, volume);
  await device.flush();
  const back = await readBytes(device, place.offset, volume.length);
  if (Buffer.compare(back, volume) !== 0) {
    throw writeErrors.make('WRITE_VERIFY_FAILED', `the config drive on ${device.path} reads back differently`);
  }
}

async function apply(device: BlockDevice, patches: readonly DiskPatch[]): Promise<void> {
  for (const patch of patches) await writeBytes(device, patch.offset, patch.bytes);
  await device.flush();
}
