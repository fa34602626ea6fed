import type { UdpConnect, UdpHandlers, UdpListen, UdpPeer } from '../../src/ipmi/udp.ts';

/** What happens to a datagram on its way. */
export type Tap = (bytes: Uint8Array, direction: 'to-server' | 'to-client') => 'pass' | 'drop';

/** UDP inside the process: no sockets, no waiting, any datagram can be lost. */
export class MemoryUdp {
  tap: Tap = () => 'pass';
  /** Datagrams sent, lost ones included. */
  sent = 0;
  /** Local ports that clients have used, in order. */
  readonly clientPorts: number[] = [];
  readonly #servers = new Map<number, UdpHandlers>();
  readonly #clients = new Map<number, UdpHandlers>();
  #nextPort = 40_000;

  readonly listen: UdpListen = async (local, handlers) => {
    const port = local.port === 0 ? this.#nextPort++ : local.port;
    this.#servers.set(port, handlers);
    return {
      port,
      send: (bytes: Uint8Array, to?: UdpPeer) =>
        this.#carry(bytes, 'to-client', this.#clients.get(to?.port ?? 0), port),
      close: () => void this.#servers.delete(port),
    };
  };

  readonly connect: UdpConnect = async (peer, handlers) => {
    const port = this.#nextPort++;
    this.clientPorts.push(port);
    this.#clients.set(port, handlers);
    return {
      port,
      send: (bytes: Uint8Array) => this.#carry(bytes, 'to-server', this.#servers.get(peer.port), port),
      close: () => void this.#clients.delete(port),
    };
  };

  /** Clients that have not closed their socket. */
  get openClients(): number {
    return this.#clients.size;
  }

  /** A datagram that the network kept back arrives at the client that was opened last. */
  inject(bytes: Uint8Array): void {
    const port = this.clientPorts.at(-1) ?? 0;
    this.#clients.get(port)?.message(bytes.slice(), { address: '192.0.2.1', port });
  }

  #carry(bytes: Uint8Array, direction: 'to-server' | 'to-client', to: UdpHandlers | undefined, port: number): void {
    this.sent++;
    if (this.tap(bytes, direction) === 'drop' || to === undefined) return;
    const copy = bytes.slice();
    queueMicrotask(() => to.message(copy, { address: '192.0.2.1', port }));
  }
}
