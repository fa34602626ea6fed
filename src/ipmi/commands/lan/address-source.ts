/** Where the address comes from (parameter 4). */
const SOURCES = ['unspecified', 'static', 'dhcp', 'bios', 'other'] as const;

export type AddressSource = (typeof SOURCES)[number];

export function addressSource(byte: number): AddressSource {
  return SOURCES[byte & 0x0f] ?? 'other';
}

export function addressSourceByte(source: AddressSource): number {
  return SOURCES.indexOf(source);
}
