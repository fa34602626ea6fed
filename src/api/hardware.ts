/** HardwareDetails of metal3-compat §6. Keys are omitted when empty, false or zero, except systemVendor, firmware, cpu. */
export interface HardwareDetails {
  systemVendor: { manufacturer?: string; productName?: string; serialNumber?: string };
  firmware: { bios: { vendor?: string; version?: string; date?: string } };
  ramMebibytes?: number;
  nics?: HardwareNic[];
  storage?: HardwareStorage[];
  cpu: { arch?: string; model?: string; clockMegahertz?: number; flags?: string[]; count?: number };
  hostname?: string;
}

export interface HardwareNic {
  name?: string;
  /** PCI vendor and device, `0x8086 0x1572`. */
  model?: string;
  mac?: string;
  /** One entry per interface and address family. */
  ip?: string;
  speedGbps?: number;
  pxe?: boolean;
  pciAddress?: string;
  vlanId?: number;
  vlans?: { id?: number; name?: string }[];
  lldp?: { switchID?: string; portID?: string; switchSystemName?: string };
}

export interface HardwareStorage {
  /** The by-path link when there is one, else the kernel name. */
  name?: string;
  alternateNames?: string[];
  rotational?: boolean;
  type?: 'HDD' | 'SSD' | 'NVME';
  sizeBytes?: number;
  vendor?: string;
  model?: string;
  serialNumber?: string;
  wwn?: string;
  wwnVendorExtension?: string;
  wwnWithExtension?: string;
  hctl?: string;
}

/** All given hints must match (metal3-compat §4.4). */
export interface RootDeviceHints {
  deviceName?: string;
  hctl?: string;
  model?: string;
  vendor?: string;
  serialNumber?: string;
  minSizeGigabytes?: number;
  wwn?: string;
  wwnWithExtension?: string;
  wwnVendorExtension?: string;
  rotational?: boolean;
}
