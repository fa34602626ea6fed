import { systemClock } from '../../src/core/clock.ts';
import { type LogLine, memoryLogger, silentLogger } from '../../src/core/log.ts';
import { RedfishClient, type RedfishTarget, type RedfishTiming } from '../../src/redfish/client.ts';
import { PASSWORD, type RedfishServer } from './redfish-server.ts';

/** The order of things as it is, in milliseconds instead of seconds. */
export const QUICK: Partial<RedfishTiming> = {
  lostPauseMs: 5,
  busyPauseMs: 5,
  postPauseMs: 2,
  postPauseMaxMs: 8,
  loginPauseMs: 5,
  pace: { burst: 1000, perSecond: 1000, afterFailureMs: 0 },
};

export function targetOf(server: RedfishServer, more: Partial<RedfishTarget> = {}): RedfishTarget {
  return {
    address: `redfish+http://127.0.0.1:${server.port}`,
    transport: 'http',
    host: '127.0.0.1',
    port: server.port,
    trust: { verify: true },
    username: 'admin',
    password: PASSWORD,
    ...more,
  };
}

/** A client of a scripted server, closed at the end of its scope. */
export function clientOf(
  server: RedfishServer,
  more: Partial<RedfishTarget> = {},
  timing: Partial<RedfishTiming> = {},
  lines?: LogLine[],
) {
  const log = lines === undefined ? silentLogger : memoryLogger(lines);
  const client = new RedfishClient(targetOf(server, more), { clock: systemClock, log }, { ...QUICK, ...timing });
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.close() });
}

export const forever = new AbortController().signal;
