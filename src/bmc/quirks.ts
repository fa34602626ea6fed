import type { DeviceId } from '../ipmi/commands/app.ts';
import type { BootDevice } from './bmc.ts';

/** How a family of BMCs departs from the specification. Data only; the drivers act on it. */
export interface IpmiQuirks {
  name: string;
  /** Selector bytes of boot parameter 5 that this family wants instead of the standard ones, for UEFI. */
  efiSelectors: Partial<Record<BootDevice, number>>;
  /** A boot override set while the machine runs reads back as the old one: it applies at the next power on. */
  overrideAppliesAtPowerOn: boolean;
}

export const STANDARD: IpmiQuirks = { name: 'standard', efiSelectors: {}, overrideAppliesAtPowerOn: false };

const SUPERMICRO: IpmiQuirks = { ...STANDARD, name: 'supermicro', efiSelectors: { disk: 0x24 } };
/** virtualbmc: all ids of Get Device ID are zero. */
const VIRTUALBMC: IpmiQuirks = { ...STANDARD, name: 'virtualbmc', overrideAppliesAtPowerOn: true };

const BY_MANUFACTURER: ReadonlyMap<number, IpmiQuirks> = new Map([
  [10876, SUPERMICRO],
  [47488, SUPERMICRO],
]);

const MANUFACTURERS: ReadonlyMap<number, string> = new Map([
  [2, 'IBM'],
  [11, 'HP'],
  [343, 'Intel'],
  [674, 'Dell'],
  [2011, 'Huawei'],
  [4753, 'OpenIPMI'],
  [5703, 'NVIDIA'],
  [5771, 'Cisco'],
  [7244, 'Quanta'],
  [10368, 'Fujitsu'],
  [10876, 'Supermicro'],
  [19046, 'Lenovo'],
  [42817, 'OpenBMC'],
  [47196, 'HPE'],
  [47488, 'Supermicro'],
  [49871, 'OpenBMC'],
]);

export function quirksOf(id: DeviceId): IpmiQuirks {
  if (id.manufacturerId === 0 && id.productId === 0 && id.deviceId === 0) return VIRTUALBMC;
  return BY_MANUFACTURER.get(id.manufacturerId) ?? STANDARD;
}

export function manufacturerName(id: DeviceId): string {
  return MANUFACTURERS.get(id.manufacturerId) ?? `IANA ${id.manufacturerId}`;
}
