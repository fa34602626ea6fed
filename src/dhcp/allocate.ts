import type { Ipv4 } from '../wire/ipv4.ts';
import { type AddressRange, type IndexedSubnet, inRanges, isHostAddress } from './config.ts';
import type { LeaseView } from './leases.ts';

export interface AllocationRequest {
  client: string;
  /** Option 50, a wish. */
  requested?: Ipv4 | undefined;
  /** Wall time, ms. */
  now: number;
  /** Addresses never given out: our own, the router. */
  taken: ReadonlySet<Ipv4>;
}

/**
 * Picks an address, in this order: the reservation, what the client has or last had, what it asks for, a free one whose
 * place comes from a hash of the client (so that a lost lease book gives most machines the same address again), the one
 * whose lease ran out longest ago.
 * @returns undefined when all are in use
 */
export function chooseAddress(request: AllocationRequest, subnet: IndexedSubnet, leases: LeaseView): Ipv4 | undefined {
  const wishes = [
    subnet.byMac.get(request.client)?.address,
    leases.of(request.client, subnet.subnet)?.address,
    request.requested,
  ];
  for (const wish of wishes) {
    if (wish !== undefined && mayHave(wish, request, subnet, leases)) return wish;
  }
  return search(request, subnet, leases);
}

/** May this client have exactly this address now? */
export function mayHave(ip: Ipv4, request: AllocationRequest, subnet: IndexedSubnet, leases: LeaseView): boolean {
  const reserved = subnet.byAddress.get(ip);
  if (reserved !== undefined && reserved.mac !== request.client) return false;
  if (reserved === undefined && subnet.byMac.has(request.client) && !reservationBlocked(request, subnet, leases)) {
    return false;
  }
  if (reserved === undefined && !inRanges(ip, subnet.ranges)) return false;
  if (!isHostAddress(ip, subnet.subnet) || request.taken.has(ip)) return false;
  const lease = leases.at(ip);
  if (lease === undefined || lease.expires <= request.now || lease.state === 'released') return true;
  return lease.client === request.client && lease.state !== 'declined';
}

/** The reserved address itself was declined or is still leased to somebody: the machine gets one of the range meanwhile. */
function reservationBlocked(request: AllocationRequest, subnet: IndexedSubnet, leases: LeaseView): boolean {
  const address = subnet.byMac.get(request.client)?.address;
  const lease = address === undefined ? undefined : leases.at(address);
  if (lease === undefined || lease.expires <= request.now || lease.state === 'released') return false;
  return lease.state === 'declined' || lease.client !== request.client;
}

function search(request: AllocationRequest, subnet: IndexedSubnet, leases: LeaseView): Ipv4 | undefined {
  const total = subnet.ranges.reduce((sum, r) => sum + r.to - r.from + 1, 0);
  const start = total === 0 ? 0 : hash(request.client) % total;
  let oldest: { address: Ipv4; expires: number } | undefined;
  for (let i = 0; i < total; i++) {
    const ip = nth(subnet.ranges, (start + i) % total);
    if (!mayHave(ip, request, subnet, leases)) continue;
    const lease = leases.at(ip);
    if (lease === undefined) return ip;
    if (oldest === undefined || lease.expires < oldest.expires) oldest = { address: ip, expires: lease.expires };
  }
  return oldest?.address;
}

function nth(ranges: readonly AddressRange[], index: number): Ipv4 {
  let left = index;
  for (const range of ranges) {
    const length = range.to - range.from + 1;
    if (left < length) return range.from + left;
    left -= length;
  }
  return 0;
}

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return h >>> 0;
}
