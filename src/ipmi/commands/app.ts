import type { ByteReader } from '../../wire/reader.ts';
import { ByteWriter } from '../../wire/writer.ts';
import { NetFn, THIS_CHANNEL } from '../numbers.ts';
import { V15_AUTH_NUMBER, type V15Auth } from '../packet-v15.ts';
import { type Command, NO_DATA, order, query } from './command.ts';

/** Commands of network function App (§20, §22). */
export const AppCmd = {
  getDeviceId: 0x01,
  coldReset: 0x02,
  warmReset: 0x03,
  getDeviceGuid: 0x08,
  getSystemGuid: 0x37,
  getChannelAuthCapabilities: 0x38,
  getSessionChallenge: 0x39,
  activateSession: 0x3a,
  setSessionPrivilege: 0x3b,
  closeSession: 0x3c,
  getSessionInfo: 0x3d,
  getChannelAccess: 0x41,
  getChannelInfo: 0x42,
  getUserAccess: 0x44,
  getUserName: 0x46,
  getChannelCipherSuites: 0x54,
} as const;

export interface DeviceId {
  deviceId: number;
  deviceRevision: number;
  /** "9.08": major in binary, minor in BCD. */
  firmwareVersion: string;
  /** Firmware or self initialization in progress (§20.1 byte 4 bit 7). */
  updating: boolean;
  /** "2.0". */
  ipmiVersion: string;
  /** Bits of §20.1 byte 7: 0 sensors, 1 SDR repository, 2 SEL, 3 FRU, 7 chassis. */
  support: number;
  /** IANA enterprise number. */
  manufacturerId: number;
  productId: number;
}

/** Get Device ID (§20.1). Also the keep-alive of a session. */
export function getDeviceId(): Command<DeviceId> {
  return {
    name: 'Get Device ID',
    netFn: NetFn.app,
    cmd: AppCmd.getDeviceId,
    data: NO_DATA,
    idempotent: true,
    parse: readDeviceId,
  };
}

function readDeviceId(reader: ByteReader): DeviceId {
  const deviceId = reader.u8('device id');
  const deviceRevision = reader.u8('device revision') & 0x0f;
  const major = reader.u8('firmware major');
  const minor = reader.u8('firmware minor');
  const version = reader.u8('IPMI version');
  const support = reader.u8('device support');
  return {
    deviceId,
    deviceRevision,
    firmwareVersion: `${major & 0x7f}.${minor.toString(16).padStart(2, '0')}`,
    updating: (major & 0x80) !== 0,
    ipmiVersion: `${version & 0x0f}.${version >> 4}`,
    support,
    // Auxiliary firmware bytes may follow: none, three (14 bytes in all) or four. Nothing depends on them.
    manufacturerId: reader.u24le('manufacturer id') & 0xfffff,
    productId: reader.u16le('product id'),
  };
}

/** What a virtual BMC says about itself; what is left out is 0. */
export type DeviceIdentity = Pick<DeviceId, 'deviceId' | 'manufacturerId' | 'productId'> & Partial<DeviceId>;

const CHASSIS_DEVICE = 0x80;

/** Answer to Get Device ID: IPMI 2.0, chassis device, auxiliary revision 0. */
export function encodeDeviceId(identity: DeviceIdentity): Uint8Array {
  const id: DeviceId = {
    deviceRevision: 0,
    firmwareVersion: '0.00',
    updating: false,
    ipmiVersion: '2.0',
    support: CHASSIS_DEVICE,
    ...identity,
  };
  const [whole = 0, part = 0] = id.ipmiVersion.split('.').map(Number);
  const [major = '0', minor = '0'] = id.firmwareVersion.split('.');
  return new ByteWriter(16)
    .u8(id.deviceId)
    .u8(id.deviceRevision & 0x0f)
    .u8((Number.parseInt(major, 10) & 0x7f) | (id.updating ? 0x80 : 0))
    .u8(Number.parseInt(minor, 16) & 0xff)
    .u8((whole & 0x0f) | ((part & 0x0f) << 4))
    .u8(id.support & 0xff)
    .u24le(id.manufacturerId)
    .u16le(id.productId)
    .u32le(0)
    .finish();
}

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

/** Get Channel Cipher Suites (§22.15): part `index`, 16 bytes each, of the suite records; a shorter one is the last. */
export function getChannelCipherSuites(index: number): Command<Uint8Array> {
  return {
    name: 'Get Channel Cipher Suites',
    netFn: NetFn.app,
    cmd: AppCmd.getChannelCipherSuites,
    data: Uint8Array.of(THIS_CHANNEL, 0, 0x80 | index),
    idempotent: true,
    parse(reader) {
      reader.skip(1, 'channel');
      return reader.rest();
    },
  };
}

/** Set Session Privilege Level (§22.18). Answers the level now in force. */
export function setSessionPrivilege(level: number): Command<number> {
  return {
    name: 'Set Session Privilege Level',
    netFn: NetFn.app,
    cmd: AppCmd.setSessionPrivilege,
    data: Uint8Array.of(level),
    idempotent: true,
    parse: (reader) => reader.u8('privilege level') & 0x0f,
  };
}

/** Close Session (§22.19). @param bmcSessionId the session to end */
export function closeSession(bmcSessionId: number): Command<void> {
  return {
    name: 'Close Session',
    netFn: NetFn.app,
    cmd: AppCmd.closeSession,
    data: new ByteWriter(4).u32le(bmcSessionId).finish(),
    idempotent: true,
    parse: () => undefined,
  };
}

const readGuid = (reader: ByteReader): Uint8Array => reader.bytes(16, 'GUID');

/** Get System GUID (§22.14). */
export function getSystemGuid(): Command<Uint8Array> {
  return query('Get System GUID', NetFn.app, AppCmd.getSystemGuid, NO_DATA, readGuid);
}

/** Get Device GUID (§20.8): of the BMC itself, while the system GUID is of the machine. */
export function getDeviceGuid(): Command<Uint8Array> {
  return query('Get Device GUID', NetFn.app, AppCmd.getDeviceGuid, NO_DATA, readGuid);
}

/** Cold or warm reset of the BMC (§20.2, §20.3). Its answer may never come, and minutes of silence follow. */
export function resetBmc(kind: 'cold' | 'warm'): Command<void> {
  const cmd = kind === 'cold' ? AppCmd.coldReset : AppCmd.warmReset;
  return { ...order(`${kind === 'cold' ? 'Cold' : 'Warm'} Reset`, NetFn.app, cmd, NO_DATA), idempotent: false };
}
