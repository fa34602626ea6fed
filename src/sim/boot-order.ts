import type { BootFlags } from '../ipmi/chassis.ts';
import type { Firmware } from './machine-spec.ts';

/** What the firmware tries first. The other one comes second: a machine with an empty disk falls through to the network. */
export type BootFirst = 'network' | 'disk' | 'cd';

/** Boot flags as the BMC keeps them, with the wall time (ms) they were written at. */
export interface KeptFlags {
  flags: BootFlags;
  setAt: number;
  /** Redfish: one-time orders wait for the next start, however late it comes. */
  lasting?: boolean;
}

export interface BootPlan {
  /** For the boot that comes now. */
  first: BootFirst;
  /** Why valid flags have no effect; undefined when they have or there are none. */
  ignored?: string;
}

/** IPMI v2.0 §28.13: without a chassis control command the BMC drops one-time flags after this time. */
export const BOOT_FLAGS_EXPIRE_MS = 60_000;

const NO_FLAGS: BootFlags = { valid: false, persistent: false, efi: false, device: 'none' };

/** The flags as they are at `now`: one-time flags lose their valid bit 60 s after they were set. */
export function flagsAt(kept: KeptFlags | undefined, now: number): BootFlags {
  if (kept === undefined) return NO_FLAGS;
  const { flags, setAt, lasting = false } = kept;
  const expired = !flags.persistent && !lasting && now - setAt >= BOOT_FLAGS_EXPIRE_MS;
  return expired ? { ...flags, valid: false } : flags;
}

/** The flags after a boot has used them: one-time flags are spent. */
export function flagsAfterBoot(flags: BootFlags): BootFlags {
  return flags.persistent ? flags : { ...flags, valid: false };
}

/** Can this machine do what the flags ask for? It has no firmware menu, floppy or diagnostic partition. */
export function bootDeviceSupported(flags: BootFlags, hasCd = false): boolean {
  if (!flags.valid || flags.device === 'none') return true;
  const wanted = target(flags);
  return wanted !== undefined && (hasCd || wanted !== 'cd');
}

/**
 * What a boot that starts now does.
 *
 * The EFI bit must match the firmware: servers ignore an override that asks for the other boot mode, and a provisioner
 * that gets it wrong ends in the old operating system. The simulator is as strict as they are.
 */
export function planBoot(flags: BootFlags, firmware: Firmware): BootPlan {
  const wanted = flags.valid ? target(flags) : undefined;
  if (wanted === undefined) return { first: 'disk' };
  if (flags.efi !== (firmware === 'uefi')) {
    const asked = flags.efi ? 'UEFI' : 'legacy BIOS';
    return {
      first: 'disk',
      ignored: `boot flags ask for ${asked} boot, this machine boots by ${firmware}`,
    };
  }
  return { first: wanted };
}

function target(flags: BootFlags): BootFirst | undefined {
  if (flags.device === 'pxe') return 'network';
  if (flags.device === 'cdrom') return 'cd';
  if (flags.device === 'disk' || flags.device === 'disk-safe-mode') return 'disk';
  return undefined;
}
