import { type Ipv4, broadcastOf, prefixMask } from '../wire/ipv4.ts';
import { OPT, TYPE } from './codes.ts';
import type { IndexedSubnet } from './config.ts';
import { DEFAULT_MAX_BYTES, type DhcpMessage, FLAG_BROADCAST } from './message.ts';
import type { DhcpOptions } from './options.ts';
import { type DhcpRequest, serverIdFor } from './request.ts';
import { ipList, readU16, text, u16, u32, u8 } from './values.ts';

/** The largest UDP payload that leaves a 1500-byte link in one piece. */
const LINK_MAX_BYTES = 1472;

/** A reply with what every reply carries (RFC 2131 table 3): identity, message type, server identifier, option 82. */
export function bareReply(request: DhcpRequest, type: number): DhcpMessage {
  const { message } = request;
  const options: DhcpOptions = new Map([
    [OPT.messageType, u8(type)],
    [OPT.serverId, u32(serverIdFor(request))],
  ]);
  const relay = message.options.get(OPT.relayInfo);
  if (relay !== undefined) options.set(OPT.relayInfo, relay);
  return {
    op: 2,
    htype: message.htype,
    hops: 0,
    xid: message.xid,
    secs: 0,
    flags: message.flags,
    ciaddr: type === TYPE.ack ? message.ciaddr : 0,
    yiaddr: 0,
    siaddr: 0,
    giaddr: message.giaddr,
    chaddr: message.chaddr,
    sname: '',
    file: '',
    options,
  };
}

/** A refusal; through a relay it must be broadcast, the client has no address that is good there (RFC 2131 §4.3.2). */
export function nakReply(request: DhcpRequest, reason: string): DhcpMessage {
  const reply = bareReply(request, TYPE.nak);
  if (request.message.giaddr !== 0) reply.flags |= FLAG_BROADCAST;
  reply.options.set(OPT.message, text(reason));
  return reply;
}

/** Adds the lease and its three times; renewal is spread so that machines powered on together do not stay together. */
export function addLease(reply: DhcpMessage, address: Ipv4, seconds: number, fuzz: number): void {
  reply.yiaddr = address;
  reply.options.set(OPT.leaseTime, u32(seconds));
  reply.options.set(OPT.renewalTime, u32(Math.floor(seconds * (0.45 + 0.05 * fuzz))));
  reply.options.set(OPT.rebindingTime, u32(Math.floor(seconds * (0.85 + 0.025 * fuzz))));
}

/**
 * Adds the network's options: mask and router always, the others when the client's parameter list (option 55) has them or
 * there is no list.
 */
export function addNetwork(reply: DhcpMessage, request: DhcpRequest, subnet: IndexedSubnet): void {
  const asked = request.message.options.get(OPT.parameterList);
  const wanted = (code: number) => asked === undefined || asked.includes(code);
  const put = (code: number, value: Uint8Array) => void reply.options.set(code, value);
  put(OPT.subnetMask, u32(prefixMask(subnet.subnet.prefix)));
  if (subnet.router !== undefined) put(OPT.router, u32(subnet.router));
  if (subnet.dns.length > 0 && wanted(OPT.dns)) put(OPT.dns, ipList(subnet.dns));
  if (subnet.domain !== undefined && wanted(OPT.domain)) put(OPT.domain, text(subnet.domain));
  if (subnet.mtu !== undefined && wanted(OPT.mtu)) put(OPT.mtu, u16(subnet.mtu));
  if (subnet.ntp.length > 0 && wanted(OPT.ntp)) put(OPT.ntp, ipList(subnet.ntp));
  if (wanted(OPT.broadcast)) put(OPT.broadcast, u32(broadcastOf(subnet.subnet)));
  const hostname = subnet.byMac.get(request.facts.mac)?.hostname;
  if (hostname !== undefined && wanted(OPT.hostname)) put(OPT.hostname, text(hostname));
}

/** Largest UDP payload for this client: option 57 counts IP and UDP headers, and less than 576 is not allowed. */
export function maxReplyBytes(request: DhcpRequest): number {
  const said = (readU16(request.message.options, OPT.maxSize) ?? 0) - 28;
  return Math.min(LINK_MAX_BYTES, Math.max(DEFAULT_MAX_BYTES, said));
}
