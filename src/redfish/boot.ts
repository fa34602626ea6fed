import { sleep } from '../core/clock.ts';
import { errorText } from '../core/errors.ts';
import {
  type BootOverride,
  type BootVerdict,
  bootForms,
  bootModeIn,
  compareOverride,
  modeName,
  readOverride,
  targetFor,
} from './boot-override.ts';
import type { JsonObject, Resource } from './calls.ts';
import { redfishErrors, refusalOf } from './errors.ts';
import { linkAt, objectAt, textsAt } from './json.ts';
import type { Personality } from './quirks.ts';
import type { ServiceDoors } from './service-doors.ts';

export interface BootDoors extends ServiceDoors {
  personality: (signal: AbortSignal) => Promise<Personality>;
}

/** Looks at the override until it reads back; BMCs that pass it on to the firmware take a moment. */
const LOOKS = 4;
const LOOK_MS = 500;
/** Refusals that another form of the same wish may not meet: the emulators and some BMCs say 500 for bad input. */
const OTHER_FORM = new Set([400, 403, 405, 409, 412, 422, 428, 500, 501]);

/** Boot override of a System (`Boot`), every change read back. */
export class SystemBoot {
  readonly #doors: BootDoors;

  constructor(doors: BootDoors) {
    this.#doors = doors;
  }

  /** What the next start does: where overrides are pending in a settings object, those. */
  async override(signal: AbortSignal): Promise<BootOverride> {
    const system = await this.#doors.system(signal);
    return readOverride((await this.#place(system, signal)).body);
  }

  /**
   * Sets the override, by the first form that the BMC takes and reads back.
   * @throws REDFISH_UNSUPPORTED, REDFISH_NOT_APPLIED with what each form met
   */
  async set(wanted: BootOverride, signal: AbortSignal): Promise<void> {
    const { calls, log } = this.#doors;
    const { quirks } = await this.#doors.personality(signal);
    const system = await this.#doors.system(signal);
    const target = targetFor(wanted.device, system.body, quirks);
    if (target === undefined) throw unsupported(system, wanted);
    const place = await this.#place(system, signal);
    const met: string[] = [];
    for (const Boot of bootForms(wanted, target, system.body, quirks)) {
      // Its ETag changes with every write.
      const { path, etag } = met.length === 0 ? place : await calls.get(place.path, signal);
      try {
        const written = await calls.patch(path, { Boot }, signal, etag === undefined ? {} : { etag });
        if (written.task !== undefined) await calls.follow(written.task, signal);
      } catch (error) {
        if (!OTHER_FORM.has(refusalOf(error)?.status ?? 0)) throw error;
        met.push(errorText(error));
        continue;
      }
      const verdict = await this.#verdict(wanted, place.path, signal);
      if (verdict.kind === 'different') {
        met.push(verdict.why);
        continue;
      }
      if (verdict.kind === 'tolerated') log.warn('boot override accepted as read back', { why: verdict.why });
      if (quirks.has('boot-resync-mode')) await this.#resyncMode(wanted, Boot, signal);
      return;
    }
    throw redfishErrors.make('REDFISH_NOT_APPLIED', `boot override ${wanted.device}: ${[...new Set(met)].join('; ')}`, {
      seen: { wanted: { ...wanted, httpUri: undefined }, met },
    });
  }

  /** The settings object, where the System has one that knows the override (sushy: PendingSettings); else the System. */
  async #place(system: Resource, signal: AbortSignal): Promise<Resource> {
    const link = linkAt(system.body, '@Redfish.Settings', 'SettingsObject');
    if (link === undefined || link === system.path) return system;
    const settings = await this.#doors.calls.find(link, signal);
    return objectAt(settings?.body, 'Boot')?.['BootSourceOverrideTarget'] === undefined ? system : (settings ?? system);
  }

  async #verdict(wanted: BootOverride, place: string, signal: AbortSignal): Promise<BootVerdict> {
    const { calls, clock } = this.#doors;
    const { quirks } = await this.#doors.personality(signal);
    for (let look = 1; ; look++) {
      const system = await this.#doors.system(signal);
      const verdict = compareOverride(wanted, readOverride(system.body), quirks);
      if (verdict.kind !== 'different') return verdict;
      if (place !== system.path) {
        const pending = compareOverride(wanted, readOverride((await calls.get(place, signal)).body), quirks);
        if (pending.kind !== 'different') return { kind: 'tolerated', why: 'it applies at the next start' };
      }
      if (look >= LOOKS) return verdict;
      await sleep(clock, LOOK_MS * look, signal);
    }
  }

  /** Supermicro forgets the boot mode over an override; without it the machine would look for the wrong loader. */
  async #resyncMode(wanted: BootOverride, boot: JsonObject, signal: AbortSignal): Promise<void> {
    const { body, path, etag } = await this.#doors.system(signal);
    const mode = bootModeIn(body);
    if (mode === undefined || mode === wanted.firmware || wanted.device === 'none') return;
    const Boot = { ...boot, BootSourceOverrideMode: modeName(wanted.firmware) };
    await this.#doors.calls.patch(path, { Boot }, signal, etag === undefined ? {} : { etag });
    const verdict = await this.#verdict(wanted, path, signal);
    if (verdict.kind === 'same') return;
    this.#doors.log.warn('boot mode after the boot override', { why: verdict.why });
    if (verdict.kind === 'different') throw redfishErrors.make('REDFISH_NOT_APPLIED', `boot override: ${verdict.why}`);
  }
}

function unsupported(system: Resource, { device }: BootOverride) {
  const allowed = textsAt(system.body, 'Boot', 'BootSourceOverrideTarget@Redfish.AllowableValues');
  const text = `${system.path} cannot be told to boot from "${device}": it offers ${allowed.join(', ')}`;
  return redfishErrors.make('REDFISH_UNSUPPORTED', text, { seen: { allowed } });
}
