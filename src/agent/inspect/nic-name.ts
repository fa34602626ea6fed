/**
 * The name udev would give a network card (systemd.net-naming-scheme(7): onboard, slot, path). The ramdisk has no udev
 * and its kernel names follow the order in which drivers loaded; what is reported must be the same at every boot and the
 * same that other ramdisks and most installed systems use.
 */
export interface NicPlace {
  /** `0000:3b:00.1` */
  pciAddress: string;
  /** More than one function at this PCI device. */
  multifunction: boolean;
  /** Index the firmware gives onboard cards (`acpi_index`, else SMBIOS `index`). */
  onboardIndex?: number;
  /** Number of the hot-plug slot the device sits in. */
  slot?: number;
  /** `phys_port_name`: `p0`. */
  portName?: string;
  /** `dev_port`: several ports behind one PCI function. */
  devPort?: number;
}

/** systemd takes larger ones for firmware mistakes. */
const MAX_ONBOARD_INDEX = 16383;
/** IFNAMSIZ without the final NUL. */
const MAX_NAME = 15;

/** The predictable name; undefined when none can be made that the kernel would accept. */
export function predictableName(place: NicPlace): string | undefined {
  const match = /^([0-9a-f]{4}):([0-9a-f]{2}):([0-9a-f]{2})\.([0-7])$/.exec(place.pciAddress);
  if (match === null) return undefined;
  const [domain = 0, bus = 0, device = 0, fn = 0] = match.slice(1).map((hex) => Number.parseInt(hex, 16));
  const prefix = domain > 0 ? `P${domain}` : '';
  const suffix = `${fn > 0 || place.multifunction ? `f${fn}` : ''}${portSuffix(place)}`;
  const { onboardIndex = 0, slot = 0 } = place;
  const candidates = [
    onboardIndex > 0 && onboardIndex <= MAX_ONBOARD_INDEX ? `eno${onboardIndex}${portSuffix(place)}` : undefined,
    slot > 0 ? `en${prefix}s${slot}${suffix}` : undefined,
    `en${prefix}p${bus}s${device}${suffix}`,
  ];
  return candidates.find((name) => name !== undefined && name.length <= MAX_NAME);
}

function portSuffix({ portName, devPort = 0 }: NicPlace): string {
  if (portName !== undefined) return `n${portName}`;
  return devPort > 0 ? `d${devPort}` : '';
}
