import type { JsonObject } from './calls.ts';
import { textAt } from './json.ts';

/** How families of BMCs depart from the specification, as data. The services act on it; `ingot.dev/bmc-quirks` changes it. */

/** Each quirk and what a service does about it. Names are an interface: people write them into annotations. */
export const REDFISH_QUIRKS = {
  'boot-full': 'every boot override is sent as Target, Enabled and Mode together',
  'boot-without-mode': 'Mode is never sent with a boot override',
  'boot-once-only': 'an override that stays is not asked for: Once, set again before each start',
  'boot-reads-continuous': 'an override for one start reads back as Continuous',
  'http-reads-cd': 'UEFI HTTP boot is done with a virtual CD and reads back as one',
  'boot-resync-mode': 'a boot override changes the boot mode, which is then set again',
  'cd-is-usb-cd': 'the virtual CD is UsbCd, not Cd',
  'no-boot-mode': 'the boot mode cannot be changed by Redfish',
  'boot-mode-pending': 'the boot mode is changed by a BIOS job: at the next start of the machine',
} as const satisfies Record<string, string>;

export type RedfishQuirk = keyof typeof REDFISH_QUIRKS;

interface Row {
  /** As `ingot bmc info` shows it. */
  vendor: string;
  /** Of ServiceRoot.Vendor, or where that is missing, ComputerSystem.Manufacturer. */
  maker: RegExp;
  /** Of ComputerSystem.Model. */
  model?: RegExp;
  /** Models of this maker to which it does not apply. */
  except?: RegExp;
  quirks: Partial<Record<RedfishQuirk, string>>;
}

/** All rows that match apply. The text behind each quirk is its evidence. */
const ROWS: readonly Row[] = [
  {
    vendor: 'Supermicro',
    maker: /supermicro/i,
    quirks: { 'boot-resync-mode': 'ironic redfish/management.py: the boot mode is reset by a boot override' },
  },
  {
    vendor: 'Supermicro',
    maker: /supermicro/i,
    except: /ars-111gl-nhr/i,
    quirks: { 'cd-is-usb-cd': 'ironic redfish/boot.py: UsbCd on Supermicro but ARS-111GL-NHR' },
  },
  { vendor: 'AMI', maker: /^ami\b|american megatrends/i, quirks: { 'boot-full': 'ironic redfish/management.py: AMI' } },
  { vendor: 'ASRockRack', maker: /asrock/i, quirks: { 'boot-full': 'ironic redfish/management.py: ASRockRack' } },
  {
    vendor: 'Lenovo',
    maker: /lenovo/i,
    quirks: { 'boot-once-only': 'bmclib lenovo/boot.go: XCC refuses Continuous (PropertyValueNotInList)' },
  },
  { vendor: 'HPE', maker: /^hpe?\b|hewlett/i, quirks: {} },
  {
    vendor: 'HPE',
    maker: /^hpe?\b|hewlett/i,
    model: /dl160 gen10\b/i,
    quirks: { 'boot-without-mode': 'bmclib redfishwrapper/boot_device.go: DL160 Gen10 refuses the whole Boot object' },
  },
  {
    vendor: 'HPE',
    maker: /^hpe?\b|hewlett/i,
    model: /gen9\b/i,
    quirks: { 'no-boot-mode': 'ironic redfish/management.py: Gen9 cannot' },
  },
  {
    vendor: 'Dell',
    maker: /dell/i,
    quirks: { 'boot-mode-pending': 'ironic conf/redfish.py boot_mode_config_timeout: a BIOS job and a restart' },
  },
  {
    vendor: 'sushy-tools',
    maker: /sushy emulator/i,
    quirks: {
      'boot-reads-continuous': 'sushy-tools 2.2.0: the template of the System has it fixed',
      'http-reads-cd': 'sushy-tools 2.2.0, libvirt: it downloads HttpBootUri, inserts it and reads back Cd',
    },
  },
];

export interface Personality {
  /** Undefined: none that we know of. */
  vendor: string | undefined;
  quirks: ReadonlySet<RedfishQuirk>;
}

/**
 * What is known of this BMC.
 * @param changes names to add, or with a `-` before them to leave out; names of other protocols are not for us
 */
export function personalityOf(
  root: JsonObject | undefined,
  system: JsonObject,
  changes: readonly string[] = [],
): Personality {
  const makers = [textAt(root, 'Vendor'), textAt(system, 'Manufacturer')].filter((m) => m !== undefined);
  const model = textAt(system, 'Model') ?? '';
  const rows = ROWS.filter(
    (row) =>
      makers.some((m) => row.maker.test(m)) &&
      (row.model === undefined || row.model.test(model)) &&
      row.except?.test(model) !== true,
  );
  const quirks = new Set(rows.flatMap((row) => Object.keys(row.quirks).filter(isQuirk)));
  for (const change of changes) {
    const name = change.replace(/^-/, '');
    if (!isQuirk(name)) continue;
    if (change.startsWith('-')) quirks.delete(name);
    else quirks.add(name);
  }
  return { vendor: rows[0]?.vendor, quirks };
}

export function isQuirk(name: string): name is RedfishQuirk {
  return Object.hasOwn(REDFISH_QUIRKS, name);
}
