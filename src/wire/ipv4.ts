import { wireErrors } from './errors.ts';

/** An IPv4 address as an unsigned 32-bit number: arithmetic on pools and masks stays arithmetic. */
export type Ipv4 = number;

/** @throws WIRE_ADDRESS for anything but four decimal numbers 0..255 without leading zeros */
export function parseIpv4(text: string): Ipv4 {
  const parts = text.split('.');
  const ok = parts.length === 4 && parts.every((p) => /^(0|[1-9]\d{0,2})$/.test(p) && Number(p) <= 255);
  if (!ok) throw wireErrors.make('WIRE_ADDRESS', `"${text}" is not an IPv4 address`);
  return parts.reduce((sum, p) => sum * 256 + Number(p), 0);
}

export function formatIpv4(ip: Ipv4): string {
  return [ip >>> 24, (ip >>> 16) & 255, (ip >>> 8) & 255, ip & 255].join('.');
}

export function ipv4Bytes(ip: Ipv4): Uint8Array {
  return Uint8Array.of(ip >>> 24, (ip >>> 16) & 255, (ip >>> 8) & 255, ip & 255);
}

/** @throws WIRE_ADDRESS when `bytes` is not 4 long */
export function ipv4FromBytes(bytes: Uint8Array): Ipv4 {
  const [a, b, c, d] = bytes;
  if (bytes.length !== 4 || a === undefined || b === undefined || c === undefined || d === undefined) {
    throw wireErrors.make('WIRE_ADDRESS', `an IPv4 address has 4 bytes, got ${bytes.length}`);
  }
  return ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
}

export interface Subnet {
  network: Ipv4;
  /** 0..32 */
  prefix: number;
}

/** Parses `10.77.0.0/24`; host bits may be set and are kept out of `network`. @throws WIRE_ADDRESS */
export function parseCidr(text: string): Subnet & { address: Ipv4 } {
  const [ip = '', bits = '', extra] = text.split('/');
  const prefix = Number(bits);
  if (extra !== undefined || !/^\d{1,2}$/.test(bits) || prefix > 32) {
    throw wireErrors.make('WIRE_ADDRESS', `"${text}" is not an address with prefix length, like 10.77.0.1/24`);
  }
  const address = parseIpv4(ip);
  return { address, network: (address & prefixMask(prefix)) >>> 0, prefix };
}

export function prefixMask(prefix: number): Ipv4 {
  return prefix === 0 ? 0 : (0xffffffff << (32 - prefix)) >>> 0;
}

export function inSubnet(ip: Ipv4, subnet: Subnet): boolean {
  return (ip & prefixMask(subnet.prefix)) >>> 0 === subnet.network;
}

export function broadcastOf(subnet: Subnet): Ipv4 {
  return (subnet.network | ~prefixMask(subnet.prefix)) >>> 0;
}
