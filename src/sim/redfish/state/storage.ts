import type { DriveFacts } from '../machine-door.ts';

export type RaidType = 'RAID0' | 'RAID1' | 'RAID5' | 'RAID6' | 'RAID10' | 'RAID50' | 'RAID60';

/** Fewest drives of each level, and the share of the bytes that n drives give. */
export const RAID: Readonly<Record<RaidType, { min: number; usable: (drives: number) => number }>> = {
  RAID0: { min: 1, usable: (n) => n },
  RAID1: { min: 2, usable: () => 1 },
  RAID5: { min: 3, usable: (n) => n - 1 },
  RAID6: { min: 4, usable: (n) => n - 2 },
  RAID10: { min: 4, usable: (n) => Math.floor(n / 2) },
  RAID50: { min: 6, usable: (n) => n - 2 },
  RAID60: { min: 8, usable: (n) => n - 4 },
};

export interface Volume {
  id: string;
  name: string;
  raid: RaidType;
  bytes: number;
  drives: readonly string[];
}

/** PERC 9 knows RAID and HBA, PERC 10 RAID and EnhancedHBA, later ones RAID alone. */
export type ControllerMode = 'RAID' | 'EnhancedHBA' | 'HBA';

/** Levels that a controller makes in each mode. */
export const MODE_LEVELS: Readonly<Record<ControllerMode, readonly RaidType[]>> = {
  RAID: Object.keys(RAID) as RaidType[],
  EnhancedHBA: ['RAID0', 'RAID1', 'RAID10'],
  HBA: [],
};

/** In what state a machine's storage is found. Drives by their ids. */
export interface StorageOptions {
  /** Default RAID. */
  mode?: ControllerMode;
  /** Drives with the configuration of another controller on them: none can use them before it is cleared. */
  foreign?: readonly string[];
  /** Drives that the controller passes through, and that must be converted before a volume can have them. */
  nonRaid?: readonly string[];
  /** Default true: volumes are made while the machine runs. False, as on BOSS cards: only at its next start. */
  realTime?: boolean;
}

/** The RAID controller's volumes. A drive belongs to at most one. Its fields may be changed at any time. */
export class StorageState {
  mode: ControllerMode;
  realTime: boolean;
  readonly foreign: Set<string>;
  readonly nonRaid: Set<string>;
  readonly #drives: readonly DriveFacts[];
  readonly #volumes = new Map<string, Volume>();
  #nextId = 1;

  constructor(drives: readonly DriveFacts[], options: StorageOptions = {}) {
    this.#drives = drives;
    this.mode = options.mode ?? 'RAID';
    this.realTime = options.realTime ?? true;
    this.foreign = new Set(options.foreign);
    this.nonRaid = new Set(options.nonRaid);
  }

  list(): Volume[] {
    return [...this.#volumes.values()];
  }

  get(id: string): Volume | undefined {
    return this.#volumes.get(id);
  }

  volumeOf(drive: string): Volume | undefined {
    return this.list().find((v) => v.drives.includes(drive));
  }

  /** Bytes that a volume over these drives can have at most. */
  capacity(raid: RaidType, drives: readonly string[]): number {
    const sizes = drives.map((id) => this.#drives.find((d) => d.id === id)?.bytes ?? 0);
    return Math.min(...sizes) * RAID[raid].usable(drives.length);
  }

  create(volume: Omit<Volume, 'id'>): Volume {
    const made = { ...volume, id: String(this.#nextId++) };
    this.#volumes.set(made.id, made);
    return made;
  }

  remove(id: string): void {
    this.#volumes.delete(id);
  }
}
