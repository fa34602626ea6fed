import { ByteReader } from '../../wire/reader.ts';
import { ByteWriter } from '../../wire/writer.ts';
import { NetFn } from '../numbers.ts';
import { type Command, query } from './command.ts';

/** Commands of network function Transport (§23). */
export const LanCmd = { getConfig: 0x02 } as const;

/** LAN configuration parameters (§23.2, table 23-4) that are read. */
export const LanParameter = {
  setInProgress: 0,
  authSupport: 1,
  authEnables: 2,
  address: 3,
  source: 4,
  mac: 5,
  netmask: 6,
  ipHeader: 7,
  arpControl: 10,
  arpInterval: 11,
  gateway: 12,
  gatewayMac: 13,
  backupGateway: 14,
  backupGatewayMac: 15,
  community: 16,
  vlan: 20,
  vlanPriority: 21,
  suiteCount: 22,
  suites: 23,
  suitePrivileges: 24,
  badPassword: 26,
} as const;

const REVISION = 0x11;

/** Get LAN Configuration Parameters (§23.2). @returns the data after the revision */
export function getLanConfig(channel: number, parameter: number): Command<Uint8Array> {
  const data = Uint8Array.of(channel, parameter, 0, 0);
  return query(`Get LAN Configuration Parameter ${parameter}`, NetFn.transport, LanCmd.getConfig, data, (reader) => {
    reader.skip(1, 'revision');
    return reader.rest();
  });
}

/** @throws WIRE_SHORT */
export function decodeGetLanConfig(data: Uint8Array): { channel: number; parameter: number; revisionOnly: boolean } {
  const reader = new ByteReader(data);
  const channel = reader.u8('channel');
  return { channel: channel & 0x0f, parameter: reader.u8('parameter'), revisionOnly: (channel & 0x80) !== 0 };
}

/** Answer to Get LAN Configuration Parameters. */
export function encodeLanConfig(data: Uint8Array): Uint8Array {
  return new ByteWriter(data.length + 1).u8(REVISION).bytes(data).finish();
}

/** Where the address comes from (parameter 4). */
const SOURCES = ['unspecified', 'static', 'dhcp', 'bios', 'other'] as const;

export type AddressSource = (typeof SOURCES)[number];

export function addressSource(byte: number): AddressSource {
  return SOURCES[byte & 0x0f] ?? 'other';
}

export function addressSourceByte(source: AddressSource): number {
  return SOURCES.indexOf(source);
}
