import { ByteReader } from '../../wire/reader.ts';
import { ByteWriter } from '../../wire/writer.ts';
import { NetFn } from '../numbers.ts';
import { V15_AUTH_NUMBER, type V15Auth } from '../packet-v15.ts';
import { AppCmd } from './app.ts';
import type { Command } from './command.ts';

const NAME_LENGTH = 16;
const CHALLENGE_LENGTH = 16;

export interface SessionChallenge {
  /** Stands in for the session id until the session is active. */
  temporaryId: number;
  challenge: Uint8Array;
}

/** Get Session Challenge (§22.16). @param username at most 16 bytes; none: the null user */
export function getSessionChallenge(auth: V15Auth, username: Uint8Array): Command<SessionChallenge> {
  return {
    name: 'Get Session Challenge',
    netFn: NetFn.app,
    cmd: AppCmd.getSessionChallenge,
    data: new ByteWriter(17)
      .u8(V15_AUTH_NUMBER[auth])
      .bytes(username)
      .fill(NAME_LENGTH - username.length)
      .finish(),
    idempotent: true,
    parse: (reader) => ({
      temporaryId: reader.u32le('temporary session id'),
      challenge: reader.bytes(CHALLENGE_LENGTH, 'challenge'),
    }),
  };
}

export interface ChallengeRequest {
  authNumber: number;
  /** Without the padding. */
  username: Uint8Array;
}

/** @throws WIRE_SHORT */
export function decodeChallengeRequest(data: Uint8Array): ChallengeRequest {
  const reader = new ByteReader(data);
  const authNumber = reader.u8('authentication type') & 0x0f;
  const name = reader.bytes(NAME_LENGTH, 'user name');
  const end = name.indexOf(0);
  return { authNumber, username: end < 0 ? name : name.slice(0, end) };
}

export function encodeChallenge({ temporaryId, challenge }: SessionChallenge): Uint8Array {
  return new ByteWriter(20).u32le(temporaryId).bytes(challenge).finish();
}

export interface ActivateRequest {
  authNumber: number;
  privilege: number;
  challenge: Uint8Array;
  /** Number that the first packet of the BMC shall carry. */
  firstFromBmc: number;
}

export interface Activated {
  /** Authentication type of all later packets; `none` where the BMC wants it for the first only. */
  authNumber: number;
  sessionId: number;
  /** Number that our first packet shall carry. */
  firstToBmc: number;
  privilege: number;
}

/** Activate Session (§22.17). Never sent again: the BMC may have used the challenge up. */
export function activateSession(request: ActivateRequest): Command<Activated> {
  return {
    name: 'Activate Session',
    netFn: NetFn.app,
    cmd: AppCmd.activateSession,
    data: new ByteWriter(22)
      .u8(request.authNumber)
      .u8(request.privilege)
      .bytes(request.challenge)
      .u32le(request.firstFromBmc)
      .finish(),
    idempotent: false,
    parse: (reader) => ({
      authNumber: reader.u8('authentication type') & 0x0f,
      sessionId: reader.u32le('session id'),
      firstToBmc: reader.u32le('inbound sequence'),
      privilege: reader.u8('privilege') & 0x0f,
    }),
  };
}

/** @throws WIRE_SHORT */
export function decodeActivateRequest(data: Uint8Array): ActivateRequest {
  const reader = new ByteReader(data);
  return {
    authNumber: reader.u8('authentication type') & 0x0f,
    privilege: reader.u8('privilege') & 0x0f,
    challenge: reader.bytes(CHALLENGE_LENGTH, 'challenge'),
    firstFromBmc: reader.u32le('outbound sequence'),
  };
}

export function encodeActivated(activated: Activated): Uint8Array {
  const { authNumber, sessionId, firstToBmc, privilege } = activated;
  return new ByteWriter(10).u8(authNumber).u32le(sessionId).u32le(firstToBmc).u8(privilege).finish();
}
