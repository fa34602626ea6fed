import { sleep } from '../core/clock.ts';
import { errorText } from '../core/errors.ts';
import {
  type BootOverride,
  type BootVerdict,
  bootForms,
  bootModeIn,
  bootTriple,
  compareOverride,
  modeName,
  httpBootUriIn,
  readOverride,
  targetFor,
} from './boot-override.ts';
import type { JsonObject, Resource, TaskHandle } from './calls.ts';
import { redfishErrors, refusalOf } from './errors.ts';
import { linkAt, objectAt, textAt, textsAt } from './json.ts';
import type { Personality } from './quirks.ts';
import type { ServiceDoors } from './service-doors.ts';

export interface BootDoors extends ServiceDoors {
  personality: (signal: AbortSignal) => Promise<Personality>;
  /** The machine boots by UEFI HTTP for us: an HttpBootUri that is there is one of ours. */
  httpBoot?: boolean;
}

/** Looks at the override until it reads back; BMCs that pass it on to the firmware take a moment. */
const LOOKS = 4;
const LOOK_MS = 500;
/** A BMC that answers before it has done it does it within this, or keeps it for the next start of the machine. */
const TASK_LOOKS = 10;
const TASK_MS = 1000;
/** Settings of one override that did not hold until the start. */
const HOLD_TRIES = 3;
/** So long an override for one start is a wish of ours, if nothing has started the machine. */
const WISH_MS = 600_000;
/** Refusals that another form of the same wish may not meet: the emulators and some BMCs say 500 for bad input. */
const OTHER_FORM = new Set([400, 403, 405, 409, 412, 422, 428, 500, 501]);

/** What the next start is to do. */
interface Wish {
  override: BootOverride;
  /** Monotonic ms. */
  since: number;
  /** Asked for at every start, and taken for one: set again before each of ours. */
  renewed: boolean;
}

/** Boot override of a System (`Boot`), every change read back. */
export class SystemBoot {
  readonly #doors: BootDoors;
  #wish: Wish | undefined;

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
    this.#wish = undefined;
    const renewed = (await this.#write(wanted, signal)) === 'Once' && wanted.persistence === 'persistent';
    if (wanted.device === 'none') return;
    this.#wish = { override: wanted, since: this.#doors.clock.monotonic(), renewed };
  }

  /**
   * Right before the machine is started: what was set is looked at again, since some BMCs drop an override minutes after
   * they have shown it (after a self test, after a BIOS job), and set again if it is gone. After the start there is
   * nothing to look at: an override that was used and one that was dropped read the same.
   * @param system as it was just read
   * @throws REDFISH_NOT_APPLIED when it does not hold
   */
  async hold(system: Resource, signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#doors;
    const wish = this.#wish;
    if (wish === undefined) return;
    const { override, renewed } = wish;
    if (!renewed && clock.monotonic() - wish.since > WISH_MS) return;
    for (let attempt = 1, now = system; ; attempt++, now = await this.#doors.system(signal)) {
      const verdict = await this.#compare(override, now, await this.#place(now, signal), signal);
      if (verdict.kind !== 'different') return;
      if (attempt > HOLD_TRIES) {
        const text = `boot override ${override.device} does not hold: set and read back ${attempt} times, and each time`;
        // The machine’s own boot order leads to the disk too: the agent has put its entry first.
        if (override.device === 'disk') return log.warn(`${text} gone right before the start`, { why: verdict.why });
        throw redfishErrors.make('REDFISH_NOT_APPLIED', `${text} gone right before the start (${verdict.why})`);
      }
      log.warn('boot override is gone before the start; setting it again', { why: verdict.why, attempt });
      await this.#write(override, signal);
    }
  }

  /** The machine was started: what is left of the wish is what holds for the next start too. */
  started(): void {
    if (this.#wish?.renewed !== true) this.#wish = undefined;
  }

  /** @returns the Enabled that the BMC took */
  async #write(wanted: BootOverride, signal: AbortSignal): Promise<string> {
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
        if (written.task !== undefined) await this.#awaitTask(written.task, signal);
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
      if (wanted.device !== 'http') await this.#forgetHttpUri([system, place], signal);
      return textAt(Boot, 'BootSourceOverrideEnabled') ?? '';
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
    for (let look = 1; ; look++) {
      const system = await this.#doors.system(signal);
      const there = place === system.path ? system : await this.#doors.calls.get(place, signal);
      const verdict = await this.#compare(wanted, system, there, signal);
      if (verdict.kind !== 'different' || look >= LOOKS) return verdict;
      await sleep(this.#doors.clock, LOOK_MS * look, signal);
    }
  }

  /** By the System, or by what waits in its settings object. */
  async #compare(wanted: BootOverride, system: Resource, place: Resource, signal: AbortSignal): Promise<BootVerdict> {
    const { quirks } = await this.#doors.personality(signal);
    const verdict = compareOverride(wanted, readOverride(system.body), quirks);
    if (verdict.kind !== 'different' || place.path === system.path) return verdict;
    const pending = compareOverride(wanted, readOverride(place.body), quirks);
    return pending.kind === 'different' ? verdict : { kind: 'tolerated', why: 'it applies at the next start' };
  }

  /** Not for ever: a job for the next start of the machine (iDRAC, where the mode changes) ends only after that. */
  async #awaitTask(task: TaskHandle, signal: AbortSignal): Promise<void> {
    for (let look = 1; look <= TASK_LOOKS; look++) {
      const { kind, messages } = await this.#doors.calls.task(task, signal);
      if (kind === 'failed') throw redfishErrors.make('REDFISH_TASK_FAILED', `boot override: ${messages.join('; ')}`);
      if (kind !== 'running') return;
      await sleep(this.#doors.clock, TASK_MS, signal);
    }
  }

  /**
   * What a UEFI HTTP boot has left: a later one without an address of its own would fetch from there. An address that a
   * person keeps on a machine which boots otherwise is left alone.
   */
  async #forgetHttpUri([system, { path: place, body: before }]: [Resource, Resource], signal: AbortSignal) {
    const { calls, log, httpBoot } = this.#doors;
    const targets = [system.body, before].map((body) => textAt(body, 'Boot', 'BootSourceOverrideTarget'));
    if (httpBoot !== true && !targets.includes('UefiHttp')) return;
    const { quirks } = await this.#doors.personality(signal);
    // It says in each answer the address that it was given last, and has no way to take it back (sushy-tools).
    if (quirks.has('http-reads-cd')) return;
    for (const HttpBootUri of [null, '']) {
      const { path, etag, body } = await calls.get(place, signal);
      if (httpBootUriIn(body) === undefined) return;
      const Boot = { ...(quirks.has('boot-full') ? bootTriple(body) : {}), HttpBootUri };
      try {
        await calls.patch(path, { Boot }, signal, etag === undefined ? {} : { etag });
      } catch (error) {
        if (refusalOf(error) === undefined) throw error;
        log.debug('HttpBootUri not cleared', { as: String(HttpBootUri), why: errorText(error) });
      }
    }
    if (httpBootUriIn((await calls.get(place, signal)).body) === undefined) return;
    log.warn('HttpBootUri of the last UEFI HTTP boot cannot be cleared; nothing boots from it');
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
