import { type Pace, DEFAULT_PACE } from '../core/pacer.ts';
import type { DeviceId } from '../ipmi/commands/app/device-id.ts';
import type { WireQuirks } from '../ipmi/wire-quirks.ts';
import type { BootDevice } from './bmc.ts';
import { bmcErrors } from './errors.ts';
import { IPMI_QUIRKS, type QuirkRow } from './quirk-table.ts';

/** How the commands of a family of BMCs are to be used. */
export interface BmcBehaviour {
  /** Selector bytes of boot parameter 5 that this family wants instead of the standard ones, for UEFI. */
  efiSelectors: Partial<Record<BootDevice, number>>;
  /** Flag bytes of boot parameter 5 that this family wants instead of the standard ones, for UEFI. */
  efiFlagBytes: Partial<Record<BootDevice, number>>;
  /** A boot override set while the machine runs reads back as the old one: it applies at the next power on. */
  overrideAppliesAtPowerOn: boolean;
  /** Boot parameter 3 may be written. */
  keepsBootFlags: boolean;
}

export interface IpmiQuirks extends BmcBehaviour {
  /** Names of the rows behind it, for the log. */
  name: string;
}

export const STANDARD: IpmiQuirks = {
  name: 'standard',
  efiSelectors: {},
  efiFlagBytes: {},
  overrideAppliesAtPowerOn: false,
  keepsBootFlags: true,
};

/** What a host's annotation asks for. Those about the wire count before anything is known of the BMC. */
export interface NamedQuirks {
  rows: readonly QuirkRow[];
  /** Not to be had even when the BMC's ids call for them: named with `-` before them. */
  without: readonly QuirkRow[];
  wire: WireQuirks;
  pace: Pace;
}

/**
 * @param names with or without `-` before them
 * @throws BMC_QUIRK_UNKNOWN with the list of those that are known
 */
export function checkQuirkNames(names: readonly string[], known: readonly string[], driver: string): void {
  const unknown = names.find((name) => !known.includes(name.replace(/^-/, '')));
  if (unknown === undefined) return;
  const text = `no ${driver} quirk "${unknown}"; known are ${known.join(', ')}`;
  throw bmcErrors.make('BMC_QUIRK_UNKNOWN', `annotation ingot.dev/bmc-quirks: ${text}`);
}

/**
 * @param names as they stand in the annotation `ingot.dev/bmc-quirks`
 * @throws BMC_QUIRK_UNKNOWN with the list of those that are known
 */
export function namedQuirks(names: readonly string[]): NamedQuirks {
  checkQuirkNames(
    names,
    IPMI_QUIRKS.map((r) => r.name),
    'IPMI',
  );
  const rows = IPMI_QUIRKS.filter((r) => names.includes(r.name));
  const without = IPMI_QUIRKS.filter((r) => names.includes(`-${r.name}`));
  const wire: WireQuirks = Object.assign({}, ...rows.map((r) => r.wire));
  return { rows, without, wire, pace: rows.find((r) => r.pace !== undefined)?.pace ?? DEFAULT_PACE };
}

export const NO_NAMED: NamedQuirks = { rows: [], without: [], wire: {}, pace: DEFAULT_PACE };

/** What fits a BMC by its ids, and what was asked for. */
export function quirksOf(id: DeviceId, named: NamedQuirks = NO_NAMED): IpmiQuirks {
  const fits = (r: QuirkRow) => named.rows.includes(r) || (r.auto?.(id) === true && !named.without.includes(r));
  const rows = IPMI_QUIRKS.filter(fits);
  if (rows.length === 0) return STANDARD;
  const quirks = { ...STANDARD, name: rows.map((r) => r.name).join(', ') };
  return Object.assign(quirks, ...rows.map((r) => r.behaviour));
}

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

export function manufacturerName(id: DeviceId): string {
  return MANUFACTURERS.get(id.manufacturerId) ?? `IANA ${id.manufacturerId}`;
}
