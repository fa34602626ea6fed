import { toHex } from '../wire/hex.ts';

/** Where each byte of option 97's UUID belongs in the text: the first three fields are little-endian (RFC 4578 §2.3). */
const ORDER = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];

/**
 * Option 97, type 0: the SMBIOS UUID as `dmidecode` prints it. All zeros and all ones mean that the vendor never set it.
 * @returns undefined when absent, of another type or length, or unset
 */
export function readClientUuid(value: Uint8Array | undefined): string | undefined {
  if (value?.length !== 17 || value[0] !== 0) return undefined;
  const raw = value.subarray(1);
  if (raw.every((b) => b === 0) || raw.every((b) => b === 255)) return undefined;
  const hex = toHex(Uint8Array.from(ORDER, (at) => raw[at] ?? 0));
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
