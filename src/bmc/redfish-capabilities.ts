import { Bios } from '../redfish/bios.ts';
import { type BootDoors } from '../redfish/boot.ts';
import { BootModes } from '../redfish/boot-mode.ts';
import { Events } from '../redfish/events.ts';
import { Firmware } from '../redfish/firmware.ts';
import { OutOfBandInventory } from '../redfish/inventory.ts';
import { Logs } from '../redfish/logs.ts';
import { Management } from '../redfish/management.ts';
import { Sensors } from '../redfish/sensors.ts';
import { Storage } from '../redfish/storage.ts';
import { VirtualMedia } from '../redfish/virtual-media.ts';
import type { BmcCapabilities } from './capabilities.ts';
import type { BmcCode } from './protocol-errors.ts';

/** Runs a call and makes errors of the protocol those of the BMC. */
export type Guard = <T>(action: () => Promise<T>, notApplied?: BmcCode) => Promise<T>;

/** What a Redfish service offers beyond power and boot. Whether this machine has it shows when it is asked. */
export function redfishCapabilities(doors: BootDoors, guard: Guard): BmcCapabilities {
  return {
    bootMode: guarded(new BootModes(doors), guard, 'BMC_CHANGE_NOT_ACCEPTED'),
    media: guarded(new VirtualMedia(doors), guard, 'BMC_MEDIA_NOT_ACCEPTED'),
    bios: guarded(new Bios(doors), guard, 'BMC_CHANGE_NOT_ACCEPTED'),
    firmware: guarded(new Firmware(doors), guard, 'BMC_CHANGE_NOT_ACCEPTED'),
    storage: guarded(new Storage(doors), guard, 'BMC_CHANGE_NOT_ACCEPTED'),
    events: guarded(new Events(doors), guard, 'BMC_CHANGE_NOT_ACCEPTED'),
    inspection: guarded(new OutOfBandInventory(doors), guard),
    sensing: guarded(new Sensors(doors), guard),
    eventLog: guarded(new Logs(doors), guard, 'BMC_CHANGE_NOT_ACCEPTED'),
    management: guarded(new Management(doors), guard, 'BMC_CHANGE_NOT_ACCEPTED'),
  };
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
