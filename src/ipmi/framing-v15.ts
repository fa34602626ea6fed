import { ipmiErrors } from './errors.ts';
import type { Framing, Payload } from './framing.ts';
import { PayloadType } from './numbers.ts';
import type { Datagram } from './packet.ts';
import { type V15Auth, encodeV15Session, v15CodeFits } from './packet-v15.ts';
import { SequenceWindow, nextSequence } from './sequence.ts';
import type { WireQuirks } from './wire-quirks.ts';

export interface V15Session {
  /** Both sides use one id in IPMI 1.5. */
  sessionId: number;
  auth: V15Auth;
  /** Numbers of the first packet to send and of the first to come. */
  firstSent: number;
  firstReceived: number;
  /** With `oem` the code of the session. */
  password: Uint8Array;
  /** The codes of packets to us say nothing: nobody told what boards with `oem` put there. */
  anyCode?: boolean;
}

/** Packets of an IPMI 1.5 session: no payloads but IPMI messages, nothing is encrypted. */
export class V15Framing implements Framing {
  readonly #session: V15Session;
  readonly #quirks: WireQuirks;
  readonly #window: SequenceWindow;
  #next: number;

  constructor(session: V15Session, quirks: WireQuirks = {}) {
    this.#session = session;
    this.#quirks = quirks;
    this.#window = new SequenceWindow({ from: session.firstReceived });
    this.#next = session.firstSent === 0 ? 1 : session.firstSent;
  }

  seal({ bytes }: Payload): Uint8Array {
    const { auth, sessionId, password } = this.#session;
    const sequence = this.#next;
    this.#next = nextSequence(sequence);
    return encodeV15Session({ auth, sequence, sessionId, payload: bytes }, password);
  }

  open(datagram: Datagram): Payload | undefined {
    if (datagram.kind !== 'v1.5') return undefined;
    const { auth, sessionId, password, anyCode = false } = this.#session;
    const zero = this.#quirks.zeroSessionIds === true && datagram.sessionId === 0;
    if (datagram.sessionId !== sessionId && !zero) return undefined;
    const empty = (datagram.auth === 'none' || datagram.auth === auth) && datagram.code.every((byte) => byte === 0);
    const unsigned = empty && this.#quirks.unsignedReplies === true;
    const signed = datagram.auth === auth && (anyCode || v15CodeFits(datagram, password));
    if (!signed && !unsigned) {
      throw ipmiErrors.make('IPMI_INTEGRITY', 'packet is not signed as its session demands');
    }
    if (this.#quirks.anySequence !== true && !this.#window.accept(datagram.sequence)) return undefined;
    return { type: PayloadType.ipmi, bytes: datagram.payload };
  }
}
