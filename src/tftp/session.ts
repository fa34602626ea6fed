import type { Clock, Timer } from '../core/clock.ts';
import type { TftpEventBody } from './events.ts';
import type { TftpClient, TftpFile } from './file.ts';
import type { TransferTerms } from './negotiate.ts';
import { TFTP_ERROR, decodePacket, encodePacket } from './packet.ts';
import { Transfer, type TransferStep } from './transfer.ts';
import type { UdpSocket } from './udp.ts';

export interface SessionOptions {
  client: TftpClient;
  file: TftpFile;
  terms: TransferTerms;
  /** The transfer's own socket: its port is our transfer identifier (RFC 1350 §4). */
  socket: UdpSocket;
  clock: Clock;
  tell: (event: TftpEventBody) => void;
  ended: () => void;
}

/** Timeouts in a row until a client is taken for gone: about half a minute. */
const MAX_TIMEOUTS = 6;

/** One read under way: moves packets and time between the network and a `Transfer`. */
export class Session {
  readonly #o: SessionOptions;
  readonly #transfer: Transfer;
  readonly #startedAt: number;
  #timer: Timer | undefined;
  /** Counts sends begun; a loop that sees a newer number stops. */
  #generation = 0;
  #highestSent = 0;
  #retransmits = 0;
  #over = false;

  constructor(options: SessionOptions) {
    this.#o = options;
    this.#startedAt = options.clock.monotonic();
    this.#transfer = new Transfer({
      ...options.terms,
      size: options.file.size,
      oack: options.terms.confirmed.size > 0,
      maxTimeouts: MAX_TIMEOUTS,
    });
  }

  start(): void {
    const { socket, terms, file } = this.#o;
    socket.receive((bytes, from) => this.#receive(bytes, from));
    this.#o.tell({ kind: 'start', size: file.size, blockSize: terms.blockSize, windowSize: terms.windowSize });
    this.#take(this.#transfer.start(this.#startedAt));
  }

  /** Ends the transfer from our side. */
  stop(reason: string): void {
    if (this.#over) return;
    void this.#o.socket.send(
      encodePacket({ kind: 'error', code: TFTP_ERROR.undefined, message: reason }),
      this.#o.client,
    );
    this.#end({ kind: 'aborted', bytes: this.#transfer.ackedBytes, reason });
  }

  #receive(bytes: Uint8Array, from: TftpClient): void {
    if (this.#over) return;
    const { client, socket, clock } = this.#o;
    if (from.address !== client.address || from.port !== client.port) {
      const code = TFTP_ERROR.unknownTransfer;
      void socket.send(encodePacket({ kind: 'error', code, message: 'not your transfer' }), from);
      return;
    }
    const packet = decodeOrNothing(bytes);
    if (packet?.kind === 'ack') this.#take(this.#transfer.onAck(packet.block, clock.monotonic()));
    else if (packet?.kind === 'error')
      this.#clientGaveUp(`${packet.message || 'no reason given'} (error ${packet.code})`);
  }

  /** A hang-up before the first block arrived is how ROMs ask for a file's size. */
  #clientGaveUp(reason: string): void {
    const probe = this.#transfer.acked <= 0 && this.#o.terms.confirmed.has('tsize');
    this.#end(probe ? { kind: 'probe' } : { kind: 'aborted', bytes: this.#transfer.ackedBytes, reason });
  }

  #take(step: TransferStep): void {
    switch (step.do) {
      case 'wait':
        return;
      case 'oack':
        void this.#o.socket.send(encodePacket({ kind: 'oack', options: this.#o.terms.confirmed }), this.#o.client);
        this.#arm();
        return;
      case 'send':
        this.#send(step.from, step.to).catch((error: unknown) => this.stop(`cannot read the file: ${String(error)}`));
        return;
      case 'done':
        this.#complete();
        return;
      case 'give-up':
        // Many ROMs start what they loaded without acknowledging its last block.
        if (step.lastBlockSent) this.#complete();
        else this.#end({ kind: 'timeout', bytes: this.#transfer.ackedBytes });
    }
  }

  async #send(from: number, to: number): Promise<void> {
    const { file, terms, socket, client } = this.#o;
    const generation = ++this.#generation;
    this.#timer?.cancel();
    const offset = (from - 1) * terms.blockSize;
    const length = Math.min((to - from + 1) * terms.blockSize, file.size - offset);
    const bytes = length === 0 ? new Uint8Array(0) : await file.read(offset, length);
    if (bytes.length !== length) throw new Error('the file became shorter');
    if (this.#over || generation !== this.#generation) return;
    for (let block = from; block <= to; block++) {
      const at = (block - from) * terms.blockSize;
      const data = bytes.subarray(at, at + terms.blockSize);
      void socket.send(encodePacket({ kind: 'data', block: block & 0xffff, data }), client);
    }
    this.#retransmits += Math.max(0, Math.min(this.#highestSent, to) - from + 1);
    this.#highestSent = Math.max(this.#highestSent, to);
    this.#arm();
  }

  #arm(): void {
    this.#timer?.cancel();
    const { clock } = this.#o;
    this.#timer = clock.timer(this.#transfer.rtt.wait, () => {
      if (!this.#over) this.#take(this.#transfer.onTimeout(clock.monotonic()));
    });
  }

  #complete(): void {
    const ms = Math.round(this.#o.clock.monotonic() - this.#startedAt);
    this.#end({ kind: 'complete', bytes: this.#o.file.size, ms, retransmits: this.#retransmits });
  }

  #end(event: TftpEventBody): void {
    if (this.#over) return;
    this.#over = true;
    this.#timer?.cancel();
    // Packets given to the socket in this turn have left it by the next one.
    this.#o.clock.timer(0, () => this.#o.socket.close());
    void this.#o.file.close?.().catch(() => undefined);
    this.#o.tell(event);
    this.#o.ended();
  }
}

function decodeOrNothing(bytes: Uint8Array) {
  try {
    return decodePacket(bytes);
  } catch {
    // A broken packet on a transfer is as good as lost.
    return undefined;
  }
}
