import type { ByteReader } from '../../../wire/reader.ts';
import { NetFn } from '../../numbers.ts';
import { type Command, NO_DATA, query } from '../command.ts';
import { AppCmd } from './numbers.ts';

const readGuid = (reader: ByteReader): Uint8Array => reader.bytes(16, 'GUID');

/** Get System GUID (§22.14). */
export function getSystemGuid(): Command<Uint8Array> {
  return query('Get System GUID', NetFn.app, AppCmd.getSystemGuid, NO_DATA, readGuid);
}

/** Get Device GUID (§20.8): of the BMC itself, while the system GUID is of the machine. */
export function getDeviceGuid(): Command<Uint8Array> {
  return query('Get Device GUID', NetFn.app, AppCmd.getDeviceGuid, NO_DATA, readGuid);
}
