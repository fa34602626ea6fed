import type { HardwareDetails } from '../api/hardware.ts';
import type { PinnedDisk } from '../api/hostprogress.ts';

/**
 * Messages between the agent in the ramdisk and the server. HTTPS with the server's certificate pinned by fingerprint;
 * the agent only dials out. Paths are in `AGENT_PATHS`; every body is JSON except logs (one JSON object per line).
 *
 *   POST register  RegisterRequest            → 200 RegisterReply   (403 when the token is not the current attempt's)
 *   GET  task?wait=S   Authorization: Bearer sessionKey → 200 TaskMessage | 204 nothing for you yet
 *   GET  manifest?task=ID&from=N&wait=S   → 200 ManifestReply | 503 nothing is known of the image now, ask again
 *   POST progress  ProgressMessage            → 200 ProgressReply
 *   POST result    ResultMessage              → 204 (repeat until acknowledged; the server takes the same result twice)
 *   POST logs      LogLine per line           → 204
 *
 * 401 on any of them means that the session is over: the agent reboots the machine only if told to, else it registers
 * again is impossible (one-time token), so it powers off nothing, logs, and retries for two minutes before it stops.
 */
export const AGENT_PATHS = {
  register: '/agent/v1/register',
  task: '/agent/v1/task',
  manifest: '/agent/v1/manifest',
  progress: '/agent/v1/progress',
  result: '/agent/v1/result',
  logs: '/agent/v1/logs',
} as const;

/**
 * Files of the ramdisk that only a machine booted from its own ISO has. Nothing of the kind is looked for on disks: an
 * old config drive there says nothing about this boot.
 */
export const RAMDISK_FILES = {
  /** Kernel arguments of `KERNEL_ARGS`, one a line; they win over those of the command line. */
  arguments: '/etc/ingot/arguments',
  /** OpenStack's network_data.json. */
  networkData: '/etc/ingot/network_data.json',
} as const;

/** Kernel arguments the agent reads from /proc/cmdline. */
export const KERNEL_ARGS = {
  /** Base URL of the agent API, `https://10.77.0.1:8443`. */
  server: 'ingot.server',
  /** `sha256:<hex>` of the DER server certificate. */
  fingerprint: 'ingot.fingerprint',
  /** One-time token. */
  token: 'ingot.token',
  /** `01-52-54-00-…`, added by iPXE. */
  bootif: 'BOOTIF',
} as const;

export interface RegisterRequest {
  token: string;
  /** Empty when the machine was booted from an ISO and no card is known to be the one. */
  bootMac: string;
  agentVersion: string;
  smbios: { uuid?: string; serial?: string; manufacturer?: string; product?: string };
  nics: { name: string; mac: string; ips: string[] }[];
  firmware: 'uefi' | 'bios';
  /** The agent's clock, ms since the epoch, for the skew message. */
  clockMs: number;
  /** Seconds since the kernel started. */
  uptimeSeconds: number;
  /** Random per boot (`/proc/sys/kernel/random/boot_id`): tells a lost answer from a second machine with the token. */
  bootId?: string;
}

export interface RegisterReply {
  sessionKey: string;
  serverTimeMs: number;
  host: { namespace: string; name: string; uid: string };
  attempt: number;
}

interface TaskBase {
  id: string;
  /** ms since the epoch on the server's clock. */
  deadlineMs: number;
}

export type TaskMessage =
  | (TaskBase & { kind: 'inspect' })
  | (TaskBase & { kind: 'clean'; policy: CleanPolicy })
  | (TaskBase & { kind: 'write'; write: WriteTask })
  | (TaskBase & { kind: 'finish'; finish: FinishTask })
  | (TaskBase & { kind: 'power'; action: 'reboot' | 'poweroff' });

/** `metadata`: partition tables and signatures of every non-read-only disk (metal3-compat §2.8). */
export interface CleanPolicy {
  mode: 'metadata';
}

interface WriteBase {
  target: PinnedDisk;
  /** Frame i is at `framesUrl` with `{index}` replaced. Signed, expiring. */
  framesUrl: string;
}

/** An image that is there as a whole. */
export interface WholeImage {
  manifestUrl: string;
  /** `sha256:<hex>` Merkle root; the manifest is refused when it does not have it. */
  manifestDigest: string;
}

/**
 * An image that may still be prepared: frames are told by `GET manifest` as they come to be. Its digest is named last,
 * when the source has been verified; before that the disk must not become bootable.
 */
export interface GrowingImage {
  /** `source:<hex>`, stable over a restart of the server. */
  source: string;
}

export type WriteTask = WriteBase & (WholeImage | GrowingImage);

/**
 * What is known of a growing image from frame `from` on; frames as in a manifest. This comes from the pinned server: the
 * frames themselves may come from anywhere.
 */
export type ManifestReply =
  | { kind: 'growing'; diskBytes: number; frames: readonly unknown[] }
  | { kind: 'complete'; diskBytes: number; frames: readonly unknown[]; digest: string }
  | { kind: 'failed'; code: string; message: string };

export interface FinishTask {
  target: PinnedDisk;
  /** Bytes of the image, so that the backup GPT can be told from the image's own. */
  diskBytes: number;
  /** Path in the config drive → base64 content. Undefined: no config drive. */
  configDrive?: Record<string, string>;
  bootMode: 'uefi' | 'bios';
}

export interface InspectResult {
  kind: 'inspect';
  hardware: HardwareDetails;
  /** All disks that may be written, with every identity the agent knows. */
  disks: DiskFacts[];
}

/** One disk as the agent sees it; what hints are matched against (metal3-compat §4.4). */
export interface DiskFacts {
  /** `/dev/vda` */
  name: string;
  byPath?: string;
  /** Other names below /dev/disk/by-path/ that udev gives it. */
  byPathAlternates?: string[];
  sizeBytes: number;
  logicalSectorBytes: number;
  rotational: boolean;
  model?: string;
  vendor?: string;
  serial?: string;
  wwn?: string;
  wwnWithExtension?: string;
  wwnVendorExtension?: string;
  hctl?: string;
}

export interface CleanResult {
  kind: 'clean';
  /** One entry a disk. `erased` is only said when it was read back. */
  disks: { name: string; serial?: string; action: 'metadata' | 'skipped'; verified: boolean; detail: string }[];
}

export interface WriteResult {
  kind: 'write';
  framesWritten: number;
  framesResumed: number;
  framesZeroed: number;
  bytesFetched: number;
  bytesWritten: number;
  seconds: number;
  /** Root over all that is on the disk now; what the server named for the task. */
  manifestDigest: string;
}

export interface FinishResult {
  kind: 'finish';
  backupGptMoved: boolean;
  configDrive: 'created' | 'reused' | 'none';
  boot: { mode: 'uefi' | 'bios'; detail: string };
}

export interface PowerResult {
  kind: 'power';
}

export type TaskResult = InspectResult | CleanResult | WriteResult | FinishResult | PowerResult;

export interface ProgressMessage {
  taskId: string;
  step: string;
  bytesDone?: number;
  bytesTotal?: number;
}

export interface ProgressReply {
  /** The task is no longer wanted: stop, report nothing, poll again. */
  cancel: boolean;
}

export type ResultMessage =
  | { taskId: string; ok: true; result: TaskResult }
  | { taskId: string; ok: false; error: { code: string; message: string; retry: boolean } };

export interface AgentLogLine {
  atMs: number;
  level: 'debug' | 'info' | 'warn' | 'error';
  message: string;
}
