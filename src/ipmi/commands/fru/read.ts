import { ByteReader } from '../../../wire/reader.ts';
import { ByteWriter } from '../../../wire/writer.ts';
import { NetFn } from '../../numbers.ts';
import { type Command, query } from '../command.ts';
import { FruCmd } from './numbers.ts';

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
