import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/log.ts';
import type { Chassis } from '../../src/ipmi/chassis.ts';
import { type IpmiServer, startIpmiServer } from '../../src/ipmi/server.ts';
import type { SerialPort } from '../../src/ipmi/sol/serial.ts';

/** Our IPMI server on a free port of loopback, with a console: user admin, password secret. */
export function startConsoleBmc(serial: SerialPort, chassis: Chassis): Promise<IpmiServer> {
  return startIpmiServer({
    address: '127.0.0.1',
    port: 0,
    users: [{ name: 'admin', password: 'secret', privilege: 'administrator' }],
    guid: new Uint8Array(16).fill(7),
    chassis,
    serial,
    deviceId: { deviceId: 0x20, manufacturerId: 674, productId: 256 },
    clock: systemClock,
    random: Math.random,
    log: silentLogger,
  });
}
