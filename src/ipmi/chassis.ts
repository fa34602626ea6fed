/** What a BMC's server side needs from the machine behind it. Implemented by `sim/`; spoken to by `ipmi/server.ts`. */
export type ChassisControl =
  | 'power-down'
  | 'power-up'
  | 'power-cycle'
  | 'hard-reset'
  | 'diagnostic-interrupt'
  | 'soft-shutdown';

/** IPMI v2.0 §28.13 boot flags (parameter 5), decoded. */
export interface BootFlags {
  valid: boolean;
  persistent: boolean;
  /** true: UEFI, false: PC compatible. */
  efi: boolean;
  device: BootFlagsDevice;
}

export type BootFlagsDevice =
  | 'none'
  | 'pxe'
  | 'disk'
  | 'disk-safe-mode'
  | 'diagnostic'
  | 'cdrom'
  | 'bios-setup'
  | 'floppy';

export interface Chassis {
  powerState(): Promise<'on' | 'off'>;
  /** @throws any error → completion code 0xD5 (not supported in present state) or 0xFF */
  control(action: ChassisControl): Promise<void>;
  bootFlags(): Promise<BootFlags>;
  /** @param how `lasting`: one-time flags wait for the next start, however late it comes */
  setBootFlags(flags: BootFlags, how?: { lasting?: boolean }): Promise<void>;
}
