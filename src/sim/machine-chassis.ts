import type { Chassis, ChassisControl } from '../ipmi/chassis.ts';
import { unreachable } from '../core/errors.ts';
import type { Machine } from './machine.ts';

/** The machine as its BMC sees it. Errors become completion codes in the IPMI server. */
export function machineChassis(machine: Machine): Chassis {
  return {
    powerState: () => Promise.resolve(machine.observe().power),
    control: (action) => controlMachine(machine, action),
    bootFlags: () => Promise.resolve(machine.bootFlags()),
    setBootFlags: (flags, how) => machine.setBootFlags(flags, how),
  };
}

function controlMachine(machine: Machine, action: ChassisControl): Promise<void> {
  switch (action) {
    case 'power-up':
      return machine.powerOn();
    case 'power-down':
      return machine.powerOff();
    case 'power-cycle':
      return machine.cycle();
    case 'hard-reset':
      return machine.reset();
    case 'soft-shutdown':
      return machine.softOff();
    case 'diagnostic-interrupt':
      return machine.interrupt();
    default:
      return unreachable(action);
  }
}
