import type { HardwareNic } from '../../api/hardware.ts';
import { isMac } from '../../wire/mac.ts';
import { optional } from './system.ts';
import { type Tree, byNaturalName, readNumber, readText } from './tree.ts';

/** One network card. */
export interface NicFacts {
  name: string;
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
  for (const name of (await tree.list('/sys/class/net')).sort(byNaturalName)) {
    const dir = `/sys/class/net/${name}`;
    const device = await tree.real(`${dir}/device`);
    const mac = (await readText(tree, `${dir}/address`))?.toLowerCase();
    const type = await readNumber(tree, `${dir}/type`);
    if (device === undefined || mac === undefined || !isMac(mac) || type !== ARPHRD_ETHER) continue;
    const vendor = await readText(tree, `${dir}/device/vendor`);
    const product = await readText(tree, `${dir}/device/device`);
    const speed = await readNumber(tree, `${dir}/speed`);
    found.push({
      name,
      mac,
      ...optional('model', vendor === undefined ? undefined : `${vendor} ${product ?? ''}`.trim()),
      ...optional('pciAddress', pciAddressOf(device)),
      // -1: no link, or a card that has no such thing.
      ...optional('speedMbps', speed !== undefined && speed > 0 ? speed : undefined),
    });
  }
  return found;
}

/** The PCI function nearest to a device in its sysfs path. */
export function pciAddressOf(path: string): string | undefined {
  return path.split('/').findLast((part) => PCI_ADDRESS.test(part));
}

/** Addresses by interface name, as `os.networkInterfaces()` gives them. */
export type Addresses = Record<string, { family: string; address: string }[] | undefined>;

/** Usable addresses of one card, IPv4 first. Link-local ones exist on every card and lead nowhere. */
export function usableAddresses(addresses: Addresses, name: string): string[] {
  const all = (addresses[name] ?? []).filter((a) => !/^(fe80:|169\.254\.)/i.test(a.address));
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
    const usable = usableAddresses(addresses, nic.name);
    const oneEach = [usable.find((a) => !a.includes(':')), usable.find((a) => a.includes(':'))];
    const ips = oneEach.filter((ip) => ip !== undefined);
    return ips.length === 0 ? [common] : ips.map((ip) => Object.assign({}, common, { ip }));
  });
}
