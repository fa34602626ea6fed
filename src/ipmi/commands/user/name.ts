import { latin1, utf8Bytes } from '../../../wire/hex.ts';
import type { ByteReader } from '../../../wire/reader.ts';
import { ByteWriter } from '../../../wire/writer.ts';
import { NetFn } from '../../numbers.ts';
import { AppCmd } from '../app/numbers.ts';
import { type Command, query } from '../command.ts';

const NAME_BYTES = 16;

/** Get User Name (§22.29). Empty: the user has none. */
export function getUserName(id: number): Command<string> {
  // Some BMCs answer fewer than 16 bytes.
  const parse = (reader: ByteReader) =>
    latin1(reader.bytes(Math.min(NAME_BYTES, reader.remaining), 'name')).replace(/\0[\s\S]*$/, '');
  return { ...query('Get User Name', NetFn.app, AppCmd.getUserName, Uint8Array.of(id), parse), bulk: true };
}

/** Answer to Get User Name. */
export function encodeUserName(name: string): Uint8Array {
  const bytes = utf8Bytes(name).subarray(0, NAME_BYTES);
  return new ByteWriter(NAME_BYTES)
    .bytes(bytes)
    .fill(NAME_BYTES - bytes.length)
    .finish();
}
