import type { ByteReader } from '../../../wire/reader.ts';
import { ByteWriter } from '../../../wire/writer.ts';
import { NetFn } from '../../numbers.ts';
import { type Command, NO_DATA } from '../command.ts';
import { AppCmd } from './numbers.ts';

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
