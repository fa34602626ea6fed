import { ByteReader } from '../../../wire/reader.ts';
import { ByteWriter } from '../../../wire/writer.ts';
import { NetFn } from '../../numbers.ts';
import { type Command, query } from '../command.ts';
import { LanCmd } from './parameters.ts';

const REVISION = 0x11;

/** Get LAN Configuration Parameters (§23.2). @returns the data after the revision */
export function getLanConfig(channel: number, parameter: number): Command<Uint8Array> {
  const data = Uint8Array.of(channel, parameter, 0, 0);
  return query(`Get LAN Configuration Parameter ${parameter}`, NetFn.transport, LanCmd.getConfig, data, (reader) => {
    reader.skip(1, 'revision');
    return reader.rest();
  });
}

/** @throws WIRE_SHORT */
export function decodeGetLanConfig(data: Uint8Array): { channel: number; parameter: number; revisionOnly: boolean } {
  const reader = new ByteReader(data);
  const channel = reader.u8('channel');
  return { channel: channel & 0x0f, parameter: reader.u8('parameter'), revisionOnly: (channel & 0x80) !== 0 };
}

/** Answer to Get LAN Configuration Parameters. */
export function encodeLanConfig(data: Uint8Array): Uint8Array {
  return new ByteWriter(data.length + 1).u8(REVISION).bytes(data).finish();
}
