import type { BootDoors } from './boot.ts';
import { bootModeIn, bootTriple, modeName } from './boot-override.ts';
import type { Resource, Written } from './calls.ts';
import { redfishErrors } from './errors.ts';
import { flagAt, linkAt, textAt } from './json.ts';

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
