import { FakeClock } from '../../src/core/clock.ts';
import { type LogLine, memoryLogger } from '../../src/core/log.ts';
import { IpmiClient, type IpmiTarget, type IpmiTiming } from '../../src/ipmi/client.ts';
import { type IpmiServer, type IpmiServerOptions, startIpmiServer } from '../../src/ipmi/server.ts';
import { FakeChassis, type FakeChassisOptions } from './fake-chassis.ts';
import { MemoryUdp } from './memory-udp.ts';

export interface VirtualBmc {
  net: MemoryUdp;
  clock: FakeClock;
  chassis: FakeChassis;
  server: IpmiServer;
  lines: LogLine[];
  client(target?: Partial<IpmiTarget>, timing?: Partial<IpmiTiming>): IpmiClient;
  /** Ends and starts again with nothing remembered, as after a power cut. */
  restart(): Promise<void>;
}

export const BMC_PORT = 623;

/** Our server on a fake network and a fake clock, with users of three privileges. */
export async function virtualBmc(
  options: Partial<IpmiServerOptions> = {},
  chassisOptions: FakeChassisOptions = {},
): Promise<VirtualBmc> {
  const net = new MemoryUdp();
  const clock = new FakeClock();
  const chassis = new FakeChassis(chassisOptions);
  const lines: LogLine[] = [];
  const doors = { clock, random: () => 0.5, log: memoryLogger(lines) };
  const start = () =>
    startIpmiServer({
      address: '192.0.2.1',
      port: BMC_PORT,
      users: [
        { name: 'admin', password: 'secret', privilege: 'administrator' },
        { name: 'oper', password: 'operpass', privilege: 'operator' },
        { name: 'viewer', password: 'viewpass', privilege: 'user' },
      ],
      guid: Uint8Array.from({ length: 16 }, (_, i) => i + 1),
      chassis,
      deviceId: { deviceId: 0x20, manufacturerId: 343, productId: 7, firmwareVersion: '2.34' },
      listen: net.listen,
      ...doors,
      ...options,
    });
  const bmc: VirtualBmc = {
    net,
    clock,
    chassis,
    server: await start(),
    lines,
    client: (target = {}, timing = {}) =>
      new IpmiClient(
        { host: '192.0.2.1', port: BMC_PORT, username: 'admin', password: 'secret', ...target },
        { ...doors, connect: net.connect },
        timing,
      ),
    async restart() {
      await bmc.server.close();
      bmc.server = await start();
    },
  };
  return bmc;
}
