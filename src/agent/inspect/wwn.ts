import { toHex } from '../../wire/hex.ts';

/** World-wide names as udev reports them (ID_WWN and friends). */
export interface Wwn {
  wwn?: string;
  wwnWithExtension?: string;
  wwnVendorExtension?: string;
}

const TYPE_NAA = 3;
const ASSOCIATION_LUN = 0;

/** The serial number in a "Unit Serial Number" page (SPC-4 §7.8.15); undefined when empty or no such page. */
export function parseVpd80(page: Uint8Array): string | undefined {
  if (page[1] !== 0x80) return undefined;
  const length = ((page[2] ?? 0) << 8) | (page[3] ?? 0);
  const text = Buffer.from(page.subarray(4, 4 + length))
    .toString('latin1')
    .replaceAll('\0', ' ')
    .trim();
  return text === '' ? undefined : text;
}

/** The NAA name of the disk itself in a "Device Identification" page (SPC-4 §7.8.6). */
export function parseVpd83(page: Uint8Array): Wwn {
  if (page[1] !== 0x83) return {};
  const end = Math.min(page.length, 4 + (((page[2] ?? 0) << 8) | (page[3] ?? 0)));
  for (let at = 4; at + 4 <= end;) {
    const kind = page[at + 1] ?? 0;
    const length = page[at + 3] ?? 0;
    const id = page.subarray(at + 4, Math.min(end, at + 4 + length));
    if ((kind & 0x0f) === TYPE_NAA && ((kind >> 4) & 3) === ASSOCIATION_LUN) {
      const found = naaName(id);
      if (found !== undefined) return found;
    }
    at += 4 + length;
  }
  return {};
}

/** NAA 6 is 16 bytes: the second half is the vendor's extension. The other kinds are 8 bytes. */
function naaName(id: Uint8Array): Wwn | undefined {
  const naa = (id[0] ?? 0) >> 4;
  const hex = toHex(id);
  if (naa === 6 && id.length === 16) {
    return {
      wwn: `0x${hex.slice(0, 16)}`,
      wwnVendorExtension: `0x${hex.slice(16)}`,
      wwnWithExtension: `0x${hex}`,
    };
  }
  if ((naa === 2 || naa === 3 || naa === 5) && id.length === 8)
    return { wwn: `0x${hex}`, wwnWithExtension: `0x${hex}` };
  return undefined;
}
