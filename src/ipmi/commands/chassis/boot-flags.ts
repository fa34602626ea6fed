import { ByteReader } from '../../../wire/reader.ts';
import type { BootFlags, BootFlagsDevice } from '../../chassis.ts';

const VALID = 0x80;
const PERSISTENT = 0x40;
const EFI = 0x20;

/** Device selector, bits 5:2 of the second byte. */
const DEVICE: Record<BootFlagsDevice, number> = {
  none: 0x00,
  pxe: 0x04,
  disk: 0x08,
  'disk-safe-mode': 0x0c,
  diagnostic: 0x10,
  cdrom: 0x14,
  'bios-setup': 0x18,
  floppy: 0x3c,
};

/** Remote media selectors mean the same to us as their local kin. */
const REMOTE: Record<number, BootFlagsDevice> = { 0x1c: 'floppy', 0x20: 'cdrom', 0x24: 'disk', 0x2c: 'disk' };

/**
 * The five bytes of parameter 5.
 * @param selector replaces the device's own selector byte, for boards that want another one
 * @param flagByte replaces the first byte likewise
 */
export function encodeBootFlags(
  flags: BootFlags,
  selector: number = DEVICE[flags.device],
  flagByte?: number,
): Uint8Array {
  const bits = (flags.valid ? VALID : 0) | (flags.persistent ? PERSISTENT : 0) | (flags.efi ? EFI : 0);
  const first = flagByte ?? bits;
  return Uint8Array.of(first, selector, 0, 0, 0);
}

/** Reads parameter 5; selectors nobody defined count as `none`. @throws WIRE_SHORT */
export function decodeBootFlags(data: Uint8Array): BootFlags {
  const reader = new ByteReader(data);
  const first = reader.u8('boot flags');
  const selector = reader.u8('boot device') & 0x3c;
  const own = Object.entries(DEVICE).find(([, n]) => n === selector)?.[0] as BootFlagsDevice | undefined;
  return {
    valid: (first & VALID) !== 0,
    persistent: (first & PERSISTENT) !== 0,
    efi: (first & EFI) !== 0,
    device: own ?? REMOTE[selector] ?? 'none',
  };
}
