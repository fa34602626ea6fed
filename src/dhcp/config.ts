import { type Ipv4, type Subnet, broadcastOf, formatIpv4, inSubnet } from '../wire/ipv4.ts';
import { normalizeMac } from '../wire/mac.ts';
import { dhcpErrors } from './errors.ts';

/** A network interface requests arrive on, with the address we answer from. */
export interface DhcpInterface {
  name: string;
  address: Ipv4;
  /** Prefix length of the interface's network. */
  prefix: number;
}

export interface AddressRange {
  from: Ipv4;
  /** Inclusive. */
  to: Ipv4;
}

export interface Reservation {
  mac: string;
  address: Ipv4;
  hostname?: string;
}

/** One network machines get addresses of: an interface's own, or one behind a relay. */
export interface DhcpSubnet {
  subnet: Subnet;
  /** May be empty: then only reservations are served. */
  ranges: readonly AddressRange[];
  reservations: readonly Reservation[];
  /** Option 3; none is sent when undefined, since a wrong gateway is worse than none. */
  router?: Ipv4;
  dns: readonly Ipv4[];
  ntp: readonly Ipv4[];
  domain?: string;
  /** Option 26, bytes. */
  mtu?: number;
  leaseSeconds: number;
}

export interface DhcpConfig {
  /** `server` gives addresses; `proxy` only boot information, next to somebody else's DHCP server. */
  mode: 'server' | 'proxy';
  subnets: readonly DhcpSubnet[];
  /**
   * We know every machine we answer to, so a wrong address is refused at once instead of waiting for the client to give
   * up. False: only what our own lease book contradicts is refused.
   */
  authoritative: boolean;
  /** An offer is kept this long for the client to accept it, s. */
  offerSeconds: number;
  /** An address reported in use by somebody else is left alone this long, s. */
  declineSeconds: number;
}

export const DHCP_DEFAULTS = {
  mode: 'server',
  authoritative: true,
  offerSeconds: 60,
  declineSeconds: 600,
} as const;

export const SUBNET_DEFAULTS = { ranges: [], reservations: [], dns: [], ntp: [], leaseSeconds: 3600 } as const;

/** A checked subnet with its reservations indexed. */
export interface IndexedSubnet extends DhcpSubnet {
  byMac: ReadonlyMap<string, Reservation>;
  byAddress: ReadonlyMap<Ipv4, Reservation>;
}

export interface CheckedConfig extends DhcpConfig {
  subnets: readonly IndexedSubnet[];
}

/**
 * Checks a configuration and indexes its reservations.
 * @throws DHCP_CONFIG naming the first thing that is wrong
 */
export function checkConfig(config: DhcpConfig): CheckedConfig {
  const subnets = config.subnets.map(checkSubnet);
  for (const [i, a] of subnets.entries()) {
    for (const b of subnets.slice(i + 1)) {
      if (inSubnet(a.subnet.network, b.subnet) || inSubnet(b.subnet.network, a.subnet)) {
        fail(`subnets ${subnetText(a.subnet)} and ${subnetText(b.subnet)} overlap`);
      }
    }
  }
  return { ...config, subnets };
}

function checkSubnet(s: DhcpSubnet): IndexedSubnet {
  const where = subnetText(s.subnet);
  if (s.leaseSeconds < 10) fail(`lease time of ${s.leaseSeconds} s in ${where} is too short; at least 10 s`);
  for (const range of s.ranges) {
    const text = `${formatIpv4(range.from)}-${formatIpv4(range.to)}`;
    if (range.from > range.to) fail(`range ${text} ends before it begins`);
    if (!isHostAddress(range.from, s.subnet) || !isHostAddress(range.to, s.subnet)) {
      fail(`range ${text} is not made of host addresses of ${where}`);
    }
  }
  const byMac = new Map<string, Reservation>();
  const byAddress = new Map<Ipv4, Reservation>();
  for (const reservation of s.reservations) {
    const entry = { ...reservation, mac: normalizeMac(reservation.mac) };
    const text = formatIpv4(entry.address);
    if (!isHostAddress(entry.address, s.subnet)) fail(`reservation ${text} is not a host address of ${where}`);
    if (byMac.has(entry.mac)) fail(`${entry.mac} has two reservations in ${where}`);
    if (byAddress.has(entry.address)) fail(`${text} is reserved twice`);
    byMac.set(entry.mac, entry);
    byAddress.set(entry.address, entry);
  }
  return { ...s, byMac, byAddress };
}

/** In the subnet, and neither its network nor its broadcast address. /31 and /32 have neither (RFC 3021). */
export function isHostAddress(ip: Ipv4, subnet: Subnet): boolean {
  if (!inSubnet(ip, subnet)) return false;
  return subnet.prefix >= 31 || (ip !== subnet.network && ip !== broadcastOf(subnet));
}

export function inRanges(ip: Ipv4, ranges: readonly AddressRange[]): boolean {
  return ranges.some((r) => ip >= r.from && ip <= r.to);
}

export function subnetText(subnet: Subnet): string {
  return `${formatIpv4(subnet.network)}/${subnet.prefix}`;
}

function fail(message: string): never {
  throw dhcpErrors.make('DHCP_CONFIG', message);
}
