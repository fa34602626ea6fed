import { ByteWriter } from '../../../wire/writer.ts';
import { NetFn } from '../../numbers.ts';
import { type Command, query } from '../command.ts';
import { FruCmd } from './numbers.ts';

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
