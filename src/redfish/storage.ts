import { sleep } from '../core/clock.ts';
import type { JsonObject, Resource } from './calls.ts';
import { DellRaid, controllerMode, occupiedAsError, raidStatusOf } from './dell-raid.ts';
import { redfishErrors, refusalOf } from './errors.ts';
import { defined, healthAt, flagAt, linkAt, linksAt, numberAt, objectAt, objectsAt, textAt, textsAt } from './json.ts';
import { type ServiceDoors, firstTaken, membersAt, membersIfAny } from './service-doors.ts';

export interface StorageDrive {
  id: string;
  name: string;
  bytes?: number;
  rotational?: boolean;
  media?: 'HDD' | 'SSD' | 'NVME';
  model?: string;
  manufacturer?: string;
  serialNumber?: string;
  health?: 'ok' | 'warning' | 'critical';
  failurePredicted?: boolean;
  /** As Dell tells it. */
  raidStatus?: string;
}

export interface StorageVolume {
  id: string;
  name: string;
  level?: string;
  bytes?: number;
  drives: readonly string[];
}

export interface StorageController {
  id: string;
  name: string;
  /** As Dell tells it. */
  mode?: string;
  raidTypes: readonly string[];
  drives: readonly StorageDrive[];
  volumes: readonly StorageVolume[];
}

/** Metal3's level → RAIDType, and the VolumeType that services from before RAIDType know. */
const LEVELS: Readonly<Record<string, { type: string; volumeType: string }>> = {
  '0': { type: 'RAID0', volumeType: 'NonRedundant' },
  '1': { type: 'RAID1', volumeType: 'Mirrored' },
  '5': { type: 'RAID5', volumeType: 'StripedWithParity' },
  '6': { type: 'RAID6', volumeType: 'StripedWithParity' },
  '1+0': { type: 'RAID10', volumeType: 'SpannedMirrors' },
  '5+0': { type: 'RAID50', volumeType: 'SpannedStripesWithParity' },
  '6+0': { type: 'RAID60', volumeType: 'SpannedStripesWithParity' },
};

/** Of a change that the BMC says is done. */
const LOOKS = 5;
const LOOK_MS = 1000;

/** Controllers, drives and RAID volumes (DSP2046, Storage, Drive and Volume schemas). */
export class Storage {
  readonly #doors: ServiceDoors;
  readonly #dell: DellRaid;

  constructor(doors: ServiceDoors) {
    this.#doors = doors;
    this.#dell = new DellRaid(doors);
  }

  async controllers(signal: AbortSignal): Promise<StorageController[]> {
    const storages = await this.#storages(signal);
    return Promise.all(storages.map((storage) => this.#read(storage, signal)));
  }

  /**
   * Makes a volume and looks for it.
   * @param volume `clearForeign`: what other controllers left on any drive of this one may be lost
   * @returns `pending` when the controller is at it, or makes it at the next start
   * @throws REDFISH_UNSUPPORTED for an unknown level or controller, REDFISH_NOT_APPLIED, what `DellRaid.makeReady` throws
   */
  async createVolume(
    volume: {
      controller: string;
      name?: string;
      level: string;
      bytes?: number;
      drives: readonly string[];
      clearForeign?: boolean;
    },
    signal: AbortSignal,
  ): Promise<'done' | 'pending'> {
    const level = LEVELS[volume.level];
    if (level === undefined)
      throw redfishErrors.make('REDFISH_UNSUPPORTED', `RAID level "${volume.level}" is not known`);
    const { storage, collection, resource } = await this.#volumesOf(volume.controller, signal);
    await this.#dell.makeReady(storage, volume.drives, volume.clearForeign === true, signal);
    const before = new Set((await membersAt(this.#doors, collection, signal)).map((m) => m.path));
    const common: JsonObject = {
      ...(volume.name === undefined ? {} : { Name: volume.name }),
      // Nothing said means all there is; a number that is a little too large means an error.
      ...(volume.bytes === undefined ? {} : { CapacityBytes: volume.bytes }),
      ...applyTime(resource),
    };
    const drives = volume.drives.map((id) => ({ '@odata.id': id }));
    const forms: JsonObject[] = [
      { RAIDType: level.type, ...common, Links: { Drives: drives } },
      { RAIDType: level.type, ...common, Drives: drives },
      { VolumeType: level.volumeType, ...common, Links: { Drives: drives } },
      { VolumeType: level.volumeType, ...common, Drives: drives },
    ];
    const written = await firstTaken(
      forms,
      (form) => occupiedAsError(() => this.#doors.calls.post(collection, form, signal), storage),
      (error) => [400, 422].includes(refusalOf(error)?.status ?? 0),
    );
    const isNew = async () => (await membersAt(this.#doors, collection, signal)).some((m) => !before.has(m.path));
    return this.#outcome(written.task, isNew, `a RAID ${volume.level} volume`, signal);
  }

  async deleteVolume(volume: string, signal: AbortSignal): Promise<'done' | 'pending'> {
    const found = await this.#doors.calls.find(volume, signal);
    if (found === undefined) return 'done';
    const written = await occupiedAsError(() => this.#doors.calls.delete(volume, signal), found);
    const gone = async () => (await this.#doors.calls.find(volume, signal)) === undefined;
    return this.#outcome(written.task, gone, `the end of volume ${volume}`, signal);
  }

  /** @throws REDFISH_UNSUPPORTED */
  async setControllerMode(controller: string, mode: string, signal: AbortSignal): Promise<'done' | 'pending'> {
    return this.#dell.setMode(await this.#storage(controller, signal), mode, signal);
  }

  async clearForeign(controller: string, signal: AbortSignal): Promise<void> {
    await this.#dell.clearForeign(await this.#storage(controller, signal), signal);
  }

  async #outcome(
    task: Parameters<ServiceDoors['calls']['task']>[0] | undefined,
    reached: () => Promise<boolean>,
    name: string,
    signal: AbortSignal,
  ): Promise<'done' | 'pending'> {
    if (await reached()) return 'done';
    if (task !== undefined) {
      const state = await this.#doors.calls.task(task, signal);
      if (state.kind === 'failed')
        throw redfishErrors.make('REDFISH_TASK_FAILED', `${name}: ${state.messages.join('; ')}`);
      if (state.kind === 'running') return 'pending';
    }
    // The inventory follows the job.
    for (let look = 1; look <= LOOKS; look++) {
      if (await reached()) return 'done';
      await sleep(this.#doors.clock, LOOK_MS, signal);
    }
    throw redfishErrors.make('REDFISH_NOT_APPLIED', `${name} was ordered and is not to be seen`);
  }

  async #storages(signal: AbortSignal): Promise<Resource[]> {
    const system = await this.#doors.system(signal);
    return membersIfAny(this.#doors, linkAt(system.body, 'Storage'), signal);
  }

  async #storage(controller: string, signal: AbortSignal): Promise<Resource> {
    const storages = await this.#storages(signal);
    const found = storages.find((s) => s.path === controller || textAt(s.body, 'Id') === controller);
    if (found !== undefined) return found;
    const known = storages.map((s) => textAt(s.body, 'Id') ?? s.path).join(', ');
    const text = `no storage controller "${controller}"; there are ${known === '' ? 'none' : known}`;
    throw redfishErrors.make('REDFISH_UNSUPPORTED', text);
  }

  async #volumesOf(
    controller: string,
    signal: AbortSignal,
  ): Promise<{ storage: Resource; collection: string; resource: Resource }> {
    const storage = await this.#storage(controller, signal);
    const collection = linkAt(storage.body, 'Volumes');
    if (collection === undefined) {
      const text = `controller "${controller}" makes no volumes by Redfish (iLO 5 does not, nor do most HBAs)`;
      throw redfishErrors.make('REDFISH_UNSUPPORTED', text);
    }
    return { storage, collection, resource: await this.#doors.calls.get(collection, signal) };
  }

  async #read(storage: Resource, signal: AbortSignal): Promise<StorageController> {
    const { body, path } = storage;
    const drives: StorageDrive[] = [];
    // One after the other: a BMC that is asked for 24 drives at once gives up.
    for (const link of linksAt(body, 'Drives')) {
      const drive = await this.#doors.calls.find(link, signal);
      if (drive !== undefined) drives.push(readDrive(drive));
    }
    const [inline] = objectsAt(body, 'StorageControllers');
    const [controller = inline] = (await membersIfAny(this.#doors, linkAt(body, 'Controllers'), signal)).map(
      (c) => c.body,
    );
    const volumes = await membersIfAny(this.#doors, linkAt(body, 'Volumes'), signal);
    return {
      id: path,
      name: textAt(controller, 'Name') ?? textAt(body, 'Name') ?? textAt(body, 'Id') ?? path,
      ...defined({ mode: controllerMode(controller) ?? controllerMode(body) }),
      raidTypes: textsAt(controller, 'SupportedRAIDTypes'),
      drives,
      volumes: volumes.map(readVolume),
    };
  }
}

export function readDrive({ path, body }: Resource): StorageDrive {
  const protocol = textAt(body, 'Protocol');
  const type = textAt(body, 'MediaType');
  const media = protocol === 'NVMe' ? 'NVME' : type === 'HDD' || type === 'SSD' ? type : undefined;
  const optional = {
    bytes: numberAt(body, 'CapacityBytes'),
    rotational: type === undefined ? undefined : type === 'HDD',
    media,
    model: textAt(body, 'Model'),
    manufacturer: textAt(body, 'Manufacturer'),
    serialNumber: textAt(body, 'SerialNumber'),
    health: healthAt(body),
    failurePredicted: flagAt(body, 'FailurePredicted'),
    raidStatus: raidStatusOf(body),
  } as const;
  return { id: path, name: textAt(body, 'Name') ?? textAt(body, 'Id') ?? path, ...defined(optional) };
}

function readVolume({ path, body }: Resource): StorageVolume {
  const type = textAt(body, 'RAIDType');
  const level = Object.entries(LEVELS).find(([, l]) => l.type === type)?.[0];
  const bytes = numberAt(body, 'CapacityBytes');
  return {
    id: path,
    name: textAt(body, 'DisplayName') ?? textAt(body, 'Name') ?? path,
    ...(level === undefined ? {} : { level }),
    ...(bytes === undefined ? {} : { bytes }),
    drives: linksAt(body, 'Links', 'Drives'),
  };
}

/** At once where the controller can, at the next start where it can only that, unsaid where it says nothing. */
function applyTime(collection: Resource): JsonObject {
  const times = textsAt(objectAt(collection.body, '@Redfish.OperationApplyTimeSupport'), 'SupportedValues');
  const best = ['Immediate', 'OnReset'].find((time) => times.includes(time));
  return best === undefined ? {} : { '@Redfish.OperationApplyTime': best };
}
