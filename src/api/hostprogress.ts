import type { FirmwareUpdate } from './firmware.ts';
import type { KubeObject } from './meta.ts';

/**
 * HostProgress (ingot.dev/v1alpha1): private state of one BareMetalHost, same namespace and name, owned by it. Everything
 * the engine must know after a restart, and that Metal3's status has no field for, is here. All fields are in status.
 */
export interface HostProgress extends KubeObject {
  spec?: Record<string, never>;
  status?: HostProgressStatus;
}

/** What this machine gets when it network-boots now. */
export type BootIntent = 'ramdisk' | 'disk' | 'none';

export interface HostProgressStatus {
  /** registering, inspecting, cleaning, provisioning… as a person says it. */
  phase?: string;
  /** The step inside the phase: "writing image", "waiting for agent". */
  step?: string;
  percent?: number;
  bytesDone?: number;
  bytesTotal?: number;
  bytesPerSecond?: number;
  etaSeconds?: number;
  updatedAt?: string;

  /** Counts ramdisk boots that were asked for; tokens and sessions are bound to it. */
  attempt?: number;
  boot?: { intent: BootIntent; since: string };
  /** The one named wait of this host (architecture, principle 5). */
  wait?: HostWait;
  agent?: AgentStatus;
  task?: TaskStatus;
  /** The disk the image goes to, pinned before the first write and until deprovisioned. */
  disk?: PinnedDisk;
  /** `manifestDigest` is not known while the image is prepared; `source`: it was not when the write began. */
  image?: { url: string; manifestDigest?: string; diskBytes: number; source?: string };
  /** `address`: the one that the host was registered with. */
  bmc?: { address?: string; cipherSuite?: number; lastContact?: string; poweredOn?: boolean };
  /** The work under way that takes several steps; resumed from here after a restart. */
  operation?: OperationStatus;
  /** The boot into the ramdisk under way. Absent once the agent has registered. */
  ramdiskBoot?: RamdiskBootStatus;
  /** The ISO that this attempt boots from. Stored before the BMC is told, removed when it was ejected. */
  media?: MediaStatus;
  /** The user's own ISO (`format: live-iso`) is in the virtual CD, and is what the machine runs. */
  liveIso?: { since: string };
  /** The attempt whose ISO was to be ejected while the ramdisk runs: a BMC that will not is not asked on and on. */
  mediaEjectTried?: number;
  /** How much of the ISO was fetched. */
  mediaFetch?: { attempt: number; percent: number; at: string };
  /** Since when an OS has been asked to shut down by itself. */
  softOffSince?: string;
  /** When the disks were last cleaned. Removed before anything is written to them. */
  cleanedAt?: string;
  /** Firmware updates of the operation under way. One is stored as soon as the BMC has taken it. */
  firmware?: FirmwareProgress;
  /** RAID volumes that are still to be made or seen. Stored before the first is deleted, removed when all were seen. */
  raid?: RaidProgress;
  /** Bounded; oldest dropped first. */
  timeline?: TimelineEntry[];
}

export type OperationKind = 'inspect' | 'prepare' | 'service' | 'provision' | 'deprovision';

export interface OperationStatus {
  kind: OperationKind;
  id: string;
  /** One of the steps in the operation's table (`provisioner/steps.ts`). */
  step: string;
  startedAt: string;
  stepSince: string;
  /** Digest of what was asked for: a different request starts over. */
  request: string;
  /** Boots into the ramdisk that this operation has asked for. */
  boots: number;
  /** Tasks of this operation that were issued again after a failure worth retrying. */
  retries: number;
}

export interface FirmwareProgress {
  /** Updates that are over. Kept until the whole operation is. */
  finished?: FirmwareUpdate[];
  /** The one that the BMC is at. */
  update?: FirmwareUpdate;
  /** What the BMC driver follows it by. */
  handle?: string;
  since: string;
  /** The machine was switched off to be restarted for it. */
  switchedOff?: boolean;
  /** The machine was restarted for it. */
  restarted?: boolean;
  /** It is done; the BMC is looked at until it answers steadily. */
  settling?: { since: string; /** Good ones in a row. */ reads: number; readAt: string };
}

export interface RaidProgress {
  /** Digest of the volumes that are wanted. */
  wanted: string;
  /** The plan; it stays the same until the preparation begins anew. */
  creates?: RaidVolumePlan[];
  /** Orders that the controller has taken: volumes to delete, first drives of volumes to make. None is given twice. */
  ordered?: string[];
  /** When the last of them was given. */
  orderedAt?: string;
  /** When the machine was restarted for them. */
  restartedAt?: string;
}

/** One volume, its drives and its controller as the BMC calls them. No `bytes`: all there is. */
export interface RaidVolumePlan {
  controller: string;
  name?: string;
  level: string;
  bytes?: number;
  drives: string[];
}

export interface RamdiskBootStatus {
  /**
   * `boot-mode`: only where a change of it needs a start of its own; `insert-media` and `set-boot-media`: instead of
   * `set-boot-network`, for machines that boot from an ISO.
   */
  step: 'power-off' | 'boot-mode' | 'set-boot-network' | 'insert-media' | 'set-boot-media' | 'power-on' | 'wait-agent';
  since: string;
}

export interface MediaStatus {
  attempt: number;
  /** A virtual CD of the BMC, or fetched by the firmware itself. */
  method: 'virtual-media' | 'uefi-http';
  since: string;
}

export interface HostWait {
  /** "agent to register", "BMC to report power on". */
  name: string;
  since: string;
  until: string;
  /** What to check if it does not come. */
  check?: string;
}

export interface AgentStatus {
  /** The attempt whose token was used. A token works once. */
  attempt: number;
  registeredAt: string;
  lastSeen: string;
  /** Random; the session key is derived from it and the server's secret, so a restarted engine still knows the agent. */
  nonce: string;
  /** Absent when the machine booted from an ISO and knows no card as the one. */
  bootMac?: string;
  /** Of the kernel's boot id, until the session is used: an agent that lost the answer may register again. */
  bootIdDigest?: string;
  ip?: string;
  smbiosUuid?: string;
  /** What the machine really booted with, whatever was asked for. */
  firmware?: 'uefi' | 'bios';
  /** The server's address as this machine reaches it. */
  serverAddress?: string;
}

export interface TaskStatus {
  id: string;
  kind: string;
  issuedAt: string;
  deadline: string;
  state: 'issued' | 'running' | 'succeeded' | 'failed';
  finishedAt?: string;
  error?: { code: string; message: string; retry?: boolean };
}

/** Identity of one disk; at least one of serial, wwn and byPath is set (architecture, principle 7). */
export interface PinnedDisk {
  /** Kernel name when it was pinned. For people; never used to find the disk again. */
  name: string;
  serial?: string;
  wwn?: string;
  byPath?: string;
  sizeBytes: number;
}

export type TimelineSource = 'dhcp' | 'tftp' | 'http' | 'bmc' | 'agent' | 'host';

export interface TimelineEntry {
  at: string;
  source: TimelineSource;
  /** Stable kind, kebab-case: dhcp-discover, tftp-sent, agent-registered, power-on-verified. */
  kind: string;
  /** Plain words, no secrets. */
  text: string;
  /** How often the same thing was seen in a row. */
  count?: number;
  lastAt?: string;
}
