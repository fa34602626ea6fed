import { addBoot } from './boot-options.ts';
import { PROXY_PORT, TYPE, typeName } from './codes.ts';
import { type DhcpDecision, silent } from './decision.ts';
import { destinationOf } from './destination.ts';
import type { BootAnswer } from './policy.ts';
import { bareReply } from './reply.ts';
import type { DhcpRequest } from './request.ts';
import { messageType } from './values.ts';

/**
 * ProxyDHCP (PXE 2.1 §2.2): another server gives the address, we add where to boot from. On port 67 a DISCOVER of a
 * network-boot client gets an OFFER without an address; everything else there belongs to the other server. On port 4011
 * the client, which has its address by then, asks once more and gets an ACK.
 */
export function decideProxy(request: DhcpRequest, answer: Exclude<BootAnswer, { kind: 'silent' }>): DhcpDecision {
  const type = messageType(request.message.options);
  if (request.facts.stage === 'other')
    return silent('proxied', 'not a network-boot client; its address is the other server’s business');
  if (answer.kind === 'address') return silent('policy', `nothing to boot: ${answer.reason}`);
  const asked = type === undefined ? 'a packet without type' : typeName(type);
  const reply = replyType(request.port, type);
  if (reply === undefined) return silent('proxied', `${asked} is for the server that gives addresses`);
  const message = bareReply(request, reply);
  addBoot(message, request, answer, true);
  return { kind: 'reply', type: reply, message, to: destinationOf(request, reply), reason: answer.reason };
}

function replyType(port: number, type: number | undefined): number | undefined {
  if (port === PROXY_PORT)
    return type === TYPE.request || type === TYPE.inform || type === TYPE.discover ? TYPE.ack : undefined;
  return type === TYPE.discover ? TYPE.offer : undefined;
}
