import { isIPv4 } from 'node:net';
import { ByteReader } from '../../../wire/reader.ts';
import { ByteWriter } from '../../../wire/writer.ts';
import { NetFn } from '../../numbers.ts';
import { AppCmd } from '../app/numbers.ts';
import { type Command, query } from '../command.ts';

/** Session index that asks for a session by its id (§22.20). */
const BY_ID = 0xff;

/** Protocol of a session: IPMI 2.0. */
const RMCP_PLUS = 0x10;

/** One active session. */
export interface SessionInfo {
  /** User id, 1…63. */
  userId: number;
  privilege: number;
  /** IPv4 of the console; undefined: the BMC does not say, or it is none. */
  address: string | undefined;
}

/** Get Session Info for a session id of the BMC (§22.20). @returns undefined when there is no such session any more */
export function getSessionInfo(id: number): Command<SessionInfo | undefined> {
  const data = new ByteWriter(5).u8(BY_ID).u32le(id).finish();
  return query('Get Session Info', NetFn.app, AppCmd.getSessionInfo, data, readSessionInfo);
}

function readSessionInfo(reader: ByteReader): SessionInfo | undefined {
  const handle = reader.u8('session handle');
  reader.skip(2, 'numbers of sessions');
  if (handle === 0 || reader.remaining < 3) return undefined;
  const userId = reader.u8('user') & 0x3f;
  const privilege = reader.u8('privilege') & 0x0f;
  reader.skip(1, 'channel');
  const ip = reader.remaining >= 4 ? [...reader.bytes(4, 'address')].join('.') : '0.0.0.0';
  return { userId, privilege, address: ip === '0.0.0.0' ? undefined : ip };
}

/** @returns the session id that is asked for; 0: the one that asks; undefined: another way to ask */
export function decodeSessionInfoRequest(data: Uint8Array): number | undefined {
  const reader = new ByteReader(data);
  const index = reader.u8('session index');
  if (index === 0) return 0;
  return index === BY_ID ? reader.u32le('session') : undefined;
}

/** Answer to Get Session Info. @param session undefined: there is none */
export function encodeSessionInfo(
  counts: { possible: number; active: number },
  session: (SessionInfo & { channel: number; port: number }) | undefined,
): Uint8Array {
  const writer = new ByteWriter(18).u8(session === undefined ? 0 : 1);
  writer.u8(counts.possible & 0x3f).u8(counts.active & 0x3f);
  if (session === undefined) return writer.finish();
  const { userId, privilege, channel, address = '', port } = session;
  const ip = isIPv4(address) ? address.split('.').map(Number) : [0, 0, 0, 0];
  writer
    .u8(userId)
    .u8(privilege)
    .u8(RMCP_PLUS | channel);
  return writer.bytes(Uint8Array.from(ip)).fill(6).u16le(port).finish();
}
