import { wireErrors } from './errors.ts';

const MAC = /^[0-9a-f]{2}([:-][0-9a-f]{2}){5}$/i;

/**
 * Canonical form of a MAC address: lower case, colons.
 * @throws WIRE_ADDRESS
 */
export function normalizeMac(text: string): string {
  if (!MAC.test(text)) throw wireErrors.make('WIRE_ADDRESS', `"${text}" is not a MAC address`);
  return text.toLowerCase().replaceAll('-', ':');
}

export function isMac(text: string): boolean {
  return MAC.test(text);
}

/** Any hardware address as lower-case hex pairs with colons. */
export function macToString(bytes: Uint8Array): string {
  return Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join(':');
}

/** @throws WIRE_ADDRESS */
export function macToBytes(text: string): Uint8Array {
  return Uint8Array.from(normalizeMac(text).split(':'), (pair) => Number.parseInt(pair, 16));
}
