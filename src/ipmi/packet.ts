import { ByteReader } from '../wire/reader.ts';
import { ByteWriter } from '../wire/writer.ts';
import {
  codesEqual,
  decryptPayload,
  encryptPayload,
  packetCode,
  packetCodeLength,
  type SessionKeys,
} from './crypto.ts';
import { ipmiErrors } from './errors.ts';
import { PayloadType } from './numbers.ts';
import { type V15Packet, readV15 } from './packet-v15.ts';
import { type AsfMessage, RmcpClass, readAsf, readRmcp, writeRmcp } from './rmcp.ts';

const AUTH_RMCP_PLUS = 0x06;
const ENCRYPTED = 0x80;
const AUTHENTICATED = 0x40;
const NEXT_HEADER = 0x07;
/** Offset of the first signed byte: the authentication type, just after the RMCP header. */
const SIGNED_FROM = 4;

/** RMCP+ framing (§13.6, table 13-8), not yet verified nor decrypted. */
export interface V20Packet {
  kind: 'v2.0';
  payloadType: number;
  encrypted: boolean;
  authenticated: boolean;
  /** Session id of the receiver; 0 before a session is open. */
  sessionId: number;
  sequence: number;
  payload: Uint8Array;
  /** The bytes that a signature would cover, up to the auth code, and what follows the payload. */
  raw: Uint8Array;
  payloadEnd: number;
}

export type Datagram = { kind: 'asf'; message: AsfMessage } | V15Packet | V20Packet;

/** @throws IPMI_MALFORMED, WIRE_SHORT: drop the datagram */
export function decodeDatagram(bytes: Uint8Array): Datagram {
  const reader = new ByteReader(bytes);
  const rmcpClass = readRmcp(reader);
  if (rmcpClass === RmcpClass.asf) return { kind: 'asf', message: readAsf(reader) };
  if (rmcpClass !== RmcpClass.ipmi) throw ipmiErrors.make('IPMI_MALFORMED', `RMCP class ${rmcpClass}`);
  const authType = reader.u8('authentication type');
  if (authType === AUTH_RMCP_PLUS) return readV20(reader, bytes);
  return readV15(reader, authType);
}

function readV20(reader: ByteReader, raw: Uint8Array): V20Packet {
  const type = reader.u8('payload type');
  const sessionId = reader.u32le('session id');
  const sequence = reader.u32le('session sequence');
  const length = reader.u16le('payload length');
  // Nothing follows the payloads of session set-up, and some boards (Supermicro H8QME, Sun X4100) miscount their RAKP
  // answers: there all that came is the payload, and its code says whether it is right.
  const setUp = type >= PayloadType.openSessionRequest && type <= PayloadType.rakp4;
  const payload = sessionId === 0 && setUp ? reader.rest() : reader.bytes(length, 'payload');
  return {
    kind: 'v2.0',
    payloadType: type & 0x3f,
    encrypted: (type & ENCRYPTED) !== 0,
    authenticated: (type & AUTHENTICATED) !== 0,
    sessionId,
    sequence,
    payload,
    raw,
    payloadEnd: reader.offset,
  };
}

/** An RMCP+ packet outside a session: neither signed nor encrypted, ids 0. */
export function encodeV20Plain(payloadType: number, payload: Uint8Array): Uint8Array {
  const writer = writeRmcp(new ByteWriter(payload.length + 16), RmcpClass.ipmi);
  return writer.u8(AUTH_RMCP_PLUS).u8(payloadType).u32le(0).u32le(0).u16le(payload.length).bytes(payload).finish();
}

/** What a BMC wants otherwise than the specification has it. */
export interface TrailerRule {
  /** The integrity pad is counted without pad length and next header, as Intel's conformance suite wants it. */
  padWithoutTrailer?: boolean;
}

export interface SessionPacket {
  payloadType: number;
  /** Session id of the receiver. */
  sessionId: number;
  /** Not 0: the numbers inside a session begin at 1. */
  sequence: number;
  payload: Uint8Array;
}

/**
 * An RMCP+ packet inside a session: encrypted and signed as the suite says.
 * @param iv 16 fresh random bytes, used by suites that encrypt
 */
export function encodeV20(
  packet: SessionPacket,
  keys: SessionKeys,
  iv: Uint8Array,
  rule: TrailerRule = {},
): Uint8Array {
  const encrypts = keys.suite.confidentiality !== 'none';
  const signs = keys.suite.integrity !== 'none';
  const payload = encrypts ? encryptPayload(keys, iv, packet.payload) : packet.payload;
  const writer = writeRmcp(new ByteWriter(payload.length + 64), RmcpClass.ipmi);
  writer
    .u8(AUTH_RMCP_PLUS)
    .u8(packet.payloadType | (encrypts ? ENCRYPTED : 0) | (signs ? AUTHENTICATED : 0))
    .u32le(packet.sessionId)
    .u32le(packet.sequence)
    .u16le(payload.length)
    .bytes(payload);
  if (!signs) return writer.finish();
  // Signed length, with pad length and next header, is a multiple of four.
  const trailer = rule.padWithoutTrailer === true ? 0 : 2;
  const pad = (4 - ((writer.length - SIGNED_FROM + trailer) % 4)) % 4;
  writer.fill(pad, 0xff).u8(pad).u8(NEXT_HEADER);
  return writer.bytes(packetCode(keys, writer.finish().subarray(SIGNED_FROM))).finish();
}

/**
 * Verifies and decrypts a packet of an open session.
 * @returns the plain payload
 * @throws IPMI_INTEGRITY when it is not protected exactly as the suite demands
 */
export function openV20(packet: V20Packet, keys: SessionKeys): Uint8Array {
  const mustSign = keys.suite.integrity !== 'none';
  const mustEncrypt = keys.suite.confidentiality !== 'none';
  // Otherwise anybody could inject plain packets into a protected session.
  if (packet.authenticated !== mustSign || packet.encrypted !== mustEncrypt) {
    throw ipmiErrors.make('IPMI_INTEGRITY', 'packet is not protected as its session demands');
  }
  if (mustSign) verify(packet, keys);
  return mustEncrypt ? decryptPayload(keys, packet.payload) : packet.payload;
}

function verify(packet: V20Packet, keys: SessionKeys): void {
  const codeAt = packet.raw.length - packetCodeLength(keys);
  // At least pad length and next header stand between the payload and the code.
  if (codeAt < packet.payloadEnd + 2) throw ipmiErrors.make('IPMI_INTEGRITY', 'packet has no auth code');
  const expected = packetCode(keys, packet.raw.subarray(SIGNED_FROM, codeAt));
  if (!codesEqual(expected, packet.raw.subarray(codeAt))) {
    throw ipmiErrors.make('IPMI_INTEGRITY', 'auth code of a packet is wrong');
  }
}
