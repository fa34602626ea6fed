import { ByteReader } from '../../wire/reader.ts';
import { ByteWriter } from '../../wire/writer.ts';
import type { BootFlags, BootFlagsDevice } from '../chassis.ts';
import { NetFn } from '../numbers.ts';
import { ChassisCmd } from './chassis.ts';
import type { Command } from './command.ts';

/** Boot option parameters (§28.13 table 28-14). */
export const BootParameter = { setInProgress: 0, flagValidClearing: 3, infoAcknowledge: 4, flags: 5 } as const;

/** Do not clear the boot flags when no power-on follows within 60 s (parameter 3, bit 3). */
export const KEEP_FLAGS_WITHOUT_POWER_ON = 0x08;

const VERSION = 0x01;
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

/** Set System Boot Options (§28.12). */
export function setBootOption(parameter: number, data: Uint8Array): Command<void> {
  return {
    name: `Set System Boot Options ${parameter}`,
    netFn: NetFn.chassis,
    cmd: ChassisCmd.setBootOptions,
    data: new ByteWriter(16).u8(parameter).bytes(data).finish(),
    idempotent: true,
    parse: () => undefined,
  };
}

export interface BootOption {
  parameter: number;
  /** The BMC marks the parameter as invalid or locked. */
  invalid: boolean;
  data: Uint8Array;
}

/** Get System Boot Options (§28.13). Extra bytes that some BMCs add are kept in `data`. */
export function getBootOption(parameter: number): Command<BootOption> {
  return {
    name: `Get System Boot Options ${parameter}`,
    netFn: NetFn.chassis,
    cmd: ChassisCmd.getBootOptions,
    data: Uint8Array.of(parameter, 0, 0),
    idempotent: true,
    parse(reader) {
      reader.skip(1, 'parameter version');
      const byte = reader.u8('parameter');
      return { parameter: byte & 0x7f, invalid: (byte & 0x80) !== 0, data: reader.rest() };
    },
  };
}

/** Answer to Get System Boot Options. */
export function encodeBootOption(option: BootOption): Uint8Array {
  const parameter = option.parameter | (option.invalid ? 0x80 : 0);
  return new ByteWriter(16).u8(VERSION).u8(parameter).bytes(option.data).finish();
}

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
