import { randomBytes } from 'node:crypto';
import type { SessionKeys } from './crypto.ts';
import { type Datagram, encodeV20, openV20 } from './packet.ts';
import { SequenceWindow, nextSequence } from './sequence.ts';
import type { WireQuirks } from './wire-quirks.ts';

/** What a packet of a session carries. */
export interface Payload {
  /** PayloadType.ipmi, .sol, … */
  type: number;
  bytes: Uint8Array;
}

/** The packets of one open session: numbered, protected, checked. IPMI 2.0 and 1.5 have one each. */
export interface Framing {
  /** Puts `payload` into a packet for the peer and uses up a sequence number. */
  seal(payload: Payload): Uint8Array;
  /**
   * What a packet for us carries; undefined when it is of another session or was seen before.
   * @throws IPMI_INTEGRITY when it is not protected as the session demands
   */
  open(datagram: Datagram): Payload | undefined;
}

export interface FramingIds {
  /** Session id that packets to us carry. */
  own: number;
  /** Session id that packets to the peer carry. */
  peer: number;
}

/** RMCP+ (IPMI 2.0). Both sides count from 1. */
export class V20Framing implements Framing {
  readonly #ids: FramingIds;
  readonly #keys: SessionKeys;
  readonly #quirks: WireQuirks;
  readonly #window = new SequenceWindow();
  #outbound = 0;

  constructor(ids: FramingIds, keys: SessionKeys, quirks: WireQuirks = {}) {
    this.#ids = ids;
    this.#keys = keys;
    this.#quirks = quirks;
  }

  seal({ type, bytes }: Payload): Uint8Array {
    this.#outbound = nextSequence(this.#outbound);
    const packet = { payloadType: type, sessionId: this.#ids.peer, sequence: this.#outbound, payload: bytes };
    return encodeV20(packet, this.#keys, randomBytes(16), this.#quirks);
  }

  open(datagram: Datagram): Payload | undefined {
    if (datagram.kind !== 'v2.0') return undefined;
    const zero = this.#quirks.zeroSessionIds === true && datagram.sessionId === 0;
    if (datagram.sessionId !== this.#ids.own && !zero) return undefined;
    const bytes = openV20(datagram, this.#keys);
    const fresh = this.#quirks.anySequence === true || this.#window.accept(datagram.sequence);
    return fresh ? { type: datagram.payloadType, bytes } : undefined;
  }
}
