import { randomBytes } from 'node:crypto';
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/log.ts';
import type { Chassis } from '../../src/ipmi/chassis.ts';
import { type IpmiServer, startIpmiServer } from '../../src/ipmi/server.ts';
import type { SimMachine } from './sim-machine.ts';

/** The simulated machine as the server side of IPMI wants it. */
export function chassisOf(machine: SimMachine): Chassis {
  let device: 'none' | 'pxe' | 'disk' = 'none';
  return {
    powerState: () => machine.powerState(),
    async control(action) {
      const actions = { 'power-up': 'on', 'power-cycle': 'cycle', 'hard-reset': 'reset' } as const;
      await machine.setPower(action in actions ? actions[action as keyof typeof actions] : 'off');
    },
    bootFlags: () =>
      Promise.resolve({ valid: true, persistent: machine.override.persistence === 'persistent', efi: true, device }),
    async setBootFlags(flags) {
      device = flags.device === 'pxe' || flags.device === 'disk' ? flags.device : 'none';
      await machine.setBootOverride({
        device,
        persistence: flags.persistent ? 'persistent' : 'once',
        firmware: flags.efi ? 'uefi' : 'legacy',
      });
    },
  };
}

/** A real IPMI server on loopback in front of a simulated machine, with one administrator, `admin`. */
export function startSimBmc(machine: SimMachine, password: string, port = 0): Promise<IpmiServer> {
  return startIpmiServer({
    address: '127.0.0.1',
    port,
    users: [{ name: 'admin', password, privilege: 'administrator' }],
    guid: randomBytes(16),
    chassis: chassisOf(machine),
    deviceId: { deviceId: 0x20, manufacturerId: 0, productId: 1, firmwareVersion: '1.00' },
    clock: systemClock,
    random: Math.random,
    log: silentLogger,
  });
}
