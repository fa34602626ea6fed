import { type Ipv4, type Subnet, formatIpv4, inSubnet, prefixMask } from '../wire/ipv4.ts';
import {
  type AddressRange,
  type DhcpInterface,
  type DhcpSubnet,
  type Reservation,
  SUBNET_DEFAULTS,
  subnetText,
} from './config.ts';
import { dhcpErrors } from './errors.ts';

/** What is said about a subnet; everything but its address has a default. */
export type SubnetWish = Pick<DhcpSubnet, 'subnet'> & Partial<DhcpSubnet>;

/** What may be said of all subnets at once. */
export type SubnetOptions = Partial<Pick<DhcpSubnet, 'dns' | 'domain' | 'leaseSeconds'>>;

/** What people configure. Ranges, reservations and routers belong to whatever subnet they lie in. */
export interface NetworkWishes {
  ranges: readonly AddressRange[];
  reservations: readonly Reservation[];
  routers: readonly Ipv4[];
  /** Subnets written down one by one: interfaces' own, and those behind relays. */
  subnets: readonly SubnetWish[];
  /** For subnets that say nothing of it. */
  defaults: SubnetOptions;
  /** For every subnet, whatever it says. */
  everywhere: SubnetOptions;
}

export const NO_WISHES: NetworkWishes = {
  ranges: [],
  reservations: [],
  routers: [],
  subnets: [],
  defaults: {},
  everywhere: {},
};

/**
 * The subnets to serve: those written down, and the network of every interface that none of them is about. Pure.
 * @throws DHCP_CONFIG for what lies in no subnet, and for a subnet that an interface knows by another prefix length
 */
export function planSubnets(wishes: NetworkWishes, interfaces: readonly DhcpInterface[]): DhcpSubnet[] {
  const whole = (s: SubnetWish): DhcpSubnet => ({ ...SUBNET_DEFAULTS, ...wishes.defaults, ...s, ...wishes.everywhere });
  const written = wishes.subnets.map(whole);
  for (const iface of interfaces) {
    const subnet = subnetOf(iface);
    const held = written.find((s) => inSubnet(iface.address, s.subnet));
    if (held === undefined) written.push(whole({ subnet }));
    else if (held.subnet.prefix !== subnet.prefix) {
      fail(`subnet ${subnetText(held.subnet)} is not the network of interface ${iface.name}, ${subnetText(subnet)}`);
    }
  }
  const among = written.map((s) => subnetText(s.subnet)).join(', ');
  const home = (what: string, ip: Ipv4): number => {
    const index = written.findIndex((s) => inSubnet(ip, s.subnet));
    return index >= 0 ? index : fail(`${what} is in none of the networks served: ${among || 'there are none'}`);
  };
  const ranges = grouped(wishes.ranges, (r) => home(`range ${formatIpv4(r.from)}-${formatIpv4(r.to)}`, r.from));
  const reservations = grouped(wishes.reservations, (r) =>
    home(`address ${formatIpv4(r.address)}, reserved for ${r.mac},`, r.address),
  );
  const routers = grouped(wishes.routers, (r) => home(`router ${formatIpv4(r)}`, r));
  return written.map((subnet, i) => {
    const [router, another] = routers.get(i) ?? [];
    if (another !== undefined) fail(`${subnetText(subnet.subnet)} has two routers; machines use one`);
    return {
      ...subnet,
      ...(router === undefined ? {} : { router }),
      ranges: ranges.get(i) ?? subnet.ranges,
      reservations: reservations.has(i) ? merged(subnet.reservations, reservations.get(i) ?? []) : subnet.reservations,
    };
  });
}

/** Is the subnet reached through relays only? */
export function isRelayed(subnet: DhcpSubnet, interfaces: readonly DhcpInterface[]): boolean {
  return !interfaces.some((i) => inSubnet(i.address, subnet.subnet));
}

function subnetOf(iface: DhcpInterface): Subnet {
  return { network: (iface.address & prefixMask(iface.prefix)) >>> 0, prefix: iface.prefix };
}

/** A reservation given later replaces the one that the same machine had. */
function merged(before: readonly Reservation[], later: readonly Reservation[]): Reservation[] {
  const renewed = new Set(later.map((r) => r.mac.toLowerCase()));
  return [...before.filter((r) => !renewed.has(r.mac.toLowerCase())), ...later];
}

function grouped<T>(items: readonly T[], indexOf: (item: T) => number): Map<number, T[]> {
  const groups = new Map<number, T[]>();
  for (const item of items) {
    const index = indexOf(item);
    groups.set(index, [...(groups.get(index) ?? []), item]);
  }
  return groups;
}

function fail(message: string): never {
  throw dhcpErrors.make('DHCP_CONFIG', message);
}
