/** Values that people type, as flags or in the configuration file. Every parser throws an Error that says what is wanted. */
import { isIPv6 } from 'node:net';
import type { AddressRange, Reservation } from '../dhcp/config.ts';
import { type Ipv4, type Subnet, formatIpv4, parseCidr, parseIpv4 } from '../wire/ipv4.ts';
import { normalizeMac } from '../wire/mac.ts';

/** `10.0.0.1` */
export function addressValue(text: string): Ipv4 {
  return wanted('an IPv4 address like 10.0.0.1', () => parseIpv4(text.trim()));
}

/** `10.0.0.1` or `fd00::1`, as it is written shortest: for URLs. Link-local addresses mean nothing in one. */
export function hostAddressValue(text: string): string {
  const what = 'an address like 10.0.0.1 or fd00::1';
  const address = text.trim();
  if (!isIPv6(address)) return formatIpv4(wanted(what, () => parseIpv4(address)));
  if (/^fe[89ab]|%|^::ffff:/i.test(address)) throw new Error(`${what} is wanted, none that holds on one link only`);
  return new URL(`http://[${address}]`).hostname.slice(1, -1);
}

/** `10.0.0.100-10.0.0.200`, or one address. */
export function rangeValue(text: string): AddressRange {
  const what = 'two addresses like 10.0.0.100-10.0.0.200';
  const [from = '', to = from, more] = text.split('-');
  const range = wanted(what, () => ({ from: parseIpv4(from.trim()), to: parseIpv4(to.trim()) }));
  if (more !== undefined || range.from > range.to) throw new Error(`${what} are wanted, the lower one first`);
  return range;
}

/** `10.0.0.0/24` */
export function subnetValue(text: string): Subnet {
  const { network, prefix, address } = wanted('a subnet like 10.0.0.0/24', () => parseCidr(text.trim()));
  if (address !== network) throw new Error(`${text} is an address in the subnet ${formatIpv4(network)}/${prefix}`);
  return { network, prefix };
}

export function macValue(text: string): string {
  return wanted('a MAC address like 52:54:00:12:34:56', () => normalizeMac(text.trim()));
}

/** `52:54:00:12:34:56=10.0.0.50` */
export function reservationValue(text: string): Reservation {
  const [mac = '', address = '', more] = text.split('=');
  const what = 'a MAC address and an address like 52:54:00:12:34:56=10.0.0.50';
  return wanted(what, () => {
    if (more !== undefined) throw new Error(text);
    return { mac: normalizeMac(mac.trim()), address: parseIpv4(address.trim()) };
  });
}

/** `900`, `90s`, `15m`, `12h`, `7d` → seconds. */
export function durationValue(text: string): number {
  const [, number = '', unit = 's'] = /^(\d{1,8})([smhd]?)$/.exec(text.trim()) ?? [];
  if (number === '') throw new Error('seconds, or a time like 90s, 15m, 12h or 7d is wanted');
  return Number(number) * (UNIT[unit] ?? 1);
}

const UNIT: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

function wanted<T>(what: string, parse: () => T): T {
  try {
    return parse();
  } catch {
    throw new Error(`${what} is wanted`);
  }
}
