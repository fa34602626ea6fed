import type { BootFlags, BootFlagsDevice } from '../ipmi/chassis.ts';
import type { BootDevice, BootOverride } from './bmc.ts';
import type { IpmiQuirks } from './quirks.ts';

const FROM_FLAGS: Record<BootFlagsDevice, BootDevice> = {
  none: 'none',
  pxe: 'pxe',
  disk: 'disk',
  'disk-safe-mode': 'disk',
  diagnostic: 'none',
  cdrom: 'cdrom',
  'bios-setup': 'bios-setup',
  floppy: 'none',
};

/** Flags that ask for `override`. No override is said by flags that are not valid; IPMI knows one kind of network boot. */
export function flagsOf(override: BootOverride): BootFlags {
  const wanted = override.device !== 'none';
  return {
    valid: wanted,
    persistent: wanted && override.persistence === 'persistent',
    efi: override.firmware === 'uefi',
    device: override.device === 'http' ? 'pxe' : override.device,
  };
}

/** What flags read from a BMC mean. */
export function overrideOf(flags: BootFlags): BootOverride {
  return {
    device: FROM_FLAGS[flags.device],
    persistence: flags.persistent ? 'persistent' : 'once',
    firmware: flags.efi ? 'uefi' : 'legacy',
  };
}

export type Verdict =
  | { kind: 'same' }
  /** Accepted, with something worth a line in the log. */
  | { kind: 'tolerated'; why: string }
  | { kind: 'different'; why: string };

/**
 * Does what a BMC reads back fit what was set? The device decides. Some BMCs never read back the valid, persistent and
 * EFI bits (virtualbmc, OpenIPMI), so a bit that is missing is tolerated; one that was not asked for is not, except
 * EFI, which firmware settings may force.
 * @param poweredOn whether the machine runs: some apply an override at the next power on only
 */
export function compareBoot(wanted: BootFlags, read: BootFlags, quirks: IpmiQuirks, poweredOn: boolean): Verdict {
  const device = FROM_FLAGS[read.device];
  if (device !== FROM_FLAGS[wanted.device]) {
    const why = `asked for ${wanted.device}, reads back ${read.device}`;
    if (wanted.device === 'none' && !read.valid) return { kind: 'same' };
    return quirks.overrideAppliesAtPowerOn && poweredOn
      ? { kind: 'tolerated', why: `${why}: it applies at the next power on` }
      : { kind: 'different', why };
  }
  if (device === 'none') return { kind: 'same' };
  if (read.persistent && !wanted.persistent) return { kind: 'different', why: 'asked for once, reads back persistent' };
  const missing = [
    read.valid ? '' : 'valid',
    wanted.persistent && !read.persistent ? 'persistent' : '',
    wanted.efi === read.efi ? '' : 'firmware',
  ].filter((bit) => bit !== '');
  return missing.length === 0 ? { kind: 'same' } : { kind: 'tolerated', why: `not read back: ${missing.join(', ')}` };
}
