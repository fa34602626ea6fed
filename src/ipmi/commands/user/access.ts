import { ByteReader } from '../../../wire/reader.ts';
import { NetFn } from '../../numbers.ts';
import { AppCmd } from '../app/numbers.ts';
import { type Command, query } from '../command.ts';

export interface UserAccess {
  /** User ids are 1..maxUsers. */
  maxUsers: number;
  enabledUsers: number;
  /** Ids that cannot be renamed. */
  fixedNames: number;
  /** Of this user; undefined: the BMC does not say (before IPMI 2.0 errata 3). */
  enabled: boolean | undefined;
  /** Highest level on this channel; 0x0f: none. */
  privilege: number;
  /** May log in over the LAN by IPMI messages. */
  ipmi: boolean;
}

/** Get User Access (§22.27). */
export function getUserAccess(channel: number, id: number): Command<UserAccess> {
  const data = Uint8Array.of(channel, id);
  const parse = (reader: ByteReader): UserAccess => {
    const maxUsers = reader.u8('users') & 0x3f;
    const count = reader.u8('enabled users');
    const fixedNames = reader.u8('fixed names') & 0x3f;
    const access = reader.u8('access');
    const state = count >> 6;
    return {
      maxUsers,
      enabledUsers: count & 0x3f,
      fixedNames,
      enabled: state === 0 ? undefined : state === 1,
      privilege: access & 0x0f,
      ipmi: (access & 0x10) !== 0,
    };
  };
  return { ...query('Get User Access', NetFn.app, AppCmd.getUserAccess, data, parse), bulk: true };
}

/** @throws WIRE_SHORT */
export function decodeGetUserAccess(data: Uint8Array): { channel: number; id: number } {
  const reader = new ByteReader(data);
  return { channel: reader.u8('channel') & 0x0f, id: reader.u8('user') & 0x3f };
}

/** Answer to Get User Access. */
export function encodeUserAccess(access: UserAccess): Uint8Array {
  const state = access.enabled === undefined ? 0 : access.enabled ? 1 : 2;
  const link = 0x20;
  return Uint8Array.of(
    access.maxUsers & 0x3f,
    (access.enabledUsers & 0x3f) | (state << 6),
    access.fixedNames & 0x3f,
    (access.privilege & 0x0f) | (access.ipmi ? 0x10 | link : 0),
  );
}
