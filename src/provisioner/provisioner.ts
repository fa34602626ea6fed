import type { BareMetalHost, BootMode, HardwareRaidVolume, Image } from '../api/baremetalhost.ts';
import type { HardwareDetails, RootDeviceHints } from '../api/hardware.ts';
import type { Health } from '../bmc/capabilities.ts';

/**
 * The seam between the host lifecycle (`host/`) and the machine. Every call is idempotent, does a bounded piece of work
 * (at most a few seconds: it never waits for a machine) and says what to do next; `host/` calls again after `requeueMs`
 * or when `onEvent` fires. Nothing a call needs later is kept in memory only: progress lives in HostProgress.
 */
export interface Provisioner {
  /** Verifies BMC access and reads power. `id` is stable for the host's life. Credentials changed → verify again. */
  register(host: HostContext, options: { restart: boolean; credentialsChanged: boolean }): Promise<Outcome<Registered>>;
  inspect(
    host: HostContext,
    options: { restart: boolean; force: boolean },
  ): Promise<Outcome<{ details: HardwareDetails }>>;
  /** Manual cleaning: hardware RAID, BIOS settings, firmware. Without anything to do it is done at once. */
  prepare(
    host: HostContext,
    options: { restart: boolean; firmware: FirmwareWish; raid?: RaidWish },
  ): Promise<Outcome<object>>;
  /**
   * Firmware and BIOS settings of a machine that has an OS, through its BMC alone; may switch the machine on, never cuts a
   * running OS off. A wish for nothing ends what is under way; an update that the BMC is at is waited for.
   * @param options `restart`: it failed before. Then an OS that runs is left alone: its owner reboots it when it suits.
   */
  service(host: HostContext, options: { restart: boolean; firmware: FirmwareWish }): Promise<Outcome<object>>;
  provision(host: HostContext, options: ProvisionRequest): Promise<Outcome<object>>;
  deprovision(
    host: HostContext,
    options: { restart: boolean; cleaning: 'metadata' | 'disabled' },
  ): Promise<Outcome<object>>;
  /** Tells the engine that this host runs something and must not be touched (provisioned, externally provisioned). */
  adopt(host: HostContext): Promise<Outcome<object>>;
  /**
   * Forgets the host: sessions closed, boot intent none, HostProgress left to garbage collection. Touches no machine; its
   * BMC is asked to post no more events to us, if it was asked to.
   */
  forget(host: HostContext): Promise<Outcome<object>>;
  /** undefined: the BMC does not say. */
  powerState(host: HostContext): Promise<Outcome<{ poweredOn: boolean | undefined }>>;
  powerOn(host: HostContext, options: { force: boolean }): Promise<Outcome<object>>;
  /** `soft` waits up to 180 s for the OS, then goes hard and says so. */
  powerOff(host: HostContext, options: { mode: 'soft' | 'hard'; force: boolean }): Promise<Outcome<object>>;
  /**
   * Brings the second virtual CD of a machine that is off to what is wished for.
   * @param options `attached`: what it holds by the last note; `url`: what it is to hold, undefined for nothing
   */
  dataImage(host: HostContext, options: DataImageChange): Promise<Outcome<object>>;
  /**
   * What the BMC last said of the machine's health; read now and then in the background, never waited for. Undefined:
   * nothing is known yet.
   */
  health(host: HostContext): HealthReport | undefined;
  /** For hosts that must never be off (`spec.disablePowerOff`): restarts once per call that ends `done`. */
  reboot?(host: HostContext, options: { mode: 'soft' | 'hard' }): Promise<Outcome<object>>;
}

/** What is to be changed outside of the disks. */
export interface FirmwareWish {
  /** BIOS settings by name: all that are wished for, when one of them is not so. */
  settings: Readonly<Record<string, number | string>>;
  /** Only those that were not flashed yet. */
  updates: readonly { component: string; url: string }[];
}

/** `spec.raid.hardwareRAIDVolumes`; an empty list: none may be left. */
export interface RaidWish {
  volumes: readonly HardwareRaidVolume[];
  /** The spec is not what was last applied: what is there is deleted and made anew. */
  differs: boolean;
}

export interface HealthReport {
  /** Undefined: the BMC does not tell. */
  health: Health | undefined;
  /** Parts that are not well, in words for people; empty when the BMC names none. */
  parts: readonly string[];
}

export interface DataImageChange {
  attached: string | undefined;
  url: string | undefined;
}

export interface HostContext {
  /** As read in this pass. Never written to by the provisioner. */
  host: BareMetalHost;
  /** Undefined when the Secret could not be read (deletion goes on without). */
  credentials: BmcCredentials | undefined;
  signal: AbortSignal;
}

export interface BmcCredentials {
  username: string;
  password: string;
  /** PEM certificates of CAs that sign this BMC's certificate. */
  ca?: string;
  /** BMC key of IPMI (K_g), as it stands in the Secret. */
  kg?: string;
}

export interface Registered {
  id: string;
  poweredOn: boolean | undefined;
}

export interface ProvisionRequest {
  restart: boolean;
  image: Image;
  rootDeviceHints: RootDeviceHints | undefined;
  bootMode: BootMode;
  cleaning: 'metadata' | 'disabled';
  /** True for the first provisioning of this host: cleaning runs before it (metal3-compat §2.8). */
  config: ConfigData;
}

/** What goes on the config drive, already read from the Secrets and merged (metal3-compat §4.7). */
export interface ConfigData {
  /** Opaque bytes; undefined: no user data. */
  userData: Uint8Array | undefined;
  metaData: Record<string, unknown>;
  networkData: unknown;
}

export type Outcome<T> =
  | ({ kind: 'done' } & T)
  /**
   * Still working; call again in `requeueMs`. `dirty`: something changed that belongs in status. `idle`: nothing is under
   * way, and what failed stays failed until something happens to the machine.
   */
  | { kind: 'continue'; requeueMs: number; dirty: boolean; idle?: true }
  /** A failure for the person: recorded as errorType of the phase. `code` is a stable IngotError code. */
  | {
      kind: 'failed';
      code: string;
      message: string;
      /** Only an edit can help (unknown address scheme): no retry until the host or its Secret changes. */
      untilEdited?: boolean;
    };

/** Wakes the reconcile of a host before its requeue: the agent registered, a task ended. */
export type HostWakeup = (host: { namespace: string; name: string }) => void;
