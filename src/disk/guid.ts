import { fromHex, toHex } from '../wire/hex.ts';

/** GUIDs as text, upper case with dashes: `0FC63DAF-8483-4772-8E79-3D69D8477DE4`. */
export type Guid = string;

export const ZERO_GUID: Guid = '00000000-0000-0000-0000-000000000000';

/** Partition types (UEFI 2.10 §5.3.3 and the Discoverable Partitions list). */
export const PARTITION_TYPES = {
  linux: '0FC63DAF-8483-4772-8E79-3D69D8477DE4',
  efiSystem: 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B',
  biosBoot: '21686148-6449-6E6F-744E-656564454649',
} as const;

/** A GUID's first three fields are little-endian on disk, the other two are byte strings (UEFI appendix A). */
const ORDER = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15] as const;

export function guidFromBytes(bytes: Uint8Array): Guid {
  const hex = toHex(Uint8Array.from(ORDER, (i) => bytes[i] ?? 0)).toUpperCase();
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** @throws WIRE_RANGE when `guid` is not 32 hex digits with dashes */
export function guidToBytes(guid: Guid): Uint8Array {
  const plain = fromHex(guid.replaceAll('-', ''));
  const out = new Uint8Array(16);
  ORDER.forEach((from, to) => (out[from] = plain[to] ?? 0));
  return out;
}
