import { sleep } from '../core/clock.ts';
import { errorText } from '../core/errors.ts';
import type { JsonObject, Resource, Written } from './calls.ts';
import { redfishErrors, refusalOf } from './errors.ts';
import { flagAt, linkAt, linksAt, textAt } from './json.ts';
import type { ServiceDoors } from './service-doors.ts';
import { type Slot, candidates, holds, readSlot } from './media-slots.ts';

/** Looks at a slot until it reads back what was asked for. */
const SETTLE_MS = 20_000;
const LOOK_MS = 500;
/** A BMC that answers 5xx is often still ejecting (Dell: "eject in progress"). */
const BUSY_TRIES = 3;
const BUSY_MS = 3000;

/** Virtual media over all slots a BMC has (DSP0266, VirtualMedia schema). */
export class VirtualMedia {
  readonly #doors: ServiceDoors;

  constructor(doors: ServiceDoors) {
    this.#doors = doors;
  }

  /** @throws REDFISH_UNSUPPORTED when the BMC has no virtual media at all */
  async slots(signal: AbortSignal): Promise<Slot[]> {
    const system = await this.#doors.system(signal);
    const collections = [linkAt(system.body, 'VirtualMedia')];
    for (const manager of linksAt(system.body, 'Links', 'ManagedBy')) {
      const found = await this.#doors.calls.find(manager, signal);
      collections.push(linkAt(found?.body, 'VirtualMedia'));
    }
    for (const collection of collections) {
      if (collection === undefined) continue;
      const members = await this.#membersOf(collection, signal);
      if (members.length > 0) return members.map(readSlot);
    }
    throw redfishErrors.make('REDFISH_UNSUPPORTED', 'the BMC offers no virtual media');
  }

  /** Nothing but "not there" means that there is none. */
  async #membersOf(collection: string, signal: AbortSignal): Promise<Resource[]> {
    try {
      return await this.#doors.calls.members(collection, signal);
    } catch (error) {
      if (redfishErrors.is(error, 'REDFISH_NOT_FOUND')) return [];
      throw error;
    }
  }

  /**
   * Inserts an ISO image into the first slot that takes it and reads it back.
   * @param url http or https, fetched by the BMC
   * @throws REDFISH_NOT_APPLIED with what each slot said, REDFISH_UNSUPPORTED
   */
  async insert(url: string, options: { keepOthers: boolean }, signal: AbortSignal): Promise<Slot> {
    const slots = await this.slots(signal);
    // Ejected even where nothing seems to be: iDRAC reports what was there before, and an old ISO wins the boot.
    if (!options.keepOthers) for (const slot of slots) await this.#clear(slot, signal);
    const fitting = candidates(options.keepOthers ? slots.filter((slot) => !slot.inserted) : slots);
    if (fitting.length === 0) throw redfishErrors.make('REDFISH_UNSUPPORTED', 'the BMC has no slot for a CD image');
    const said: string[] = [];
    for (const slot of fitting) {
      try {
        return await this.#insertInto(slot, url, signal);
      } catch (error) {
        if (signal.aborted || !tryNextSlot(error)) throw error;
        said.push(`${slot.name}: ${errorText(error)}`);
      }
    }
    throw redfishErrors.make('REDFISH_NOT_APPLIED', `no virtual media slot took the image: ${said.join('; ')}`, {
      seen: { slots: said },
    });
  }

  async eject(id: string | undefined, signal: AbortSignal): Promise<void> {
    for (const slot of await this.slots(signal)) {
      if (id !== undefined && slot.id !== id) continue;
      if (!slot.inserted && slot.image === undefined) continue;
      await this.#eject(slot, signal);
      await this.#await(slot, (now) => !now.inserted, `${slot.name} to be empty`, signal);
    }
  }

  /** Before an insert a slot that will not be emptied is a matter for the log: the insert itself is read back. */
  async #clear(slot: Slot, signal: AbortSignal): Promise<void> {
    if (!slot.inserted && slot.image === undefined) return;
    try {
      await this.#eject(slot, signal);
      await this.#await(slot, (now) => !now.inserted, `${slot.name} to be empty`, signal);
    } catch (error) {
      if (signal.aborted) throw error;
      this.#doors.log.info('virtual media not ejected', { slot: slot.name, why: errorText(error) });
    }
  }

  async #insertInto(slot: Slot, url: string, signal: AbortSignal): Promise<Slot> {
    await this.#trustAnyServer(slot, url, signal);
    const forms = formsFor(slot, url);
    let last: unknown;
    for (const form of forms) {
      try {
        await this.#patiently(() => this.#send(slot, form, signal), signal);
        return await this.#await(slot, (now) => holds(now, url), `${slot.name} to hold the image`, signal);
      } catch (error) {
        last = error;
        if (signal.aborted || !tryNextForm(error)) throw error;
      }
    }
    throw last;
  }

  async #send(slot: Slot, form: JsonObject, signal: AbortSignal): Promise<void> {
    const { calls } = this.#doors;
    const etag = slot.resource.etag;
    const action = slot.insertAction ?? slot.vmmControl;
    const written =
      action === undefined
        ? await calls.patch(slot.id, form, signal, etag === undefined ? {} : { etag })
        : await calls.post(action, form, signal);
    await this.#finish(written, signal);
  }

  /** Some BMCs check the certificate of the image's server; ours is pinned by the ramdisk itself. Best effort. */
  async #trustAnyServer(slot: Slot, url: string, signal: AbortSignal): Promise<void> {
    if (!url.startsWith('https:') || flagAt(slot.resource.body, 'VerifyCertificate') !== true) return;
    try {
      await this.#doors.calls.patch(slot.id, { VerifyCertificate: false }, signal);
    } catch (error) {
      if (refusalOf(error) === undefined) throw error;
      this.#doors.log.info('virtual media goes on checking certificates', { slot: slot.name, why: errorText(error) });
    }
  }

  async #eject(slot: Slot, signal: AbortSignal): Promise<void> {
    await this.#patiently(() => this.#ejectOnce(slot, signal), signal);
  }

  async #ejectOnce(slot: Slot, signal: AbortSignal): Promise<void> {
    const { calls } = this.#doors;
    if (slot.vmmControl !== undefined) {
      await this.#finish(await calls.post(slot.vmmControl, { VmmControlType: 'Disconnect' }, signal), signal);
      return;
    }
    if (slot.ejectAction === undefined) {
      await this.#finish(await calls.patch(slot.id, { Image: null, Inserted: false }, signal), signal);
      return;
    }
    try {
      await this.#finish(await calls.post(slot.ejectAction, undefined, signal, { repeatable: true }), signal);
    } catch (error) {
      // HPE wants a body, if an empty one.
      if (![400, 411, 415].includes(refusalOf(error)?.status ?? 0)) throw error;
      await this.#finish(await calls.post(slot.ejectAction, {}, signal, { repeatable: true }), signal).catch(
        async (again: unknown) => {
          // "No media" is what was wanted.
          const now = await calls.get(slot.id, signal);
          if (refusalOf(again) === undefined || readSlot(now).inserted) throw again;
        },
      );
    }
  }

  async #finish(written: Written, signal: AbortSignal): Promise<void> {
    if (written.task !== undefined) await this.#doors.calls.follow(written.task, signal);
  }

  /** Tries again while the BMC answers 5xx. */
  async #patiently(action: () => Promise<void>, signal: AbortSignal): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await action();
        return;
      } catch (error) {
        const status = refusalOf(error)?.status ?? 0;
        if (status < 500 || status === 501 || attempt >= BUSY_TRIES) throw error;
        await sleep(this.#doors.clock, BUSY_MS, signal);
      }
    }
  }

  async #await(slot: Slot, good: (now: Slot) => boolean, name: string, signal: AbortSignal): Promise<Slot> {
    const end = this.#doors.clock.monotonic() + SETTLE_MS;
    for (;;) {
      const now = readSlot(await this.#doors.calls.get(slot.id, signal));
      if (good(now)) return now;
      if (this.#doors.clock.monotonic() >= end) {
        const seen = { inserted: now.inserted, image: textAt(now.resource.body, 'ImageName') ?? '' };
        throw redfishErrors.make('REDFISH_NOT_APPLIED', `waited ${SETTLE_MS / 1000} s for virtual media ${name}`, {
          seen,
        });
      }
      await sleep(this.#doors.clock, LOOK_MS, signal);
    }
  }
}

/** Requests that insert an image, in the order of trying. */
function formsFor(slot: Slot, url: string): JsonObject[] {
  if (slot.insertAction !== undefined) return actionForms(url);
  // Huawei: github.com/IamFive/Huawei-iBMC-Cmdlets, scripts/Deploy.ps1.
  return slot.vmmControl === undefined ? patchForms(url) : [{ VmmControlType: 'Connect', Image: url }];
}

/** From what most take to what only some demand: the image alone first, since Supermicro refuses anything more. */
function actionForms(url: string): JsonObject[] {
  const protocol = { TransferProtocolType: url.startsWith('https:') ? 'HTTPS' : 'HTTP' };
  const stream = { ...protocol, TransferMethod: 'Stream' };
  // NVIDIA and OpenBMC insist on credentials where none are needed.
  const nobody = { UserName: 'none', Password: 'none' };
  const inserted = { Inserted: true, WriteProtected: true };
  return [
    { Image: url },
    { Image: url, ...protocol },
    { Image: url, ...stream },
    { Image: url, ...stream, ...nobody },
    { Image: url, ...inserted },
    { Image: url, ...stream, ...inserted },
    { Image: url, ...stream, ...inserted, ...nobody },
  ];
}

function patchForms(url: string): JsonObject[] {
  return [{ Image: url, Inserted: true, WriteProtected: true }, { Image: url, Inserted: true }, { Image: url }];
}

/** Another form of the request may please a BMC that did not like this one. */
function tryNextForm(error: unknown): boolean {
  const status = refusalOf(error)?.status ?? 0;
  return [400, 409, 415, 422].includes(status);
}

function tryNextSlot(error: unknown): boolean {
  return refusalOf(error) !== undefined || ['REDFISH_NOT_APPLIED', 'REDFISH_NOT_FOUND'].some((code) => is(error, code));
}

function is(error: unknown, code: string): boolean {
  return redfishErrors.is(error) && error.code === code;
}
