/**
 * A DHCP server as a program of its own, for namespaces: `dhcp-main.ts '{"interfaces":["eth0"],…}'`. Prints each event as a
 * line of JSON and `ready` when it listens.
 */
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/log.ts';
import { DHCP_DEFAULTS, SUBNET_DEFAULTS } from '../../src/dhcp/config.ts';
import { memoryLeaseBook, openLeaseBook } from '../../src/dhcp/lease-book.ts';
import type { BootPolicy } from '../../src/dhcp/policy.ts';
import { startDhcpServer } from '../../src/dhcp/server.ts';
import { findInterface } from '../../src/dhcp/sockets.ts';
import { parseCidr, parseIpv4 } from '../../src/wire/ipv4.ts';

export interface DhcpMainOptions {
  interfaces: string[];
  mode?: 'server' | 'proxy';
  subnets: { cidr: string; range?: [string, string]; router?: string; reservations?: Record<string, string> }[];
  /** MACs answered; absent: all. */
  known?: string[];
  /** What network-boot clients get, by stage. */
  boot?: { server: string; pxe?: string; ipxe?: string; http?: string };
  leaseSeconds?: number;
  leaseDir?: string;
}

const options = JSON.parse(process.argv[2] ?? '{}') as DhcpMainOptions;
const print = (value: unknown) => process.stdout.write(`${JSON.stringify(value)}\n`);

const policy: BootPolicy = (client) => {
  if (options.known !== undefined && !options.known.includes(client.mac))
    return { kind: 'silent', reason: 'unknown MAC' };
  const file = client.stage === 'other' ? undefined : options.boot?.[client.stage];
  if (options.boot === undefined || file === undefined) return { kind: 'address', reason: 'nothing to boot' };
  return { kind: 'boot', file, server: parseIpv4(options.boot.server), reason: client.stage };
};

const leases = options.leaseDir === undefined ? memoryLeaseBook() : await openLeaseBook(options.leaseDir, silentLogger);
const server = await startDhcpServer({
  interfaces: options.interfaces.map(findInterface),
  config: {
    ...DHCP_DEFAULTS,
    mode: options.mode ?? 'server',
    subnets: options.subnets.map((s) => ({
      ...SUBNET_DEFAULTS,
      subnet: parseCidr(s.cidr),
      ranges: s.range === undefined ? [] : [{ from: parseIpv4(s.range[0]), to: parseIpv4(s.range[1]) }],
      reservations: Object.entries(s.reservations ?? {}).map(([mac, ip]) => ({ mac, address: parseIpv4(ip) })),
      ...(s.router === undefined ? {} : { router: parseIpv4(s.router) }),
      leaseSeconds: options.leaseSeconds ?? 3600,
    })),
  },
  policy,
  leases,
  clock: systemClock,
  random: Math.random,
  log: silentLogger,
  observe: print,
});
process.once('SIGTERM', () => {
  void server
    .close()
    .then(() => leases.close())
    .then(() => process.exit(0));
});
process.stdout.write('ready\n');
