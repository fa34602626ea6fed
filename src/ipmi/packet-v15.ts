import { createHash } from 'node:crypto';
import { concatBytes } from '../wire/hex.ts';
import type { ByteReader } from '../wire/reader.ts';
import { ByteWriter } from '../wire/writer.ts';
import { codesEqual } from './crypto.ts';
import { ipmiErrors } from './errors.ts';
import { md2 } from './md2.ts';
import { RmcpClass, writeRmcp } from './rmcp.ts';

/**
 * How packets of IPMI 1.5 prove who sent them (§13.6). `password`: the password itself, for all to read; `oem`: as the
 * board's maker likes, see `oem-auth.ts`.
 */
export type V15Auth = 'none' | 'md2' | 'md5' | 'password' | 'oem';

export const V15_AUTH_NUMBER: Readonly<Record<V15Auth, number>> = { none: 0, md2: 1, md5: 2, password: 4, oem: 5 };

export function v15AuthOf(number: number): V15Auth | undefined {
  return Object.entries(V15_AUTH_NUMBER).find(([, n]) => n === number)?.[0] as V15Auth | undefined;
}

/** IPMI 1.5 framing (§13.6). Without a session it is also the one framing that every BMC answers. */
export interface V15Packet {
  kind: 'v1.5';
  auth: V15Auth;
  sequence: number;
  sessionId: number;
  /** 16 bytes; empty without authentication. */
  code: Uint8Array;
  payload: Uint8Array;
}

const CODE_LENGTH = 16;
/** A frame of these lengths got stuck in an old network chip (§13.6): one more byte follows the message. */
const STUCK_FRAMES: ReadonlySet<number> = new Set([56, 84, 112, 128, 156]);
/** Ethernet and IP headers before our bytes, as the lengths above count them. */
const FRAME_HEAD = 34;

/**
 * Reads what follows the authentication type.
 * @throws IPMI_MALFORMED for types that there are not, WIRE_SHORT
 */
export function readV15(reader: ByteReader, authType: number): V15Packet {
  const auth = v15AuthOf(authType);
  if (auth === undefined) {
    throw ipmiErrors.make('IPMI_MALFORMED', `IPMI 1.5 authentication type ${authType} is not spoken`);
  }
  const sequence = reader.u32le('session sequence');
  const sessionId = reader.u32le('session id');
  const code = reader.bytes(auth === 'none' ? 0 : CODE_LENGTH, 'authentication code');
  return { kind: 'v1.5', auth, sequence, sessionId, code, payload: reader.bytes(reader.u8('length'), 'message') };
}

/** An IPMI 1.5 packet outside a session. */
export function encodeV15(message: Uint8Array): Uint8Array {
  return encodeV15Session({ auth: 'none', sequence: 0, sessionId: 0, payload: message }, new Uint8Array(0));
}

/** @param password signs, cut or padded to 16 bytes; with `oem` the code of the session */
export function encodeV15Session(packet: Omit<V15Packet, 'kind' | 'code'>, password: Uint8Array): Uint8Array {
  const { auth, sequence, sessionId, payload } = packet;
  const writer = writeRmcp(new ByteWriter(payload.length + 40), RmcpClass.ipmi)
    .u8(V15_AUTH_NUMBER[auth])
    .u32le(sequence)
    .u32le(sessionId)
    .bytes(codeOf(packet, password))
    .u8(payload.length)
    .bytes(payload);
  if (STUCK_FRAMES.has(FRAME_HEAD + writer.length)) writer.u8(0);
  return writer.finish();
}

/** Is the packet signed with `password`? Without authentication there is nothing to check: true. */
export function v15CodeFits(packet: V15Packet, password: Uint8Array): boolean {
  return codesEqual(codeOf(packet, password), packet.code);
}

/** The code of a packet (§22.17.1): the password, or a digest between two copies of it. `oem`: one code for all. */
function codeOf(packet: Omit<V15Packet, 'kind' | 'code'>, password: Uint8Array): Uint8Array {
  const { auth, sequence, sessionId, payload } = packet;
  if (auth === 'none') return new Uint8Array(0);
  const key = passwordOf16(password);
  if (auth === 'password' || auth === 'oem') return key;
  const id = new ByteWriter(4).u32le(sessionId).finish();
  const signed = concatBytes(key, id, payload, new ByteWriter(4).u32le(sequence).finish(), key);
  return auth === 'md2' ? md2(signed) : createHash('md5').update(signed).digest();
}

function passwordOf16(password: Uint8Array): Uint8Array {
  const key = new Uint8Array(CODE_LENGTH);
  key.set(password.subarray(0, CODE_LENGTH));
  return key;
}
