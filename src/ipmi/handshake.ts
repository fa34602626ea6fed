import { ByteReader } from '../wire/reader.ts';
import { ByteWriter } from '../wire/writer.ts';
import { ipmiErrors } from './errors.ts';
import type { AlgorithmNumbers } from './suites.ts';

/** Payloads of session set-up: Open Session (§13.17, §13.18) and RAKP 1 to 4 (§13.20 to §13.23), both directions. */
export interface OpenSessionRequest {
  tag: number;
  /** 0: the highest that fits. */
  privilege: number;
  consoleSessionId: number;
  algorithms: AlgorithmNumbers;
}

/** A refusal may end after the console's session id; `opened` is then absent. */
export interface OpenSessionResponse {
  tag: number;
  status: number;
  privilege: number;
  consoleSessionId: number;
  opened?: { bmcSessionId: number; algorithms: AlgorithmNumbers };
}

export interface Rakp1 {
  tag: number;
  bmcSessionId: number;
  consoleRandom: Uint8Array;
  role: number;
  username: Uint8Array;
}

export interface Rakp2 {
  tag: number;
  status: number;
  consoleSessionId: number;
  accepted?: { bmcRandom: Uint8Array; bmcGuid: Uint8Array; code: Uint8Array };
}

export interface Rakp3 {
  tag: number;
  status: number;
  bmcSessionId: number;
  code: Uint8Array;
}

export interface Rakp4 {
  tag: number;
  status: number;
  consoleSessionId: number;
  code: Uint8Array;
}

/** Names longer than this do not fit the 16-byte field of the specification. */
export const MAX_USERNAME = 16;

const RECORD_LENGTH = 8;

function writeAlgorithms(writer: ByteWriter, numbers: AlgorithmNumbers): void {
  for (const [type, value] of [numbers.auth, numbers.integrity, numbers.confidentiality].entries()) {
    writer.u8(type).u16le(0).u8(RECORD_LENGTH).u8(value).fill(3);
  }
}

function readAlgorithms(reader: ByteReader): AlgorithmNumbers {
  const value = (expectedType: number) => {
    const record = reader.sub(RECORD_LENGTH, 'algorithm record');
    const type = record.u8();
    record.skip(2);
    const length = record.u8();
    // A record of length 0 means "whatever you like" in a request: suite selection is then up to the BMC.
    if (type !== expectedType || (length !== RECORD_LENGTH && length !== 0)) {
      throw ipmiErrors.make('IPMI_MALFORMED', `algorithm record of type ${type}, length ${length}`);
    }
    return record.u8() & 0x3f;
  };
  return { auth: value(0), integrity: value(1), confidentiality: value(2) };
}

export function encodeOpenSessionRequest(message: OpenSessionRequest): Uint8Array {
  const writer = new ByteWriter(32).u8(message.tag).u8(message.privilege).u16le(0).u32le(message.consoleSessionId);
  writeAlgorithms(writer, message.algorithms);
  return writer.finish();
}

export function decodeOpenSessionRequest(bytes: Uint8Array): OpenSessionRequest {
  const reader = new ByteReader(bytes);
  const tag = reader.u8('tag');
  const privilege = reader.u8('privilege') & 0x0f;
  reader.skip(2, 'reserved');
  const consoleSessionId = reader.u32le('console session id');
  return { tag, privilege, consoleSessionId, algorithms: readAlgorithms(reader) };
}

export function encodeOpenSessionResponse(message: OpenSessionResponse): Uint8Array {
  const writer = new ByteWriter(36).u8(message.tag).u8(message.status).u8(message.privilege).u8(0);
  writer.u32le(message.consoleSessionId);
  if (message.opened === undefined) return writer.finish();
  writer.u32le(message.opened.bmcSessionId);
  writeAlgorithms(writer, message.opened.algorithms);
  return writer.finish();
}

export function decodeOpenSessionResponse(bytes: Uint8Array): OpenSessionResponse {
  const reader = new ByteReader(bytes);
  const [tag, status] = [reader.u8('tag'), reader.u8('status')];
  if (status !== 0) return { tag, status, privilege: 0, consoleSessionId: idOfRefusal(reader) };
  const privilege = reader.u8('privilege') & 0x0f;
  reader.skip(1, 'reserved');
  const consoleSessionId = reader.u32le('console session id');
  const bmcSessionId = reader.u32le('BMC session id');
  return { tag, status, privilege, consoleSessionId, opened: { bmcSessionId, algorithms: readAlgorithms(reader) } };
}

/** A refusal ends where its BMC likes: OpenIPMI's sends tag and status alone. 0: no id was sent. */
function idOfRefusal(reader: ByteReader): number {
  if (reader.remaining < 6) return 0;
  reader.skip(2, 'reserved');
  return reader.u32le('session id');
}

/** @param full 16 bytes of name whatever its length: Intel's 82571 answers nothing shorter */
export function encodeRakp1(message: Rakp1, full = false): Uint8Array {
  return new ByteWriter(44)
    .u8(message.tag)
    .fill(3)
    .u32le(message.bmcSessionId)
    .bytes(message.consoleRandom)
    .u8(message.role)
    .u16le(0)
    .u8(message.username.length)
    .bytes(message.username)
    .fill(full ? MAX_USERNAME - message.username.length : 0)
    .finish();
}

export function decodeRakp1(bytes: Uint8Array): Rakp1 {
  const reader = new ByteReader(bytes);
  const tag = reader.u8('tag');
  reader.skip(3, 'reserved');
  const bmcSessionId = reader.u32le('BMC session id');
  const consoleRandom = reader.bytes(16, 'console random number');
  const role = reader.u8('role');
  reader.skip(2, 'reserved');
  const length = reader.u8('name length');
  if (length > MAX_USERNAME) throw ipmiErrors.make('IPMI_MALFORMED', `user name of ${length} bytes`);
  return { tag, bmcSessionId, consoleRandom, role, username: reader.bytes(length, 'user name') };
}

export function encodeRakp2(message: Rakp2): Uint8Array {
  const writer = new ByteWriter(72).u8(message.tag).u8(message.status).u16le(0).u32le(message.consoleSessionId);
  const { accepted } = message;
  if (accepted !== undefined) writer.bytes(accepted.bmcRandom).bytes(accepted.bmcGuid).bytes(accepted.code);
  return writer.finish();
}

export function decodeRakp2(bytes: Uint8Array): Rakp2 {
  const reader = new ByteReader(bytes);
  const { tag, status, id } = readHead(reader);
  if (status !== 0) return { tag, status, consoleSessionId: id };
  const bmcRandom = reader.bytes(16, 'BMC random number');
  const bmcGuid = reader.bytes(16, 'BMC GUID');
  return { tag, status, consoleSessionId: id, accepted: { bmcRandom, bmcGuid, code: reader.rest() } };
}

export function encodeRakp3(message: Rakp3): Uint8Array {
  return encodeProof(message.tag, message.status, message.bmcSessionId, message.code);
}

export function decodeRakp3(bytes: Uint8Array): Rakp3 {
  const reader = new ByteReader(bytes);
  const { tag, status, id } = readHead(reader);
  return { tag, status, bmcSessionId: id, code: reader.rest() };
}

export function encodeRakp4(message: Rakp4): Uint8Array {
  return encodeProof(message.tag, message.status, message.consoleSessionId, message.code);
}

export function decodeRakp4(bytes: Uint8Array): Rakp4 {
  const reader = new ByteReader(bytes);
  const { tag, status, id } = readHead(reader);
  return { tag, status, consoleSessionId: id, code: reader.rest() };
}

function encodeProof(tag: number, status: number, sessionId: number, code: Uint8Array): Uint8Array {
  return new ByteWriter(40).u8(tag).u8(status).u16le(0).u32le(sessionId).bytes(code).finish();
}

function readHead(reader: ByteReader): { tag: number; status: number; id: number } {
  const [tag, status] = [reader.u8('tag'), reader.u8('status')];
  if (status !== 0) return { tag, status, id: idOfRefusal(reader) };
  reader.skip(2, 'reserved');
  return { tag, status, id: reader.u32le('session id') };
}
