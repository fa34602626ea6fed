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
  image?: { url: string; manifestDigest: string; diskBytes: number };
  bmc?: { cipherSuite?: number; lastContact?: string; poweredOn?: boolean };
  /** Bounded; oldest dropped first. */
  timeline?: TimelineEntry[];
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
  bootMac?: string;
  ip?: string;
  smbiosUuid?: string;
}

export interface TaskStatus {
  id: string;
  kind: string;
  issuedAt: string;
  deadline: string;
  state: 'issued' | 'running' | 'succeeded' | 'failed';
  finishedAt?: string;
  error?: { code: string; message: string };
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
