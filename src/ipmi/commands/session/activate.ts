import { ByteReader } from '../../../wire/reader.ts';
import { ByteWriter } from '../../../wire/writer.ts';
import { NetFn } from '../../numbers.ts';
import { AppCmd } from '../app/numbers.ts';
import type { Command } from '../command.ts';
import { CHALLENGE_LENGTH } from './challenge.ts';

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
