import type { BmcCapabilities } from './capabilities.ts';

/**
 * Capability interfaces of a BMC. Ask for the narrowest. Each write is verified before the promise resolves: set boot →
 * read back; power → observed in the wanted state (architecture, principle 4). Errors: `bmcErrors` in `errors.ts`.
 */
export type PowerState = 'on' | 'off';

/** `soft-off` asks the OS (ACPI) and returns once asked; the caller watches the power state. */
export type PowerAction = 'on' | 'off' | 'soft-off' | 'cycle' | 'reset';

export interface PowerControl {
  powerState(signal: AbortSignal): Promise<PowerState>;
  /** Idempotent for on and off. Resolves when the state was read back (except soft-off). */
  setPower(action: PowerAction, signal: AbortSignal): Promise<void>;
}

/** `http`: UEFI HTTP boot from `BootOverride.httpUri`. */
export type BootDevice = 'none' | 'pxe' | 'disk' | 'cdrom' | 'http' | 'bios-setup';

export interface BootOverride {
  device: BootDevice;
  persistence: 'once' | 'persistent';
  firmware: 'uefi' | 'legacy';
  /** For the device `http`: what the firmware fetches. */
  httpUri?: string;
}

export interface BootControl {
  bootOverride(signal: AbortSignal): Promise<BootOverride>;
  /** Sets, reads back and compares. */
  setBootOverride(override: BootOverride, signal: AbortSignal): Promise<void>;
}

export interface BmcInfo {
  manufacturer?: string;
  product?: string;
  firmwareVersion?: string;
  guid?: string;
  /** "IPMI 2.0, cipher suite 17". */
  protocol: string;
  /** The suite to try first next time. */
  cipherSuite?: number;
  /** What the operator should know, e.g. that the BMC lets in whoever asks. */
  warnings?: readonly string[];
}

/** One open BMC. Made by `openBmc`; sessions are opened lazily and kept. */
export interface Bmc extends PowerControl, BootControl, BmcCapabilities {
  /** The address as given, without credentials. For messages. */
  readonly address: string;
  /** Proves that the address answers and the credentials are accepted; cheap when a session is open. */
  verify(signal: AbortSignal): Promise<BmcInfo>;
  close(): Promise<void>;
}
