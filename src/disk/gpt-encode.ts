import { crc32 } from 'node:zlib';
import { ByteWriter } from '../wire/writer.ts';
import { diskErrors } from './errors.ts';
import { entryArrayBytes, GPT_SIGNATURE, type Gpt, type GptPartition } from './gpt.ts';
import { guidToBytes } from './guid.ts';

/** Bytes that belong at `offset` of the disk. */
export interface DiskPatch {
  offset: number;
  bytes: Uint8Array;
}

const latin1 = (text: string) => Buffer.from(text, 'latin1');

/** Sectors of the entry array, rounded up. */
export function entrySectors(gpt: Gpt): number {
  return Math.ceil(entryArrayBytes(gpt) / gpt.sectorBytes);
}

/**
 * Encodes both copies of a table. The backup header goes to `gpt.alternateLba` with its entries right before it. Write
 * `backup` first and flush: with either copy whole the disk keeps its partitions at every instant.
 * @throws DISK_GPT_INVALID when a name or number does not fit
 */
export function encodeGpt(gpt: Gpt): { primary: DiskPatch[]; backup: DiskPatch[] } {
  const entries = encodeEntries(gpt);
  const crc = crc32(entries.subarray(0, entryArrayBytes(gpt)));
  const backupEntriesLba = gpt.alternateLba - entrySectors(gpt);
  const at = (lba: number, bytes: Uint8Array): DiskPatch => ({ offset: lba * gpt.sectorBytes, bytes });
  const primaryHeader = encodeHeader(gpt, { myLba: 1, otherLba: gpt.alternateLba, entriesLba: gpt.entriesLba, crc });
  const backupHeader = encodeHeader(gpt, { myLba: gpt.alternateLba, otherLba: 1, entriesLba: backupEntriesLba, crc });
  return {
    primary: [at(gpt.entriesLba, entries), at(1, primaryHeader)],
    backup: [at(backupEntriesLba, entries), at(gpt.alternateLba, backupHeader)],
  };
}

/** Padded with zeros to whole sectors. */
function encodeEntries(gpt: Gpt): Uint8Array {
  const out = new Uint8Array(entrySectors(gpt) * gpt.sectorBytes);
  for (const p of gpt.partitions) {
    if (p.number < 1 || p.number > gpt.entryCount) {
      throw diskErrors.make('DISK_GPT_INVALID', `no entry ${p.number} in a table of ${gpt.entryCount}`);
    }
    out.set(encodeEntry(p), (p.number - 1) * gpt.entryBytes);
  }
  return out;
}

function encodeEntry(p: GptPartition): Uint8Array {
  const name = Buffer.from(p.name, 'utf16le');
  if (name.length > 72)
    throw diskErrors.make('DISK_GPT_INVALID', `partition name "${p.name}" is longer than 36 characters`);
  return new ByteWriter(128)
    .bytes(guidToBytes(p.type))
    .bytes(guidToBytes(p.guid))
    .u64le(BigInt(p.firstLba))
    .u64le(BigInt(p.lastLba))
    .u64le(p.attributes)
    .bytes(name)
    .fill(72 - name.length)
    .finish();
}

function encodeHeader(
  gpt: Gpt,
  place: { myLba: number; otherLba: number; entriesLba: number; crc: number },
): Uint8Array {
  const header = new ByteWriter(92)
    .bytes(latin1(GPT_SIGNATURE))
    .u32le(0x00010000)
    .u32le(92)
    .u32le(0)
    .u32le(0)
    .u64le(BigInt(place.myLba))
    .u64le(BigInt(place.otherLba))
    .u64le(BigInt(gpt.firstUsableLba))
    .u64le(BigInt(gpt.lastUsableLba))
    .bytes(guidToBytes(gpt.diskGuid))
    .u64le(BigInt(place.entriesLba))
    .u32le(gpt.entryCount)
    .u32le(gpt.entryBytes)
    .u32le(place.crc)
    .finish();
  const sector = new Uint8Array(gpt.sectorBytes);
  sector.set(header);
  new DataView(sector.buffer).setUint32(16, crc32(header), true);
  return sector;
}
