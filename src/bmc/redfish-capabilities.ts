import { type BootDoors } from '../redfish/boot.ts';
import { BootModes } from '../redfish/boot-mode.ts';
import type { BmcCapabilities } from './capabilities.ts';
import type { BmcCode } from './protocol-errors.ts';

/** Runs a call and makes errors of the protocol those of the BMC. */
export type Guard = <T>(action: () => Promise<T>, notApplied?: BmcCode) => Promise<T>;

/** What a Redfish service offers beyond power and boot. Whether this machine has it shows when it is asked. */
export function redfishCapabilities(doors: BootDoors, guard: Guard): BmcCapabilities {
  return { bootMode: guarded(new BootModes(doors), guard) };
}

/**
 * The same object with `guard` around every method.
 * @param notApplied what a change that does not read back means there
 */
function guarded<T extends object>(control: T, guard: Guard, notApplied?: BmcCode): T {
  return new Proxy(control, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== 'function') return member;
      return (...parameters: unknown[]) =>
        guard(() => Reflect.apply(member, target, parameters) as Promise<unknown>, notApplied);
    },
  });
}
