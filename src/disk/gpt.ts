import { crc32 } from 'node:zlib';
import { ByteReader } from '../wire/reader.ts';
import { diskErrors } from './errors.ts';
import { type Guid, guidFromBytes, ZERO_GUID } from './guid.ts';

/** GUID partition table, UEFI 2.10 §5.3. All LBAs are in sectors of `sectorBytes`. */
export interface Gpt {
  sectorBytes: number;
  diskGuid: Guid;
  /** LBA of the other copy of the header, as this copy says. */
  alternateLba: number;
  firstUsableLba: number;
  lastUsableLba: number;
  /** Where this copy's entry array is. */
  entriesLba: number;
  entryCount: number;
  entryBytes: number;
  /** Used entries, in table order. */
  partitions: GptPartition[];
}

export interface GptPartition {
  /** 1-based position in the table: the N of /dev/sdaN. */
  number: number;
  type: Guid;
  guid: Guid;
  firstLba: number;
  /** Inclusive. */
  lastLba: number;
  attributes: bigint;
  name: string;
}

export interface GptHeader extends Omit<Gpt, 'partitions'> {
  myLba: number;
  entriesCrc: number;
}

export const GPT_SIGNATURE = 'EFI PART';
const HEADER_BYTES = 92;
/** Linux and sgdisk write 128; more than this is either hostile or a mistake. */
const MAX_ENTRIES = 1024;
const MAX_ENTRY_BYTES = 4096;

function invalid(message: string): never {
  throw diskErrors.make('DISK_GPT_INVALID', message);
}

/** LBAs above 2^53 do not exist on any disk; a header that has one is not followed. */
function lba(reader: ByteReader, what: string): number {
  const value = reader.u64le(what);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) invalid(`${what} ${value} is beyond any disk`);
  return Number(value);
}

/**
 * Parses one header sector and checks its CRC and bounds.
 * @param sector the sector at `atLba`, at least 92 bytes
 * @param atLba where it was read: a header names its own place
 * @returns undefined when the signature is not there
 * @throws DISK_GPT_INVALID
 */
export function parseGptHeader(sector: Uint8Array, atLba: number, sectorBytes: number): GptHeader | undefined {
  if (sector.length < HEADER_BYTES || Buffer.from(sector.subarray(0, 8)).toString('latin1') !== GPT_SIGNATURE)
    return undefined;
  const reader = new ByteReader(sector);
  reader.skip(8);
  const revision = reader.u32le();
  const headerBytes = reader.u32le();
  const crc = reader.u32le();
  if (headerBytes < HEADER_BYTES || headerBytes > sector.length) invalid(`header size ${headerBytes} is out of range`);
  // A copy, and not by slice(): on a Buffer that would be a view of the caller's bytes.
  const zeroed = new Uint8Array(sector.subarray(0, headerBytes));
  zeroed.fill(0, 16, 20);
  if (crc32(zeroed) !== crc) invalid(`header at LBA ${atLba} fails its CRC`);
  if (revision >>> 16 !== 1) invalid(`revision ${revision.toString(16)} is not 1.x`);
  reader.skip(4, 'reserved');
  const myLba = lba(reader, 'my LBA');
  const alternateLba = lba(reader, 'alternate LBA');
  const firstUsableLba = lba(reader, 'first usable LBA');
  const lastUsableLba = lba(reader, 'last usable LBA');
  const diskGuid = guidFromBytes(reader.bytes(16));
  const entriesLba = lba(reader, 'entry array LBA');
  const entryCount = reader.u32le();
  const entryBytes = reader.u32le();
  const entriesCrc = reader.u32le();
  if (myLba !== atLba) invalid(`header at LBA ${atLba} says it is at ${myLba}`);
  if (entryCount === 0 || entryCount > MAX_ENTRIES) invalid(`${entryCount} entries`);
  if (entryBytes < 128 || entryBytes > MAX_ENTRY_BYTES || entryBytes % 128 !== 0)
    invalid(`entries of ${entryBytes} bytes`);
  if (firstUsableLba > lastUsableLba + 1) invalid(`usable range ${firstUsableLba}..${lastUsableLba} is empty`);
  return {
    sectorBytes,
    diskGuid,
    myLba,
    alternateLba,
    firstUsableLba,
    lastUsableLba,
    entriesLba,
    entryCount,
    entryBytes,
    entriesCrc,
  };
}

/** Bytes of the entry array that `header` announces. At most 4 MiB. */
export function entryArrayBytes(header: Pick<Gpt, 'entryCount' | 'entryBytes'>): number {
  return header.entryCount * header.entryBytes;
}

/**
 * Parses the entry array that belongs to `header`: CRC, ranges inside the usable area, no overlaps.
 * @param array exactly `entryArrayBytes(header)` bytes
 * @throws DISK_GPT_INVALID
 */
export function parseGptEntries(header: GptHeader, array: Uint8Array): Gpt {
  if (array.length !== entryArrayBytes(header)) invalid('entry array is cut short');
  if (crc32(array) !== header.entriesCrc) invalid('entry array fails its CRC');
  const reader = new ByteReader(array);
  const partitions: GptPartition[] = [];
  for (let number = 1; number <= header.entryCount; number++) {
    const entry = reader.sub(header.entryBytes);
    const type = guidFromBytes(entry.bytes(16));
    if (type === ZERO_GUID) continue;
    const guid = guidFromBytes(entry.bytes(16));
    const firstLba = lba(entry, `partition ${number} first LBA`);
    const lastLba = lba(entry, `partition ${number} last LBA`);
    const attributes = entry.u64le();
    const [name = ''] = Buffer.from(entry.bytes(72)).toString('utf16le').split('\0', 1);
    partitions.push({ number, type, guid, firstLba, lastLba, attributes, name });
  }
  const { myLba: _at, entriesCrc: _crc, ...rest } = header;
  const gpt: Gpt = { ...rest, partitions };
  checkPartitions(gpt);
  return gpt;
}

function checkPartitions(gpt: Gpt): void {
  const sorted = gpt.partitions.toSorted((a, b) => a.firstLba - b.firstLba);
  let free = gpt.firstUsableLba;
  for (const p of sorted) {
    if (p.lastLba < p.firstLba) invalid(`partition ${p.number} ends before it begins`);
    if (p.lastLba > gpt.lastUsableLba) invalid(`partition ${p.number} ends at ${p.lastLba}, beyond the usable area`);
    if (p.firstLba < free) invalid(`partition ${p.number} overlaps another one or the table`);
    free = p.lastLba + 1;
  }
}

/**
 * Parses the primary table out of the beginning of a disk.
 * @param head the first bytes of the disk; 1 MiB is enough for every table in use
 * @returns undefined when there is no GPT
 * @throws DISK_GPT_INVALID
 */
export function parsePrimaryGpt(head: Uint8Array, sectorBytes: number): Gpt | undefined {
  const header = parseGptHeader(head.subarray(sectorBytes, 2 * sectorBytes), 1, sectorBytes);
  if (header === undefined) return undefined;
  const at = header.entriesLba * sectorBytes;
  if (header.entriesLba < 2 || at + entryArrayBytes(header) > head.length) {
    invalid(`entry array at LBA ${header.entriesLba} is not where a primary table has it`);
  }
  return parseGptEntries(header, head.slice(at, at + entryArrayBytes(header)));
}

/**
 * Parses the backup table out of the end of a disk.
 * @param tail the last bytes of the disk, a whole number of sectors
 * @param diskSectors size of the disk
 * @returns undefined when the last sector carries no GPT header
 * @throws DISK_GPT_INVALID
 */
export function parseBackupGpt(tail: Uint8Array, diskSectors: number, sectorBytes: number): Gpt | undefined {
  const header = parseGptHeader(tail.subarray(tail.length - sectorBytes), diskSectors - 1, sectorBytes);
  if (header === undefined) return undefined;
  const at = tail.length - (diskSectors - header.entriesLba) * sectorBytes;
  if (at < 0 || at + entryArrayBytes(header) > tail.length - sectorBytes) {
    invalid(`backup entry array at LBA ${header.entriesLba} is not in front of the backup header`);
  }
  return parseGptEntries(header, tail.slice(at, at + entryArrayBytes(header)));
}

/** Do two copies describe the same partitions on the same disk? */
export function sameTable(a: Gpt, b: Gpt): boolean {
  return facts(a) === facts(b);
}

function facts(g: Gpt): string {
  const rows = g.partitions.map((p) => [
    p.number,
    p.type,
    p.guid,
    p.firstLba,
    p.lastLba,
    p.attributes.toString(),
    p.name,
  ]);
  return JSON.stringify([g.diskGuid, g.firstUsableLba, g.lastUsableLba, rows]);
}
