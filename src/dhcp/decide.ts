import { type Ipv4, formatIpv4 } from '../wire/ipv4.ts';
import { type AllocationRequest, chooseAddress, mayHave } from './allocate.ts';
import { addBoot } from './boot-options.ts';
import { OPT, PROXY_PORT, TYPE, typeName } from './codes.ts';
import { type CheckedConfig, type IndexedSubnet, subnetText } from './config.ts';
import { type DhcpDecision, silent } from './decision.ts';
import { destinationOf } from './destination.ts';
import type { LeaseChange, LeaseState, LeaseView } from './leases.ts';
import type { BootAnswer } from './policy.ts';
import { decideProxy } from './proxy.ts';
import { addLease, addNetwork, bareReply, nakReply } from './reply.ts';
import { type DhcpRequest, isOurs, subnetFor } from './request.ts';
import { messageType, readIp } from './values.ts';

/** The one who asks, in the network it is in, with what it may have there. */
interface Context {
  request: DhcpRequest;
  leases: LeaseView;
  config: CheckedConfig;
  answer: Exclude<BootAnswer, { kind: 'silent' }>;
  subnet: IndexedSubnet;
  allocation: AllocationRequest;
}

/**
 * Decides about one packet: what to reply, where to, and what changes in the leases; or why nothing is said. Pure.
 * RFC 2131 §4.3; proxyDHCP as PXE 2.1 §2.2 writes it.
 */
export function decide(
  request: DhcpRequest,
  leases: LeaseView,
  config: CheckedConfig,
  answer: BootAnswer,
): DhcpDecision {
  const { message, facts } = request;
  const type = messageType(message.options);
  if (message.op !== 1) return silent('not-for-server', 'this is a reply, not a request');
  if (facts.mac === '') return silent('no-client', 'neither a hardware address nor a client identifier');
  if (type === TYPE.release) return release(request, leases, config);
  if (type === TYPE.decline) return decline(request, leases, config);
  if (answer.kind === 'silent') return silent('policy', answer.reason);
  if (config.mode === 'proxy' || request.port === PROXY_PORT) return decideProxy(request, answer);
  const subnet = subnetFor(request, config);
  if (subnet === undefined) return silent('no-subnet', noSubnetReason(request));
  const c: Context = { request, leases, config, answer, subnet, allocation: allocationOf(request, subnet) };
  switch (type) {
    case TYPE.discover:
      return offer(c);
    case TYPE.request:
      return answerRequest(c);
    case TYPE.inform:
      return inform(c);
    default:
      return silent(
        'not-for-server',
        type === undefined ? 'no message type (BOOTP)' : `${typeName(type)} is not for a server`,
      );
  }
}

function offer(c: Context): DhcpDecision {
  const address = chooseAddress(c.allocation, c.subnet, c.leases);
  if (address === undefined) return silent('no-address', `every address of ${subnetText(c.subnet.subnet)} is in use`);
  const held = c.leases.at(address);
  // A client may ask again while its lease runs; an offer must not shorten what it holds.
  const bound = held?.client === c.request.facts.mac && held.state === 'bound' && held.expires > c.request.now;
  const reply = lease(c, TYPE.offer, address);
  return bound ? reply : { ...reply, change: change(c, address, 'offered', c.config.offerSeconds) };
}

/** REQUEST in its four meanings, told apart as RFC 2131 §4.3.2 and table 4 say. */
function answerRequest(c: Context): DhcpDecision {
  const { options, ciaddr } = c.request.message;
  const server = readIp(options, OPT.serverId);
  const requested = readIp(options, OPT.requestedAddress);
  if (server !== undefined && ciaddr === 0) return selecting(c, server, requested);
  const address = ciaddr === 0 ? requested : ciaddr;
  if (address === undefined) return silent('not-for-server', 'REQUEST names no address');
  const own = c.leases.of(c.request.facts.mac, c.subnet.subnet);
  if (mayHave(address, c.allocation, c.subnet, c.leases) && (own?.address === address || c.config.authoritative)) {
    return bind(c, address);
  }
  if (c.config.authoritative || (own !== undefined && own.address !== address)) return refuse(c, address);
  return silent('unknown-lease', `${formatIpv4(address)} is not a lease of ours`);
}

function selecting(c: Context, server: Ipv4, requested: Ipv4 | undefined): DhcpDecision {
  if (!isOurs(server, c.request)) {
    const own = c.leases.of(c.request.facts.mac, c.subnet.subnet);
    const dropped = own?.state === 'offered' ? { change: change(c, own.address, 'released', 0) } : {};
    return { ...silent('other-server', `the client took the offer of ${formatIpv4(server)}`), ...dropped };
  }
  if (requested === undefined) return silent('not-for-server', 'REQUEST names no address');
  return mayHave(requested, c.allocation, c.subnet, c.leases) ? bind(c, requested) : refuse(c, requested);
}

function bind(c: Context, address: Ipv4): DhcpDecision {
  return { ...lease(c, TYPE.ack, address), change: change(c, address, 'bound', c.subnet.leaseSeconds) };
}

function refuse(c: Context, address: Ipv4): DhcpDecision {
  const reason = `${formatIpv4(address)} is not yours here`;
  const to = destinationOf(c.request, TYPE.nak);
  return { kind: 'reply', type: TYPE.nak, message: nakReply(c.request, reason), to, reason };
}

function inform(c: Context): DhcpDecision {
  if (c.request.message.ciaddr === 0) return silent('not-for-server', 'INFORM without an address to answer to');
  const reply = bareReply(c.request, TYPE.ack);
  addNetwork(reply, c.request, c.subnet);
  if (c.answer.kind === 'boot') addBoot(reply, c.request, c.answer, false);
  const to = destinationOf(c.request, TYPE.ack);
  return { kind: 'reply', type: TYPE.ack, message: reply, to, reason: c.answer.reason };
}

function lease(c: Context, type: number, address: Ipv4): Extract<DhcpDecision, { kind: 'reply' }> {
  const reply = bareReply(c.request, type);
  addLease(reply, address, c.subnet.leaseSeconds, c.request.fuzz);
  addNetwork(reply, c.request, c.subnet);
  if (c.answer.kind === 'boot') addBoot(reply, c.request, c.answer, false);
  return { kind: 'reply', type, message: reply, to: destinationOf(c.request, type), reason: c.answer.reason };
}

function change(c: Context, address: Ipv4, state: LeaseState, seconds: number): LeaseChange {
  const { facts, now } = c.request;
  const hostname = facts.hostname === undefined ? {} : { hostname: facts.hostname };
  return {
    lease: { client: facts.mac, address, state, expires: now + seconds * 1000, ...hostname },
    subnet: c.subnet.subnet,
  };
}

function release(request: DhcpRequest, leases: LeaseView, config: CheckedConfig): DhcpDecision {
  const address = request.message.ciaddr;
  const held = ownLease(address, request, leases, config);
  if (held === undefined) return silent('unknown-lease', `${formatIpv4(address)} is not leased to this client`);
  return {
    ...silent('noted', `${formatIpv4(address)} released`),
    change: { lease: { ...held.lease, state: 'released', expires: request.now }, subnet: held.subnet.subnet },
  };
}

/** Somebody else was found using the address: nobody gets it for a while (RFC 2131 §4.3.3). */
function decline(request: DhcpRequest, leases: LeaseView, config: CheckedConfig): DhcpDecision {
  const address = readIp(request.message.options, OPT.requestedAddress) ?? 0;
  const held = ownLease(address, request, leases, config);
  if (held === undefined) return silent('unknown-lease', `${formatIpv4(address)} is not leased to this client`);
  const expires = request.now + config.declineSeconds * 1000;
  return {
    ...silent('noted', `${formatIpv4(address)} is in use by somebody else, says the client`),
    change: { lease: { client: '', address, state: 'declined', expires }, subnet: held.subnet.subnet },
  };
}

function ownLease(address: Ipv4, request: DhcpRequest, leases: LeaseView, config: CheckedConfig) {
  const held = leases.at(address);
  const subnet = subnetFor(request, config);
  if (held === undefined || subnet === undefined || held.client !== request.facts.mac) return undefined;
  return held.state === 'declined' ? undefined : { lease: held, subnet };
}

function allocationOf(request: DhcpRequest, subnet: IndexedSubnet): AllocationRequest {
  const taken = new Set(request.ownAddresses);
  if (subnet.router !== undefined) taken.add(subnet.router);
  const requested = readIp(request.message.options, OPT.requestedAddress);
  return { client: request.facts.mac, requested, now: request.now, taken };
}

function noSubnetReason(request: DhcpRequest): string {
  const { giaddr } = request.message;
  if (giaddr !== 0) return `no range is configured for the network of relay ${formatIpv4(giaddr)}`;
  return `no range is configured for the network of interface ${request.iface.name}`;
}
