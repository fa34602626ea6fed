import type { Clock, Timer } from '../core/clock.ts';
import { IngotError } from '../core/errors.ts';
import { ipmiErrors } from './errors.ts';
import { type Datagram, decodeDatagram } from './packet.ts';
import { encodeAsf } from './rmcp.ts';
import type { UdpConnect, UdpSocket } from './udp.ts';

/** Any but 0xFF, which would ask for no answer. */
const PING_TAG = 0x01;

/** Picks the awaited answer out of what arrives. undefined or an IngotError: not this one, keep waiting. */
export type Accept<T> = (datagram: Datagram) => T | undefined;

/** Sees each datagram first. @returns true when it was for the listener, so that no exchange gets it */
export type Listener = (datagram: Datagram) => boolean;

interface Waiter {
  /** @returns true when the datagram was the awaited one */
  take(datagram: Datagram): boolean;
  fail(error: unknown): void;
}

/** One socket to one BMC with at most one exchange in flight. */
export class Channel {
  readonly #clock: Clock;
  #socket: UdpSocket | undefined;
  #waiter: Waiter | undefined;
  #listener: Listener | undefined;

  private constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Opens a socket from a fresh local port: some BMCs mistake a second login from the same port for the first. */
  static async open(connect: UdpConnect, peer: { host: string; port: number }, clock: Clock): Promise<Channel> {
    const channel = new Channel(clock);
    channel.#socket = await connect(peer, {
      message: (bytes) => channel.#receive(bytes),
      error: (cause) => channel.#waiter?.fail(ipmiErrors.make('IPMI_SOCKET', socketText(cause), { cause })),
    });
    return channel;
  }

  /**
   * Sends `packet` once and waits for the answer `accept` recognises.
   * @param timeoutMs how long to wait
   * @throws IPMI_TIMEOUT, IPMI_SOCKET, IPMI_CLOSED, or the signal's reason
   */
  exchange<T>(packet: Uint8Array, accept: Accept<T>, timeoutMs: number, signal: AbortSignal): Promise<T> {
    const socket = this.#socket;
    if (socket === undefined) return Promise.reject(ipmiErrors.make('IPMI_CLOSED', 'the socket is closed'));
    if (signal.aborted) return Promise.reject(signal.reason);
    return new Promise<T>((resolve, reject) => {
      let timer: Timer | undefined = undefined;
      const onAbort = () => waiter.fail(signal.reason);
      const end = () => {
        timer?.cancel();
        signal.removeEventListener('abort', onAbort);
        if (this.#waiter === waiter) this.#waiter = undefined;
      };
      const waiter: Waiter = {
        take: (datagram) => {
          const answer = accept(datagram);
          if (answer === undefined) return false;
          end();
          resolve(answer);
          return true;
        },
        fail: (error) => {
          end();
          reject(error);
        },
      };
      this.#waiter = waiter;
      timer = this.#clock.timer(timeoutMs, () =>
        waiter.fail(ipmiErrors.make('IPMI_TIMEOUT', `no answer within ${Math.round(timeoutMs)} ms`)),
      );
      signal.addEventListener('abort', onAbort, { once: true });
      socket.send(packet);
    });
  }

  /**
   * Asks by an ASF presence ping whether anybody is there at all. A pong proves it; silence proves nothing, since many
   * BMCs never answer a ping.
   */
  async ping(timeoutMs: number, signal: AbortSignal): Promise<boolean> {
    const isPong = (datagram: Datagram) =>
      datagram.kind === 'asf' && datagram.message.kind === 'pong' ? true : undefined;
    try {
      return await this.exchange(encodeAsf({ kind: 'ping', tag: PING_TAG }), isPong, timeoutMs, signal);
    } catch (error) {
      if (ipmiErrors.is(error, 'IPMI_TIMEOUT') || ipmiErrors.is(error, 'IPMI_SOCKET')) return false;
      throw error;
    }
  }

  /** Hands over what comes without having been asked for. One listener; a later one takes its place. */
  listen(listener: Listener): void {
    this.#listener = listener;
  }

  /** Sends without waiting. */
  post(packet: Uint8Array): void {
    this.#socket?.send(packet);
  }

  close(): void {
    this.#waiter?.fail(ipmiErrors.make('IPMI_CLOSED', 'the socket was closed'));
    this.#socket?.close();
    this.#socket = undefined;
  }

  #receive(bytes: Uint8Array): void {
    try {
      const datagram = decodeDatagram(bytes);
      if (this.#listener?.(datagram) !== true) this.#waiter?.take(datagram);
    } catch (error) {
      // A broken or forged datagram must not end a login; the real answer may still come.
      if (!(error instanceof IngotError)) throw error;
    }
  }
}

function socketText(error: Error): string {
  const refused = 'code' in error && error.code === 'ECONNREFUSED';
  return refused ? 'connection refused, nothing listens on that UDP port' : error.message;
}
