/**
 * What a BMC may do beyond power and boot. Each is optional on `Bmc`: undefined means that the protocol or the machine
 * does not offer it, and a caller that needs it says so with BMC_UNSUPPORTED. The rule of `bmc.ts` holds here too: every
 * write is read back before its promise resolves, or its result says what is still pending.
 */

export type Health = 'ok' | 'warning' | 'critical';

export interface MediaSlot {
  /** Stable name: the resource path. */
  id: string;
  /** "Cd", "Slot 1": for people. */
  name: string;
  kinds: readonly ('cd' | 'dvd' | 'usb' | 'floppy')[];
  inserted: boolean;
  /** Undefined when nothing is inserted or the BMC does not say. */
  image?: string;
}

export interface VirtualMediaControl {
  slots(signal: AbortSignal): Promise<MediaSlot[]>;
  /**
   * Inserts an ISO 9660 image into a CD or DVD slot, all others ejected first unless `keepOthers`.
   * @param url what the BMC fetches, http or https
   * @throws BMC_MEDIA_NOT_ACCEPTED when no slot takes it or it does not read back
   */
  insert(url: string, options: { keepOthers: boolean }, signal: AbortSignal): Promise<MediaSlot>;
  /** Ejects `slot`, or all. Nothing inserted is fine. */
  eject(slot: string | undefined, signal: AbortSignal): Promise<void>;
}

export type SecureBootKeys = 'default' | 'none' | 'no-platform-key';

export interface BootModeControl {
  bootMode(signal: AbortSignal): Promise<'uefi' | 'legacy' | undefined>;
  /** `pending`: takes effect at the next start of the machine. */
  setBootMode(mode: 'uefi' | 'legacy', signal: AbortSignal): Promise<'done' | 'pending'>;
  /** Undefined: the machine has no Secure Boot. */
  secureBoot(signal: AbortSignal): Promise<boolean | undefined>;
  setSecureBoot(enabled: boolean, signal: AbortSignal): Promise<'done' | 'pending'>;
  /** Puts the keys of Secure Boot back to the maker’s, or takes all or only the platform key away. */
  resetKeys?(kind: SecureBootKeys, signal: AbortSignal): Promise<void>;
}

export type BiosValue = string | number | boolean | null;

export interface BiosAttribute {
  name: string;
  type?: 'Enumeration' | 'String' | 'Integer' | 'Boolean' | 'Password';
  allowableValues?: readonly string[];
  lowerBound?: number;
  upperBound?: number;
  minLength?: number;
  maxLength?: number;
  readOnly?: boolean;
  unique?: boolean;
}

export interface BiosState {
  attributes: Readonly<Record<string, BiosValue>>;
  /** Accepted and applied at the next start. */
  pending: Readonly<Record<string, BiosValue>>;
  /** What the BMC said of the last application. */
  messages: readonly string[];
}

export interface BiosControl {
  state(signal: AbortSignal): Promise<BiosState>;
  /** Empty when the BMC has no registry. */
  registry(signal: AbortSignal): Promise<readonly BiosAttribute[]>;
  /** `done`: read back as set already; `pending`: read back among the pending ones, the machine must restart. */
  set(changes: Readonly<Record<string, BiosValue>>, signal: AbortSignal): Promise<'done' | 'pending'>;
  /** Factory defaults at the next start. */
  reset(signal: AbortSignal): Promise<void>;
}

export interface FirmwareComponent {
  /** Metal3's names: `bmc`, `bios`, `nic:<id>`; others by their id. */
  component: string;
  name: string;
  version: string;
  updateable: boolean;
  /** Resource path: the target of an update. */
  target: string;
}

export type UpdateState =
  | { kind: 'running'; percent?: number; text: string }
  /** The image is taken; it is flashed when the machine restarts. */
  | { kind: 'needs-restart'; text: string }
  | { kind: 'done'; text: string }
  | { kind: 'failed'; text: string };

export interface FirmwareControl {
  components(signal: AbortSignal): Promise<FirmwareComponent[]>;
  /** Starts an update that the BMC fetches itself. @returns a handle that survives a restart of ours */
  start(update: { component: string; url: string }, signal: AbortSignal): Promise<string>;
  /** Sends the image of `bytes` long ourselves. */
  push?(
    update: { component: string | undefined; name: string; bytes: number; data: AsyncIterable<Uint8Array> },
    signal: AbortSignal,
  ): Promise<string>;
  /** How an update stands; a BMC that restarts meanwhile is `running`. */
  state(handle: string, signal: AbortSignal): Promise<UpdateState>;
}

export interface StorageController {
  id: string;
  name: string;
  /** `RAID`, `HBA`, `EnhancedHBA`, where it has a choice and tells (Dell). */
  mode?: string;
  raidTypes: readonly string[];
  drives: readonly StorageDrive[];
  volumes: readonly StorageVolume[];
}

export interface StorageDrive {
  id: string;
  name: string;
  bytes?: number;
  rotational?: boolean;
  media?: 'HDD' | 'SSD' | 'NVME';
  model?: string;
  manufacturer?: string;
  serialNumber?: string;
  health?: Health;
  /** Predicted by the drive itself. */
  failurePredicted?: boolean;
  /** What the controller does with it, where it tells (Dell): `Ready`, `Online`, `NonRAID`, `Foreign`. */
  raidStatus?: string;
}

export interface StorageVolume {
  id: string;
  name: string;
  /** Metal3's spelling: 0, 1, 5, 6, 1+0, 5+0, 6+0; undefined: a single drive or unknown. */
  level?: string;
  bytes?: number;
  drives: readonly string[];
}

export interface StorageControl {
  controllers(signal: AbortSignal): Promise<StorageController[]>;
  /**
   * @param volume no `bytes`: all there is; `clearForeign`: what other controllers left on the drives may be lost
   * @returns `pending`: under way, or made at the next start
   * @throws BMC_RAID_OCCUPIED while the controller is at work on something else; BMC_RAID_MODE, BMC_RAID_FOREIGN
   */
  createVolume(
    volume: {
      controller: string;
      name?: string;
      level: string;
      bytes?: number;
      drives: readonly string[];
      clearForeign?: boolean;
    },
    signal: AbortSignal,
  ): Promise<'done' | 'pending'>;
  /** @throws BMC_RAID_OCCUPIED */
  deleteVolume(volume: string, signal: AbortSignal): Promise<'done' | 'pending'>;
  /** @param mode as the controller names it: `RAID`, `HBA`. `pending`: at the next start. */
  setControllerMode?(controller: string, mode: string, signal: AbortSignal): Promise<'done' | 'pending'>;
  /** Clears what other controllers left on any drive of this one. Nothing is fine. */
  clearForeign?(controller: string, signal: AbortSignal): Promise<void>;
}

export interface EventSubscription {
  id: string;
  destination: string;
  context?: string;
}

export interface EventControl {
  subscriptions(signal: AbortSignal): Promise<EventSubscription[]>;
  /** @param subscription headers are secrets: never logged. @returns its id */
  subscribe(
    subscription: { destination: string; context?: string; headers?: Readonly<Record<string, string>> },
    signal: AbortSignal,
  ): Promise<string>;
  /** One that is gone already is fine. */
  unsubscribe(id: string, signal: AbortSignal): Promise<void>;
}

/** Hardware as the BMC knows it, without a ramdisk. What it does not know is left out. */
export interface Inventory {
  manufacturer?: string;
  product?: string;
  serialNumber?: string;
  systemUuid?: string;
  bios: { vendor?: string; version?: string; date?: string };
  ramMebibytes?: number;
  cpu: { arch?: string; model?: string; megahertz?: number; threads?: number };
  nics: readonly { name?: string; mac: string; speedMbps?: number; model?: string }[];
  drives: readonly StorageDrive[];
  health?: Health;
}

export interface InventoryControl {
  /** May take a minute: dozens of slow requests. */
  inventory(signal: AbortSignal): Promise<Inventory>;
  /** Of the whole machine, one request. */
  health(signal: AbortSignal): Promise<Health | undefined>;
}

export interface Sensor {
  name: string;
  kind: 'temperature' | 'fan' | 'voltage' | 'current' | 'power' | 'other';
  /** Undefined: not readable now, or a discrete sensor. */
  reading?: number;
  unit: string;
  health?: Health;
  /** Texts of a discrete sensor's states. */
  states?: readonly string[];
}

export interface SensorControl {
  sensors(signal: AbortSignal): Promise<Sensor[]>;
}

export interface LogEntry {
  id: string;
  /** ISO 8601; undefined for entries from before the clock was set. */
  time?: string;
  severity?: Health;
  text: string;
}

export interface EventLogControl {
  /** The newest `limit`, oldest first. */
  entries(limit: number, signal: AbortSignal): Promise<LogEntry[]>;
  clear(signal: AbortSignal): Promise<void>;
}

export interface FruField {
  /** "Board", "Product", "Chassis", by device. */
  area: string;
  name: string;
  value: string;
}

export interface FruControl {
  fru(signal: AbortSignal): Promise<FruField[]>;
}

export type WhenHeld = 'take' | 'wait';

/** Serial console. One reader and writer at a time. */
export interface ConsoleControl {
  /**
   * @param notice gets words for people: "console lost, connecting again"
   * @param whenHeld what to do about another session that has the console: `take` it away from there, which is the default,
   * or leave it there and `wait` for its end, as long as the stream is open
   */
  open(signal: AbortSignal, notice?: (text: string) => void, whenHeld?: WhenHeld): Promise<ConsoleStream>;
}

export interface ConsoleStream extends AsyncDisposable {
  /** What the machine prints. Ends when the BMC ends it for good; reconnects are inside. */
  readonly output: AsyncIterable<Uint8Array>;
  write(bytes: Uint8Array): Promise<void>;
  sendBreak(): Promise<void>;
}

export interface BmcCertificate {
  subject: string;
  issuer: string;
  /** ISO 8601. */
  notAfter?: string;
  /** `sha256:…` of the certificate itself, where the BMC gives it. */
  fingerprint?: string;
}

/** The clock of a BMC. */
export interface BmcTime {
  /** ms since the epoch. */
  now: number;
  /** The BMC’s minus ours, ms. */
  aheadMs: number;
}

export interface ManagementControl {
  /** Restarts the BMC; it is silent for minutes afterwards. */
  resetBmc(kind: 'cold' | 'warm', signal: AbortSignal): Promise<void>;
  /** Light or blink for `seconds`; 0 ends it. */
  identify(seconds: number, signal: AbortSignal): Promise<void>;
  /** Undefined: the BMC does not tell its time. */
  clock?(signal: AbortSignal): Promise<BmcTime | undefined>;
  /** To ours, read back. */
  setClock?(signal: AbortSignal): Promise<BmcTime>;
  /**
   * Forgets the jobs of the BMC that have not ended, which stand in the way of others (iDRAC).
   * @returns their number; undefined: it has no queue of jobs
   */
  clearJobs?(signal: AbortSignal): Promise<number | undefined>;
  accounts(signal: AbortSignal): Promise<{ id: string; name: string; role: string; enabled: boolean }[]>;
  /** Certificates that the BMC shows or trusts. Undefined: the protocol does not tell. */
  certificates?(signal: AbortSignal): Promise<BmcCertificate[]>;
  /** What the BMC knows of its own network. */
  network(signal: AbortSignal): Promise<{ mac?: string; addresses: readonly string[]; source?: string }>;
}

/** All that is optional, for `Bmc` to extend. */
export interface BmcCapabilities {
  readonly media?: VirtualMediaControl;
  readonly bootMode?: BootModeControl;
  readonly bios?: BiosControl;
  readonly firmware?: FirmwareControl;
  readonly storage?: StorageControl;
  readonly events?: EventControl;
  readonly inspection?: InventoryControl;
  readonly sensing?: SensorControl;
  readonly eventLog?: EventLogControl;
  readonly frus?: FruControl;
  readonly console?: ConsoleControl;
  readonly management?: ManagementControl;
}
