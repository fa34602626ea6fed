import type { BareMetalHost, Image } from '../api/baremetalhost.ts';
import type { HostProgressStatus } from '../api/hostprogress.ts';
import type { ObjectKey } from '../api/meta.ts';
import type { Bmc } from '../bmc/bmc.ts';
import type { EventUrls } from '../boot/event-urls.ts';
import type { ProgressBook } from '../boot/progress-book.ts';
import type { Timeline } from '../boot/timeline.ts';
import type { UrlSigner } from '../boot/url-signing.ts';
import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/log.ts';
import type { ImageManifest } from '../image/manifest-types.ts';
import type { ConsoleRecorder } from './console-recorder.ts';
import type { AgentSessions } from './agent-sessions.ts';
import type { Astray } from './astray.ts';
import type { HostContext, HostWakeup } from './provisioner.ts';
import type { TaskBoard } from './task-board.ts';

/** One open BMC per host. `bmc/pool.ts` through the composition; a fake in tests. */
export interface BmcSource {
  /** @throws errors of `bmcErrors`: address not understood, scheme unsupported */
  get(host: HostContext): Promise<Bmc>;
  release(key: ObjectKey): Promise<void>;
}

export interface PreparedImage {
  digest: string;
  manifest: ImageManifest;
  /** `source:<hex>`: what it was called while it was prepared. */
  source: string;
}

export interface ImageProgress {
  /** downloading, verifying, converting */
  step: string;
  bytesDone: number;
  bytesTotal?: number;
  /** Frames can be had: an agent may begin to write them. */
  growing?: GrowingSource;
}

/** An image of which frames can be had while it is prepared. */
export interface GrowingSource {
  /** `source:<hex>`: what `image/` calls it until its digest is known. */
  source: string;
  diskBytes: number;
}

/** Fetches, checks and converts. `image/` through the composition. */
export interface ImageSource {
  /** @throws errors of `imageErrors` */
  prepare(
    image: Image,
    options: { signal: AbortSignal; onProgress: (progress: ImageProgress) => void },
  ): Promise<PreparedImage>;
  /** Drops a prepared image that is damaged, so that `prepare` makes it again. @returns whether it is whole */
  recheck(digest: string, signal: AbortSignal): Promise<boolean>;
}

/** The ramdisk as an ISO, one a host and attempt. `boot/ramdisk-media.ts`; a fake in tests. */
export interface MediaSource {
  /**
   * What the BMC or the firmware fetches for the boot under way; the same for one attempt.
   * @throws BOOT_ISO_MISSING, BOOT_ISO_TOO_SMALL, BOOT_MEDIA_ADDRESS, HOST_NETWORK_DATA_*
   */
  url(host: BareMetalHost, status: HostProgressStatus): Promise<string>;
}

/** How long things may take. Defaults suit real servers; tests and labs shorten them. */
export interface Limits {
  /** From power on to the agent's registration. Large servers take minutes to get through their self test. */
  agentBootMs: number;
  /**
   * After a restart of the engine: a machine of which nothing is known, and that is silent for so long after its power on,
   * has asked for its boot while nobody listened. Large servers need up to ten minutes for their self test.
   */
  missedBootMs: number;
  /** Firmware repeats an unanswered request for so long (PXE 2.1: 4, 8, 16 and 32 s). */
  bootRetriesMs: number;
  /** Boots into the ramdisk that one operation may use. */
  boots: number;
  /** An agent not heard for this long is looked at: is the machine still on? */
  agentSuspectMs: number;
  /** An agent not heard for this long is lost. */
  agentLostMs: number;
  inspectMs: number;
  /** From the restart of a machine to its BIOS settings being in force. */
  biosMs: number;
  /** A RAID controller that works at once has carried out an order by then; later means: at the next start. */
  raidOrderMs: number;
  /** From the restart of a machine to the RAID volumes that waited for it. */
  raidMs: number;
  /** One firmware update, the restarts of BMC and machine included. */
  firmwareMs: number;
  /** Between two looks at a BMC that was just flashed, and how long it may take until it answers steadily. */
  settleEveryMs: number;
  settleMs: number;
  cleanMs: number;
  finishMs: number;
  /** Least time for a write; large images get more. */
  writeMs: number;
  /** A write slower than this is given up. */
  writeBytesPerSecond: number;
  /** Times that a task may be issued again after a failure worth retrying. */
  taskRetries: number;
  /** One exchange with a BMC, with all its retries and the read-back. */
  bmcMs: number;
  /** A BMC that does not answer for this long is a failure. */
  bmcTroubleMs: number;
  softOffMs: number;
  /** From the moment the machine waits for its image. */
  imageMs: number;
}

export const DEFAULT_LIMITS: Limits = {
  agentBootMs: 900_000,
  missedBootMs: 240_000,
  bootRetriesMs: 60_000,
  boots: 3,
  agentSuspectMs: 15_000,
  agentLostMs: 90_000,
  inspectMs: 300_000,
  biosMs: 900_000,
  raidOrderMs: 30_000,
  raidMs: 1_200_000,
  firmwareMs: 7_200_000,
  settleEveryMs: 30_000,
  settleMs: 480_000,
  cleanMs: 900_000,
  finishMs: 300_000,
  writeMs: 1_800_000,
  writeBytesPerSecond: 1 << 20,
  taskRetries: 3,
  bmcMs: 90_000,
  bmcTroubleMs: 60_000,
  softOffMs: 180_000,
  imageMs: 4 * 3600_000,
};

export interface ProvisionerDoors {
  book: ProgressBook;
  timeline: Timeline;
  sessions: AgentSessions;
  board: TaskBoard;
  astray: Astray;
  bmcs: BmcSource;
  images: ImageSource;
  media: MediaSource;
  signer: UrlSigner;
  /** Records consoles of boots; undefined: there is nowhere to keep them. */
  recorder?: Pick<ConsoleRecorder, 'start' | 'keepOn' | 'finish'> | undefined;
  /** Where BMCs post their events; undefined: they are not asked to. */
  events?: EventUrls | undefined;
  /** Are all consoles recorded, or only those of hosts whose annotation asks for it? */
  recordAll?: boolean;
  clock: Clock;
  /** Uniform in [0, 1). */
  random: () => number;
  log: Logger;
  /** A random name for one operation. */
  uuid: () => string;
  wake: HostWakeup;
  limits: Limits;
  /** Since when this engine listens for machines, wall time in ms. */
  listeningSince: number;
  /** `http://10.77.0.1:8080`, as this host reaches the server. */
  httpBase: (status: HostProgressStatus) => string;
  /** Aborts when the engine stops. */
  signal: AbortSignal;
}
