import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/log.ts';
import { IpmiClient, type IpmiTarget, type IpmiTiming } from '../../src/ipmi/client.ts';
import { getChassisStatus } from '../../src/ipmi/commands/chassis/status.ts';
import type { UdpConnect } from '../../src/ipmi/udp.ts';

export interface LoginOptions {
  connect?: UdpConnect;
  signal?: AbortSignal;
  timing?: Partial<IpmiTiming>;
}

/** One login to a BMC on loopback as admin, one command, the end. @returns what was spoken */
export async function loginOnce(
  port: number,
  target: Partial<IpmiTarget>,
  { connect, signal = AbortSignal.timeout(30_000), timing = {} }: LoginOptions = {},
): Promise<string | undefined> {
  const whole = { host: '127.0.0.1', port, username: 'admin', password: 'secret', ...target };
  const doors = { clock: systemClock, random: Math.random, log: silentLogger };
  const client = new IpmiClient(whole, { ...doors, ...(connect === undefined ? {} : { connect }) }, timing);
  try {
    await client.run(getChassisStatus(), signal);
    return client.protocol;
  } finally {
    await client.close();
  }
}
