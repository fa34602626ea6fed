import { errorText } from '../core/errors.ts';
import { ByteReader } from '../wire/reader.ts';
import { ByteWriter } from '../wire/writer.ts';
import { ipmiErrors } from './errors.ts';
import { type LanMessage, answers, decodeLanMessage, encodeLanMessage, requestMessage } from './lan-message.ts';
import { BMC_ADDRESS, Completion, NetFn } from './numbers.ts';

/** Send Message (§22.7), network function App. */
export const SEND_MESSAGE = 0x34;
/** Completion code of Send Message: nobody on the bus acknowledged the message, so nobody is there. */
export const NOT_ACKNOWLEDGED = 0x83;
/** The BMC keeps track of the request and passes the answer on to who asked. */
const TRACKED = 0x40;
const TRACKING_BITS = 0xc0;

/** A controller on a bus behind another one. */
export interface Hop {
  /** Channel of the controller before it; 0: the primary IPMB. */
  channel: number;
  /** Slave address, even. */
  address: number;
}

/** The way from the BMC to a satellite controller: direct (single bridging), or through another one (dual). */
export type Route = readonly [Hop] | readonly [Hop, Hop];

/** "controller 72h on channel 7", "controller 72h on channel 7 behind 82h". */
export function routeText([first, second]: Route): string {
  const hex = (n: number) => `${n.toString(16).padStart(2, '0')}h`;
  const target = second ?? first;
  const behind = second === undefined ? '' : ` behind ${hex(first.address)}`;
  return `controller ${hex(target.address)} on channel ${target.channel}${behind}`;
}

/** A request as it goes to the BMC: wrapped into one Send Message for each hop. All share one rqSeq, as ipmitool's do. */
export function wrap(request: LanMessage, route: Route): LanMessage {
  const [first, second] = route;
  const target = second ?? first;
  const inner = { ...request, to: target.address, from: BMC_ADDRESS };
  if (second === undefined) return sendMessage(first.channel, inner, BMC_ADDRESS);
  const transit = { ...sendMessage(second.channel, inner, first.address), from: BMC_ADDRESS };
  return sendMessage(first.channel, transit, BMC_ADDRESS);
}

function sendMessage(channel: number, message: LanMessage, to: number): LanMessage {
  const encoded = encodeLanMessage(message);
  const data = new ByteWriter(encoded.length + 1)
    .u8(channel | TRACKED)
    .bytes(encoded)
    .finish();
  return { ...requestMessage(NetFn.app, SEND_MESSAGE, message.sequence, data), to };
}

/** Reads a Send Message request. @throws WIRE_SHORT, IPMI_MALFORMED */
export function decodeSendMessage(data: Uint8Array): { channel: number; tracked: boolean; message: LanMessage } {
  const reader = new ByteReader(data);
  const first = reader.u8('channel');
  const tracked = (first & TRACKING_BITS) === TRACKED;
  return { channel: first & 0x0f, tracked, message: decodeLanMessage(reader.rest()) };
}

/** What became of a bridged request: an answer of the target, or the refusal of somebody on the way. */
export type Bridged = { kind: 'answer'; data: Uint8Array } | { kind: 'refused'; completion: number };

/**
 * Follows one bridged request through what the BMC sends. The usual BMC says "ok" to Send Message and sends the answer of
 * the target as a message of its own; others put that answer into their own; either may come first.
 */
export class BridgeWatch {
  readonly #request: LanMessage;
  readonly #checked: boolean;
  /** Somebody on the way took the request: the BMC lives, whatever the target does. */
  taken = false;

  /** @param checked see `decodeLanMessage` */
  constructor(request: LanMessage, checked: boolean) {
    this.#request = request;
    this.#checked = checked;
  }

  /** @param reply a message of the session; undefined: it does not end the wait */
  see(reply: LanMessage): Bridged | undefined {
    if (answers(reply, this.#request)) {
      // "Duplicated request": the answer to the first copy will come.
      return reply.data[0] === Completion.duplicate ? undefined : { kind: 'answer', data: reply.data };
    }
    const { sequence } = this.#request;
    if (!answers(reply, { ...this.#request, netFn: NetFn.app, cmd: SEND_MESSAGE, sequence })) return undefined;
    const completion = reply.data[0] ?? Completion.unspecified;
    if (completion === Completion.duplicate) return undefined;
    if (completion !== Completion.ok) return { kind: 'refused', completion };
    this.taken = true;
    return reply.data.length > 1 ? this.#inside(reply.data.subarray(1)) : undefined;
  }

  /** @throws IPMI_MALFORMED: dropped, the real answer may still come */
  #inside(bytes: Uint8Array): Bridged | undefined {
    try {
      // The numbers inside are those of the bus, so they are taken as they are.
      return this.see({ ...decodeLanMessage(bytes, this.#checked), sequence: this.#request.sequence });
    } catch (cause) {
      throw ipmiErrors.make('IPMI_MALFORMED', `bridged answer: ${errorText(cause)}`, { cause });
    }
  }
}
