import { RttEstimator } from './rtt.ts';

/** What to do next. `blocks` are sent in order; numbers are absolute, from 1. */
export type TransferStep =
  | { do: 'send'; from: number; to: number }
  | { do: 'oack' }
  | { do: 'wait' }
  | { do: 'done' }
  | { do: 'give-up'; lastBlockSent: boolean };

export interface TransferOptions {
  size: number;
  blockSize: number;
  windowSize: number;
  timeoutMs: number | undefined;
  /** The options go first and the client acknowledges them as block 0. */
  oack: boolean;
  /** Timeouts in a row before the client is taken for gone. */
  maxTimeouts: number;
}

/**
 * The sender's side of a read as a machine without I/O: events in, steps out. Blocks are counted absolutely; on the wire
 * they are 16 bits that go on from 65535 with 0, and an acknowledgement means the one block of the window in flight with
 * these bits.
 */
export class Transfer {
  readonly rtt: RttEstimator;
  /** The last block; it is shorter than the others, empty when the size divides (RFC 1350 §6). */
  readonly lastBlock: number;
  readonly #options: TransferOptions;
  /** Highest acknowledged block; -1 while the OACK is not. */
  #acked: number;
  /** Highest block sent. */
  #sent = 0;
  #timeouts = 0;
  #sentAt = 0;
  /** The window in flight was sent once only, so its time may be measured. */
  #clean = true;
  /** Until then (ms) a repeated acknowledgement asks for what is on its way already. */
  #repeatAfter = 0;

  constructor(options: TransferOptions) {
    this.#options = options;
    this.rtt = new RttEstimator(options.timeoutMs);
    this.lastBlock = Math.floor(options.size / options.blockSize) + 1;
    this.#acked = options.oack ? -1 : 0;
  }

  get acked(): number {
    return this.#acked;
  }

  /** Bytes the client has. */
  get ackedBytes(): number {
    return Math.min(this.#options.size, Math.max(0, this.#acked) * this.#options.blockSize);
  }

  /** @param now monotonic ms */
  start(now: number): TransferStep {
    if (this.#acked === -1) {
      this.#sentAt = now;
      return { do: 'oack' };
    }
    return this.#window(now);
  }

  /** @param wire the 16 bits of the ACK packet */
  onAck(wire: number, now: number): TransferStep {
    if (this.#acked === -1) {
      if (wire !== 0) return { do: 'wait' };
      this.#advance(0, now);
      return this.#window(now);
    }
    const block = this.#blockOf(wire);
    if (block === undefined) return { do: 'wait' };
    if (block === this.#acked) return this.#repeated(now);
    this.#advance(block, now);
    return block === this.lastBlock ? { do: 'done' } : this.#window(now);
  }

  onTimeout(now: number): TransferStep {
    // A timer that fires after the end has nothing left to send.
    if (this.#acked === this.lastBlock) return { do: 'done' };
    this.#timeouts += 1;
    if (this.#timeouts > this.#options.maxTimeouts) {
      return { do: 'give-up', lastBlockSent: this.#sent === this.lastBlock };
    }
    this.rtt.timedOut();
    this.#clean = false;
    return this.#acked === -1 ? { do: 'oack' } : this.#window(now);
  }

  /** The block of the window in flight these bits stand for, or the one before it. */
  #blockOf(wire: number): number | undefined {
    const ahead = (wire - (this.#acked & 0xffff)) & 0xffff;
    const block = this.#acked + ahead;
    return block <= this.#sent ? block : undefined;
  }

  #advance(block: number, now: number): void {
    if (this.#clean) this.rtt.sample(now - this.#sentAt);
    this.rtt.progress();
    this.#timeouts = 0;
    // The client stopped short of the window's end: something was lost, the rest is sent a second time.
    this.#clean = block >= this.#sent;
    this.#acked = block;
    this.#repeatAfter = 0;
  }

  /**
   * The block before the window was acknowledged again. With one block per window this is the echo of a delayed packet,
   * and answering it would double every packet from here on (the Sorcerer's Apprentice, RFC 1123 §4.2.3.1). With more it
   * is how a client says that the window's first block was lost (RFC 7440 §4); answered once per round trip.
   */
  #repeated(now: number): TransferStep {
    if (this.#options.windowSize === 1 || this.#sent === this.#acked) return { do: 'wait' };
    if (now < this.#repeatAfter) return { do: 'wait' };
    this.#repeatAfter = now + Math.max(10, this.rtt.mean ?? this.rtt.wait);
    this.#clean = false;
    return this.#window(now);
  }

  #window(now: number): TransferStep {
    const from = this.#acked + 1;
    const to = Math.min(this.lastBlock, this.#acked + this.#options.windowSize);
    this.#sent = to;
    this.#sentAt = now;
    return { do: 'send', from, to };
  }
}
