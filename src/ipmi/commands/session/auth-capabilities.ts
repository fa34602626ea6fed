import { ByteWriter } from '../../../wire/writer.ts';
import { NetFn, THIS_CHANNEL } from '../../numbers.ts';
import { V15_AUTH_NUMBER, type V15Auth } from '../../packet-v15.ts';
import { AppCmd } from '../app/numbers.ts';
import type { Command } from '../command.ts';

export interface AuthCapabilities {
  channel: number;
  /** RMCP+ is spoken. Answers without the IPMI 2.0 fields never say so. */
  v2: boolean;
  /** IPMI 1.5 sessions are spoken, with these authentication types. */
  v15: boolean;
  types: readonly V15Auth[];
  /** Two-key logins: K_g is set on the BMC. Known to lie on some boards, as are the user bits. */
  kgSet: boolean;
  /** Packets after Activate Session are signed too. */
  perMessageAuth: boolean;
}

const V2_FIELDS = 0x80;
const KG_SET = 0x20;
const NO_PER_MESSAGE_AUTH = 0x10;
const NAMED_USERS = 0x04;
const SPEAKS_V2 = 0x02;
const SPEAKS_V15 = 0x01;

/**
 * Get Channel Authentication Capabilities (§22.13), sent before a session and framed as IPMI 1.5.
 * @param v2 ask for the IPMI 2.0 fields; some old BMCs refuse that bit
 */
export function getAuthCapabilities(privilege: number, v2 = true): Command<AuthCapabilities> {
  return {
    name: 'Get Channel Authentication Capabilities',
    netFn: NetFn.app,
    cmd: AppCmd.getChannelAuthCapabilities,
    data: Uint8Array.of((v2 ? V2_FIELDS : 0) | THIS_CHANNEL, privilege),
    idempotent: true,
    parse(reader) {
      const channel = reader.u8('channel');
      const bits = reader.u8('authentication types');
      const status = reader.u8('authentication status');
      const extended = (bits & V2_FIELDS) !== 0 ? reader.u8('extended capabilities') : SPEAKS_V15;
      const all = Object.entries(V15_AUTH_NUMBER) as [V15Auth, number][];
      return {
        channel,
        v2: (extended & SPEAKS_V2) !== 0,
        v15: (extended & SPEAKS_V15) !== 0,
        types: all.filter(([, n]) => ((bits >> n) & 1) === 1).map(([name]) => name),
        kgSet: (status & KG_SET) !== 0,
        perMessageAuth: (status & NO_PER_MESSAGE_AUTH) === 0,
      };
    },
  };
}

/** Answer to Get Channel Authentication Capabilities of a BMC that has named users. @param v2Asked with the 2.0 fields */
export function encodeAuthCapabilities(capabilities: AuthCapabilities, v2Asked: boolean): Uint8Array {
  const { channel, v2, v15, types, kgSet, perMessageAuth } = capabilities;
  const bits = types.reduce((sum, type) => sum | (1 << V15_AUTH_NUMBER[type]), 0);
  return new ByteWriter(8)
    .u8(channel)
    .u8(bits | (v2Asked ? V2_FIELDS : 0))
    .u8(NAMED_USERS | (kgSet ? KG_SET : 0) | (perMessageAuth ? 0 : NO_PER_MESSAGE_AUTH))
    .u8(v2Asked ? (v2 ? SPEAKS_V2 : 0) | (v15 ? SPEAKS_V15 : 0) : 0)
    .u24le(0)
    .u8(0)
    .finish();
}
