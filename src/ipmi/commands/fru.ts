import { ByteReader } from '../../wire/reader.ts';
import { ByteWriter } from '../../wire/writer.ts';
import { NetFn } from '../numbers.ts';
import { type Command, query } from './command.ts';

/** Commands of FRU inventories (§34). */
export const FruCmd = { info: 0x10, read: 0x11 } as const;

export interface FruInfo {
  bytes: number;
  /** Offset and count of reads are in words of two bytes. */
  words: boolean;
}

/** Get FRU Inventory Area Info (§34.1). */
export function getFruInfo(device: number): Command<FruInfo> {
  return query('Get FRU Inventory Area Info', NetFn.storage, FruCmd.info, Uint8Array.of(device), (reader) => ({
    bytes: reader.u16le('size'),
    words: ((reader.remaining > 0 ? reader.u8('access') : 0) & 1) === 1,
  }));
}

/** Answer to Get FRU Inventory Area Info. */
export function encodeFruInfo(info: FruInfo): Uint8Array {
  return new ByteWriter(3)
    .u16le(info.bytes)
    .u8(info.words ? 1 : 0)
    .finish();
}

export interface FruPart {
  device: number;
  /** In bytes or words, as `FruInfo.words` says. */
  offset: number;
  count: number;
}

/** Read FRU Data (§34.2). The count in the answer is not trusted: what came is what came. */
export function readFru(part: FruPart): Command<Uint8Array> {
  const data = new ByteWriter(4).u8(part.device).u16le(part.offset).u8(part.count).finish();
  const parse = (reader: ByteReader) => {
    reader.skip(1, 'count');
    return reader.rest();
  };
  return { ...query('Read FRU Data', NetFn.storage, FruCmd.read, data, parse), bulk: true };
}

/** @throws WIRE_SHORT */
export function decodeReadFru(data: Uint8Array): FruPart {
  const reader = new ByteReader(data);
  return { device: reader.u8('device'), offset: reader.u16le('offset'), count: reader.u8('count') };
}

/** Answer to Read FRU Data. */
export function encodeFruPart(bytes: Uint8Array): Uint8Array {
  return new ByteWriter(bytes.length + 1).u8(bytes.length).bytes(bytes).finish();
}
