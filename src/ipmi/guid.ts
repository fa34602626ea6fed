import { toHex } from '../wire/hex.ts';

/** Offsets of the bytes of a GUID as text, for the three orders in which BMCs put them on the wire. */
const NETWORK = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15] as const;
const ORDERS: Readonly<Record<GuidOrder, readonly number[]>> = {
  /** RFC 4122: as it is read. */
  network: NETWORK,
  /** SMBIOS: the first three fields are little-endian. OpenBMC, Supermicro and HPE send this. */
  smbios: [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15],
  /** IPMI §20.8: node first, all of it least significant byte first. */
  ipmi: NETWORK.toReversed(),
};

export type GuidOrder = 'network' | 'smbios' | 'ipmi';

/** 16 bytes of a BMC as "00112233-4455-6677-8899-aabbccddeeff". */
export function guidText(bytes: Uint8Array, order: GuidOrder): string {
  const hex = toHex(Uint8Array.from(ORDERS[order], (at) => bytes[at] ?? 0));
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/**
 * Is the GUID of a BMC that of the machine with this SMBIOS UUID? Vendors disagree on the byte order, so all are tried.
 * @param uuid SMBIOS UUID as the operating system prints it, any case
 * @returns the order that fits; undefined: another machine
 */
export function guidMatches(bytes: Uint8Array, uuid: string): GuidOrder | undefined {
  const wanted = uuid.toLowerCase();
  const orders: readonly GuidOrder[] = ['smbios', 'network', 'ipmi'];
  return orders.find((order) => guidText(bytes, order) === wanted);
}
