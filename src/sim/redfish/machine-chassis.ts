import { unreachable } from '../../core/errors.ts';
import type { BootFlags, BootFlagsDevice, Chassis, ChassisControl } from '../../ipmi/chassis.ts';
import type { BootDevice, BootOrder, MachineAction, RedfishMachine } from './machine-door.ts';

/** The same machine for an IPMI BMC: what one protocol writes, the other reads. */
export function redfishChassis(machine: RedfishMachine): Chassis {
  return {
    powerState: () => Promise.resolve(machine.power() === 'Off' ? 'off' : 'on'),
    control: async (action) => {
      await machine.act(actionOf(action));
    },
    bootFlags: () => Promise.resolve(flagsOf(machine.bootOrder())),
    setBootFlags: (flags) => machine.setBootOrder(orderOf(flags)),
  };
}

function actionOf(action: ChassisControl): MachineAction {
  switch (action) {
    case 'power-up':
      return 'on';
    case 'power-down':
      return 'force-off';
    case 'power-cycle':
      return 'power-cycle';
    case 'hard-reset':
      return 'force-restart';
    case 'soft-shutdown':
      return 'graceful-off';
    case 'diagnostic-interrupt':
      return 'nmi';
    default:
      return unreachable(action);
  }
}

const DEVICES: Readonly<Record<BootFlagsDevice, BootDevice>> = {
  none: 'none',
  pxe: 'network',
  disk: 'disk',
  'disk-safe-mode': 'disk',
  diagnostic: 'none',
  cdrom: 'cd',
  'bios-setup': 'setup',
  floppy: 'none',
};

/** Flags that are not valid are no order. */
export function orderOf(flags: BootFlags): BootOrder {
  return {
    device: flags.valid ? DEVICES[flags.device] : 'none',
    persistent: flags.persistent,
    mode: flags.efi ? 'UEFI' : 'Legacy',
  };
}

const FLAGS: Readonly<Record<BootDevice, BootFlagsDevice>> = {
  none: 'none',
  network: 'pxe',
  disk: 'disk',
  cd: 'cdrom',
  // IPMI has no word for it; network is what comes nearest.
  http: 'pxe',
  setup: 'bios-setup',
};

export function flagsOf(order: BootOrder): BootFlags {
  return {
    valid: order.device !== 'none',
    persistent: order.persistent,
    efi: order.mode === 'UEFI',
    device: FLAGS[order.device],
  };
}
