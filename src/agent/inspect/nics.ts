import type { HardwareNic } from '../../api/hardware.ts';
import { isMac } from '../../wire/mac.ts';
import { type NicPlace, predictableName } from './nic-name.ts';
import { optional } from './system.ts';
import { type Tree, byNaturalName, readNumber, readText } from './tree.ts';

/** One network card. */
export interface NicFacts {
  /** As udev would call it; the kernel's name when there is no such name. */
  name: string;
  /** The name it has in this ramdisk. */
  kernelName: string;
  mac: string;
  /** PCI (or virtio) vendor and device: `0x8086 0x1572`. */
  model?: string;
  pciAddress?: string;
  speedMbps?: number;
}

export const PCI_ADDRESS = /^[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$/;
const ARPHRD_ETHER = 1;

/** Every Ethernet card of the machine: bridges, bonds and other things made of software have no device behind them. */
export async function readNics(tree: Tree): Promise<NicFacts[]> {
  const found: NicFacts[] = [];
  const slots = await readSlots(tree);
  for (const kernelName of await tree.list('/sys/class/net')) {
    const dir = `/sys/class/net/${kernelName}`;
    const device = await tree.real(`${dir}/device`);
    const mac = (await readText(tree, `${dir}/address`))?.toLowerCase();
    const type = await readNumber(tree, `${dir}/type`);
    if (device === undefined || mac === undefined || !isMac(mac) || type !== ARPHRD_ETHER) continue;
    const vendor = await readText(tree, `${dir}/device/vendor`);
    const product = await readText(tree, `${dir}/device/device`);
    const speed = await readNumber(tree, `${dir}/speed`);
    const pciAddress = pciAddressOf(device);
    const place = pciAddress === undefined ? undefined : await readPlace(tree, dir, device, pciAddress, slots);
    found.push({
      name: (place === undefined ? undefined : predictableName(place)) ?? kernelName,
      kernelName,
      mac,
      ...optional('model', vendor === undefined ? undefined : `${vendor} ${product ?? ''}`.trim()),
      ...optional('pciAddress', pciAddress),
      // -1: no link, or a card that has no such thing.
      ...optional('speedMbps', speed !== undefined && speed > 0 ? speed : undefined),
    });
  }
  return found.sort((a, b) => byNaturalName(a.name, b.name));
}

/** Hot-plug slots: PCI device (without the function) → slot number. Only slots with a plain number name a card. */
async function readSlots(tree: Tree): Promise<Map<string, number>> {
  const slots = new Map<string, number>();
  for (const name of await tree.list('/sys/bus/pci/slots')) {
    const address = await readText(tree, `/sys/bus/pci/slots/${name}/address`);
    if (address !== undefined && /^[1-9]\d{0,4}$/.test(name)) slots.set(address, Number(name));
  }
  return slots;
}

/** @param device real path of the card's device: below the PCI function for virtio cards */
async function readPlace(
  tree: Tree,
  dir: string,
  device: string,
  pciAddress: string,
  slots: ReadonlyMap<string, number>,
): Promise<NicPlace> {
  const pci = device.slice(0, device.lastIndexOf(pciAddress) + pciAddress.length);
  const config = await tree.bytes(`${pci}/config`);
  const onboardIndex = (await readNumber(tree, `${pci}/acpi_index`)) ?? (await readNumber(tree, `${pci}/index`));
  return {
    pciAddress,
    // Bit 7 of the header type (PCI 3.0 §6.2.1).
    multifunction: ((config?.[0x0e] ?? 0) & 0x80) !== 0,
    ...optional('onboardIndex', onboardIndex),
    ...optional('slot', slots.get(pciAddress.slice(0, pciAddress.lastIndexOf('.')))),
    ...optional('portName', await readText(tree, `${dir}/phys_port_name`)),
    ...optional('devPort', await readNumber(tree, `${dir}/dev_port`)),
  };
}

/** The PCI function nearest to a device in its sysfs path. */
export function pciAddressOf(path: string): string | undefined {
  return path.split('/').findLast((part) => PCI_ADDRESS.test(part));
}

/** Addresses by interface name, as `os.networkInterfaces()` gives them. */
export type Addresses = Record<string, { family: string; address: string }[] | undefined>;

/** Usable addresses of one card, IPv4 first. Link-local ones exist on every card and lead nowhere. */
export function usableAddresses(addresses: Addresses, kernelName: string): string[] {
  const all = (addresses[kernelName] ?? []).filter((a) => !/^(fe80:|169\.254\.)/i.test(a.address));
  return [...all.filter((a) => a.family === 'IPv4'), ...all.filter((a) => a.family === 'IPv6')].map((a) => a.address);
}

/**
 * HardwareDetails entries (metal3-compat §6): one a card and address family, IPv4 first; one without an address when the
 * card has none.
 * @param bootMac MAC of the card the ramdisk was booted from
 */
export function nicDetails(
  nics: readonly NicFacts[],
  addresses: Addresses,
  bootMac: string | undefined,
): HardwareNic[] {
  return nics.flatMap((nic) => {
    const gbps = Math.floor((nic.speedMbps ?? 0) / 1000);
    const common: HardwareNic = {
      name: nic.name,
      ...optional('model', nic.model),
      mac: nic.mac,
      ...optional('speedGbps', gbps > 0 ? gbps : undefined),
      ...optional('pxe', nic.mac === bootMac ? true : undefined),
      ...optional('pciAddress', nic.pciAddress),
    };
    const usable = usableAddresses(addresses, nic.kernelName);
    const oneEach = [usable.find((a) => !a.includes(':')), usable.find((a) => a.includes(':'))];
    const ips = oneEach.filter((ip) => ip !== undefined);
    return ips.length === 0 ? [common] : ips.map((ip) => Object.assign({}, common, { ip }));
  });
}
