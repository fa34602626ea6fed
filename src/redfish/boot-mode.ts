import type { BootDoors } from './boot.ts';
import { bootModeIn, bootTriple, modeName } from './boot-override.ts';
import type { Resource, Written } from './calls.ts';
import { redfishErrors } from './errors.ts';
import { flagAt, linkAt, objectAt, textAt, textsAt } from './json.ts';

/** ResetKeysType (SecureBoot schema). */
const KEYS = { default: 'ResetAllKeysToDefault', none: 'DeleteAllKeys', 'no-platform-key': 'DeletePK' } as const;

/** Boot mode and Secure Boot of a System. Both usually take effect when the machine starts the next time. */
export class BootModes {
  readonly #doors: BootDoors;

  constructor(doors: BootDoors) {
    this.#doors = doors;
  }

  async bootMode(signal: AbortSignal): Promise<'uefi' | 'legacy' | undefined> {
    return bootModeIn((await this.#doors.system(signal)).body);
  }

  /** @throws REDFISH_UNSUPPORTED, REDFISH_NOT_APPLIED */
  async setBootMode(mode: 'uefi' | 'legacy', signal: AbortSignal): Promise<'done' | 'pending'> {
    const system = await this.#doors.system(signal);
    if (bootModeIn(system.body) === mode) return 'done';
    const { quirks } = await this.#doors.personality(signal);
    if (quirks.has('no-boot-mode')) {
      throw redfishErrors.make('REDFISH_UNSUPPORTED', 'the boot mode of this machine cannot be changed by Redfish');
    }
    const rest = quirks.has('boot-full') ? bootTriple(system.body) : {};
    const Boot = { ...rest, BootSourceOverrideMode: modeName(mode) };
    const written = await this.#patch(system, { Boot }, signal);
    if (bootModeIn((await this.#doors.system(signal)).body) === mode) return 'done';
    if (written.task !== undefined || written.status === 202 || quirks.has('boot-mode-pending')) return 'pending';
    throw redfishErrors.make('REDFISH_NOT_APPLIED', `boot mode ${mode} was taken, but reads back as the other one`);
  }

  async secureBoot(signal: AbortSignal): Promise<boolean | undefined> {
    const found = await this.#secureBoot(signal);
    return found === undefined ? undefined : flagAt(found.body, 'SecureBootEnable');
  }

  /** @throws REDFISH_UNSUPPORTED, REDFISH_NOT_APPLIED */
  async setSecureBoot(enabled: boolean, signal: AbortSignal): Promise<'done' | 'pending'> {
    const found = await this.#secureBoot(signal);
    if (found === undefined || flagAt(found.body, 'SecureBootEnable') === undefined) {
      throw redfishErrors.make('REDFISH_UNSUPPORTED', 'this machine has no Secure Boot that Redfish knows of');
    }
    if (flagAt(found.body, 'SecureBootEnable') === enabled) return runs(found, enabled);
    const written = await this.#patch(found, { SecureBootEnable: enabled }, signal);
    const now = await this.#doors.calls.get(found.path, signal);
    if (flagAt(now.body, 'SecureBootEnable') === enabled) return runs(now, enabled);
    // A BIOS job (Dell): the resource changes when the machine has started.
    if (written.task !== undefined || written.status === 202) return 'pending';
    throw redfishErrors.make(
      'REDFISH_NOT_APPLIED',
      `Secure Boot ${enabled ? 'on' : 'off'} was taken, but is not read back`,
    );
  }

  /**
   * `default`: the maker’s; `none`: all keys deleted; `no-platform-key`: the firmware is in setup mode. At the next start.
   * @throws REDFISH_UNSUPPORTED with what the machine offers
   */
  async resetKeys(kind: keyof typeof KEYS, signal: AbortSignal): Promise<void> {
    const found = await this.#secureBoot(signal);
    const action = objectAt(found?.body, 'Actions', '#SecureBoot.ResetKeys');
    const target = textAt(action, 'target');
    const allowed = textsAt(action, 'ResetKeysType@Redfish.AllowableValues');
    if (target === undefined || (allowed.length > 0 && !allowed.includes(KEYS[kind]))) {
      const offers = allowed.length === 0 ? 'nothing of the kind' : allowed.join(', ');
      throw redfishErrors.make(
        'REDFISH_UNSUPPORTED',
        `the keys of Secure Boot cannot be reset so: it offers ${offers}`,
      );
    }
    const written = await this.#doors.calls.post(target, { ResetKeysType: KEYS[kind] }, signal, { repeatable: true });
    if (written.task === undefined) return;
    const state = await this.#doors.calls.task(written.task, signal);
    if (state.kind !== 'failed') return;
    throw redfishErrors.make('REDFISH_TASK_FAILED', `keys of Secure Boot: ${state.messages.join('; ')}`);
  }

  async #secureBoot(signal: AbortSignal): Promise<Resource | undefined> {
    const link = linkAt((await this.#doors.system(signal)).body, 'SecureBoot');
    return link === undefined ? undefined : await this.#doors.calls.find(link, signal);
  }

  #patch(
    { path, etag }: Resource,
    body: Parameters<BootDoors['calls']['patch']>[1],
    signal: AbortSignal,
  ): Promise<Written> {
    return this.#doors.calls.patch(path, body, signal, etag === undefined ? {} : { etag });
  }
}

/** What the firmware that runs now was started with. */
function runs(secureBoot: Resource, enabled: boolean): 'done' | 'pending' {
  const current = textAt(secureBoot.body, 'SecureBootCurrentBoot');
  return current === undefined || (current === 'Enabled') === enabled ? 'done' : 'pending';
}
