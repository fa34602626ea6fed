import { type Ipv4, inSubnet } from '../wire/ipv4.ts';
import { OPT, RELAY_SUB } from './codes.ts';
import type { CheckedConfig, DhcpInterface, IndexedSubnet } from './config.ts';
import type { DhcpMessage } from './message.ts';
import type { ClientFacts } from './policy.ts';
import { readIp, readSubOptions } from './values.ts';

/** Everything a decision needs to know about one packet. */
export interface DhcpRequest {
  message: DhcpMessage;
  facts: ClientFacts;
  iface: DhcpInterface;
  /** UDP source. */
  source: { address: Ipv4; port: number };
  /** Port the packet came to: 67, or 4011 for PXE clients of a proxyDHCP server. */
  port: number;
  /** Wall time, ms. */
  now: number;
  /** Uniform in [0, 1): spreads renewal times (RFC 2131 §4.4.5). */
  fuzz: number;
  /** All addresses of ours, of every interface served. */
  ownAddresses: ReadonlySet<Ipv4>;
}

/** The address the client shall know us by: the interface's, or what its relay demands (RFC 5107). */
export function serverIdFor(request: DhcpRequest): Ipv4 {
  return relaySub(request, RELAY_SUB.serverIdOverride) ?? request.iface.address;
}

/** Did the client accept (option 54) our offer? */
export function isOurs(server: Ipv4, request: DhcpRequest): boolean {
  return server === serverIdFor(request) || request.ownAddresses.has(server);
}

/**
 * The subnet a client is in: what its relay says (RFC 3527 link selection, else `giaddr`), else the interface's; a client
 * renewing through a router is only known by the address it already has.
 */
export function subnetFor(request: DhcpRequest, config: CheckedConfig): IndexedSubnet | undefined {
  const { message, iface } = request;
  const holding = (ip: Ipv4) => config.subnets.find((s) => inSubnet(ip, s.subnet));
  const link = relaySub(request, RELAY_SUB.linkSelection);
  if (link !== undefined) return holding(link);
  if (message.giaddr !== 0) return holding(message.giaddr);
  const direct = holding(iface.address);
  if (message.ciaddr === 0) return direct;
  return holding(message.ciaddr) ?? direct;
}

function relaySub(request: DhcpRequest, code: number): Ipv4 | undefined {
  const info = request.message.options.get(OPT.relayInfo);
  return info === undefined ? undefined : readIp(readSubOptions(info, false), code);
}
