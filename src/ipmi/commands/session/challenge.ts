import { ByteReader } from '../../../wire/reader.ts';
import { ByteWriter } from '../../../wire/writer.ts';
import { NetFn } from '../../numbers.ts';
import { V15_AUTH_NUMBER, type V15Auth } from '../../packet-v15.ts';
import { AppCmd } from '../app/numbers.ts';
import type { Command } from '../command.ts';

const NAME_LENGTH = 16;
export const CHALLENGE_LENGTH = 16;

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
