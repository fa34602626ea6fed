import type { Ipv4 } from '../wire/ipv4.ts';
import { CLIENT_PORT, PROXY_PORT, SERVER_PORT, TYPE } from './codes.ts';
import type { DhcpRequest } from './request.ts';

export interface Destination {
  address: Ipv4;
  port: number;
}

export const LIMITED_BROADCAST: Ipv4 = 0xffffffff;

/**
 * Where a reply goes (RFC 2131 §4.1). A client without an address would be reached by unicast only through a hand-made
 * ARP entry or a raw frame; we have neither, so it is answered by broadcast even when it did not set the flag.
 */
export function destinationOf(request: DhcpRequest, type: number): Destination {
  const { message, source, port } = request;
  if (port === PROXY_PORT) {
    return { address: message.ciaddr === 0 ? source.address : message.ciaddr, port: source.port };
  }
  if (message.giaddr !== 0) return { address: message.giaddr, port: SERVER_PORT };
  // An OFFER never follows `ciaddr`: a forged DISCOVER could aim our packets at anybody.
  if (type !== TYPE.ack || message.ciaddr === 0) return { address: LIMITED_BROADCAST, port: CLIENT_PORT };
  return { address: message.ciaddr, port: CLIENT_PORT };
}
