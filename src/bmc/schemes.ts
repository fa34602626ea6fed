/** Address schemes of Metal3 (metal3-compat §3.1) as data. */
export type BmcDriver = 'ipmi' | 'redfish';

export interface BmcScheme {
  driver: BmcDriver;
  /** How the machine is told to boot the ramdisk. */
  boot: 'ipxe' | 'virtual-media' | 'uefi-http';
  /** bootMACAddress is needed whatever else is known. */
  needsBootMac: boolean;
}

const ipmi = (needsBootMac: boolean): BmcScheme => ({ driver: 'ipmi', boot: 'ipxe', needsBootMac });
const redfish = (boot: BmcScheme['boot']): BmcScheme => ({ driver: 'redfish', boot, needsBootMac: false });

export const SCHEMES: Readonly<Record<string, BmcScheme>> = {
  ipmi: ipmi(false),
  libvirt: ipmi(true),
  redfish: redfish('ipxe'),
  'ilo5-redfish': redfish('ipxe'),
  'idrac-redfish': redfish('ipxe'),
  'redfish-virtualmedia': redfish('virtual-media'),
  'ilo5-virtualmedia': redfish('virtual-media'),
  'idrac-virtualmedia': redfish('virtual-media'),
  'redfish-uefihttp': redfish('uefi-http'),
};

/** Schemes that Metal3 had once, and their drivers; manifests with them are still around. */
export const REMOVED_SCHEMES: ReadonlyMap<string, string> = new Map([
  ['idrac', 'idrac (WSMAN)'],
  ['ibmc', 'ibmc'],
  ['ilo4', 'ilo4'],
  ['ilo4-virtualmedia', 'ilo4-virtualmedia'],
  ['ilo5', 'ilo5'],
  ['irmc', 'irmc'],
]);
