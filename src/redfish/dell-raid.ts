import { sleep } from '../core/clock.ts';
import type { Resource, TaskHandle, Written } from './calls.ts';
import { redfishErrors, refusalOf } from './errors.ts';
import { hasMessage } from './faults.ts';
import { actionAt, linkAt, textAt } from './json.ts';
import { type ServiceDoors, membersIfAny } from './service-doors.ts';

/** Longest wait for a job that makes drives ready while the machine runs. */
const JOB_MS = 60_000;
const LOOK_MS = 1000;

/** The mode of a controller: `RAID`, `HBA`, `EnhancedHBA`. Undefined: not Dell's, or it has but one. */
export function controllerMode(controller: unknown): string | undefined {
  const dell = (name: string) => textAt(controller, 'Oem', 'Dell', name, 'ControllerMode');
  return dell('DellStorageController') ?? dell('DellController');
}

/** `Ready`, `Online`, `NonRAID`, `Foreign`, …; undefined: not Dell's. */
export function raidStatusOf(drive: unknown): string | undefined {
  return textAt(drive, 'Oem', 'Dell', 'DellPhysicalDisk', 'RaidStatus');
}

/** A controller that refuses because it is at work on another order, or keeps one for the next start of the machine. */
export function isOccupied(error: unknown): boolean {
  const refusal = refusalOf(error);
  return refusal !== undefined && hasMessage(refusal, ...OCCUPIED);
}

/** A configuration job for the device exists already (iDRAC), in the words of its generations. */
const OCCUPIED = ['STOR023', 'RAC0679'];
/** There is nothing foreign to clear. */
const NOTHING_FOREIGN = ['STOR018', 'STOR058'];

/**
 * What iDRAC wants before a drive can be in a volume (Ironic drac/raid.py, sushy oem/dell): the controller in RAID mode,
 * no configuration of another controller on the drive, and the drive not passed through to the OS. Other vendors’ drives
 * have none of this and are left alone.
 */
export class DellRaid {
  readonly #doors: ServiceDoors;

  constructor(doors: ServiceDoors) {
    this.#doors = doors;
  }

  /**
   * @param storage the controller
   * @param drives paths of those that a volume is wanted of
   * @param clearForeign what other controllers left on any drive of this one may be lost
   * @throws REDFISH_RAID_MODE, REDFISH_FOREIGN_DRIVES, REDFISH_RAID_OCCUPIED, REDFISH_NOT_APPLIED
   */
  async makeReady(
    storage: Resource,
    drives: readonly string[],
    clearForeign: boolean,
    signal: AbortSignal,
  ): Promise<void> {
    const found = await this.#drives(drives, signal);
    if (found.every((d) => raidStatusOf(d.body) === undefined)) return;
    await this.#checkMode(storage, signal);
    const foreign = having(found, 'Foreign');
    if (foreign.length > 0) {
      if (!clearForeign) throw foreignError(storage, foreign);
      await this.clearForeign(storage, signal);
      await this.#expect(foreign, 'Foreign', signal);
    }
    const passed = having(await this.#drives(drives, signal), 'NonRAID');
    if (passed.length === 0) return;
    await this.#act('ConvertToRAID', { PDArray: passed.map(idOf) }, `drives ${named(passed)} to become RAID`, signal);
    await this.#expect(passed, 'NonRAID', signal);
  }

  /** Of all drives of a controller. Nothing foreign is fine. */
  async clearForeign(storage: Resource, signal: AbortSignal): Promise<void> {
    const what = `foreign configuration on ${idOf(storage)} to be cleared`;
    try {
      await this.#act('ClearForeignConfig', { TargetFQDD: idOf(storage) }, what, signal);
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal === undefined || !hasMessage(refusal, ...NOTHING_FOREIGN)) throw error;
    }
  }

  /**
   * Stages another mode of a controller for the next start of the machine. Drives change how the OS sees them.
   * @throws REDFISH_UNSUPPORTED when its mode cannot be set
   */
  async setMode(storage: Resource, mode: string, signal: AbortSignal): Promise<'done' | 'pending'> {
    const controller = await this.#controller(storage, signal);
    const settings = linkAt(controller?.body, '@Redfish.Settings', 'SettingsObject');
    if (controllerMode(controller?.body) === mode) return 'done';
    if (settings === undefined || controllerMode(controller?.body) === undefined) {
      throw redfishErrors.make(
        'REDFISH_UNSUPPORTED',
        `the mode of controller ${idOf(storage)} cannot be set by Redfish`,
      );
    }
    const { etag } = await this.#doors.calls.get(settings, signal);
    const body = {
      '@Redfish.SettingsApplyTime': { ApplyTime: 'OnReset' },
      Oem: { Dell: { DellStorageController: { ControllerMode: mode } } },
    };
    const send = () => this.#doors.calls.patch(settings, body, signal, etag === undefined ? {} : { etag });
    const written = await occupiedAsError(send, storage);
    if (controllerMode((await this.#controller(storage, signal))?.body) === mode) return 'done';
    const state = written.task === undefined ? undefined : await this.#doors.calls.task(written.task, signal);
    if (state?.kind === 'running') return 'pending';
    const said = state?.messages.join('; ') ?? '';
    throw redfishErrors.make(
      'REDFISH_NOT_APPLIED',
      `controller ${idOf(storage)} is not to be in mode ${mode}: ${said}`,
    );
  }

  async #checkMode(storage: Resource, signal: AbortSignal): Promise<void> {
    const mode = controllerMode((await this.#controller(storage, signal))?.body);
    if (mode === undefined || mode !== 'HBA') return;
    throw redfishErrors.make('REDFISH_RAID_MODE', `controller ${idOf(storage)} is in HBA mode: it makes no volumes`, {
      seen: { controller: storage.path, mode },
    });
  }

  async #controller(storage: Resource, signal: AbortSignal): Promise<Resource | undefined> {
    const [first] = await membersIfAny(this.#doors, linkAt(storage.body, 'Controllers'), signal);
    return first ?? storage;
  }

  async #drives(paths: readonly string[], signal: AbortSignal): Promise<Resource[]> {
    const drives: Resource[] = [];
    for (const path of paths) {
      const drive = await this.#doors.calls.find(path, signal);
      if (drive !== undefined) drives.push(drive);
    }
    return drives;
  }

  /** An action of DellRaidService, to the end of its job. */
  async #act(name: string, body: Record<string, string | string[]>, what: string, signal: AbortSignal): Promise<void> {
    const system = await this.#doors.system(signal);
    const link = linkAt(system.body, 'Links', 'Oem', 'Dell', 'DellRaidService');
    const service = link === undefined ? undefined : await this.#doors.calls.find(link, signal);
    const target = actionAt(service?.body, `#DellRaidService.${name}`);
    if (target === undefined) throw redfishErrors.make('REDFISH_UNSUPPORTED', `the BMC does not offer ${name}`);
    const { task } = await occupiedAsError(() => this.#doors.calls.post(target, body, signal), system);
    if (task !== undefined) await this.#ended(task, what, signal);
    this.#doors.log.info('RAID', { done: what });
  }

  async #ended(task: TaskHandle, what: string, signal: AbortSignal): Promise<void> {
    const end = this.#doors.clock.monotonic() + JOB_MS;
    for (;;) {
      const { kind, state, messages } = await this.#doors.calls.task(task, signal);
      if (kind === 'failed')
        throw redfishErrors.make('REDFISH_TASK_FAILED', `${what}: ${state} ${messages.join('; ')}`);
      if (kind !== 'running') return;
      if (this.#doors.clock.monotonic() >= end) {
        const text = `waited ${JOB_MS / 1000} s for ${what}: its job is ${state} ${messages.join('; ')}`;
        throw redfishErrors.make('REDFISH_RAID_OCCUPIED', text);
      }
      await sleep(this.#doors.clock, LOOK_MS, signal);
    }
  }

  /** The end of a job is a word; the state of the drives is what counts, and shows a moment later. */
  async #expect(drives: readonly Resource[], not: string, signal: AbortSignal): Promise<void> {
    const paths = drives.map((d) => d.path);
    for (let look = 1; ; look++) {
      const left = having(await this.#drives(paths, signal), not);
      if (left.length === 0) return;
      if (look >= 10) throw redfishErrors.make('REDFISH_NOT_APPLIED', `drives ${named(left)} are still ${not}`);
      await sleep(this.#doors.clock, LOOK_MS, signal);
    }
  }
}

/** Runs an order for a controller. @throws REDFISH_RAID_OCCUPIED instead of the refusal of one that is at work */
export async function occupiedAsError(send: () => Promise<Written>, { path }: Resource): Promise<Written> {
  try {
    return await send();
  } catch (error) {
    if (!isOccupied(error)) throw error;
    const text = `${path}: a configuration job exists already, at work or for the next start of the machine`;
    throw redfishErrors.make('REDFISH_RAID_OCCUPIED', text, { cause: error });
  }
}

function foreignError(storage: Resource, drives: readonly Resource[]) {
  const text = `drives ${named(drives)} of ${idOf(storage)} hold the configuration of another controller (foreign)`;
  return redfishErrors.make('REDFISH_FOREIGN_DRIVES', text, { seen: { controller: storage.path } });
}

function having(drives: readonly Resource[], status: string): Resource[] {
  return drives.filter((d) => raidStatusOf(d.body) === status);
}

/** Dell’s FQDD: `Disk.Bay.0:Enclosure.Internal.0-1:RAID.Integrated.1-1`. */
function idOf({ path, body }: Resource): string {
  return textAt(body, 'Id') ?? path.slice(path.lastIndexOf('/') + 1);
}

function named(drives: readonly Resource[]): string {
  return drives.map(idOf).join(', ');
}
