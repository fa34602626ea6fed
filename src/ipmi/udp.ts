import { createSocket, type RemoteInfo } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { errorText } from '../core/errors.ts';
import { ipmiErrors } from './errors.ts';

/** A UDP socket as the client and the server need it. Tests hand in their own. */
export interface UdpSocket {
  /** Local port. */
  readonly port: number;
  /** To the connected peer, or to `to`. Losses are silent: it is UDP. */
  send(bytes: Uint8Array, to?: UdpPeer): void;
  close(): void;
}

export interface UdpPeer {
  address: string;
  port: number;
}

export interface UdpHandlers {
  message(bytes: Uint8Array, from: UdpPeer): void;
  /** Asynchronous failures, above all ECONNREFUSED: the peer's host says that nothing listens. */
  error(error: Error): void;
}

/** Opens a socket from a fresh local port to one peer; datagrams of others never arrive. @throws IPMI_SOCKET */
export type UdpConnect = (peer: { host: string; port: number }, handlers: UdpHandlers) => Promise<UdpSocket>;

/** Opens a socket on a local address. @throws IPMI_SOCKET */
export type UdpListen = (local: UdpPeer, handlers: UdpHandlers) => Promise<UdpSocket>;

export const nodeUdpConnect: UdpConnect = async (peer, handlers) => {
  const addresses = await resolve(peer.host);
  for (const [i, address] of addresses.entries()) {
    const socket = open(address, handlers);
    try {
      await settled(socket, `cannot reach ${peer.host} port ${peer.port}`, (done) =>
        socket.connect(peer.port, address, done),
      );
      return face(socket, handlers, true);
    } catch (error) {
      // A name with an IPv6 address, on a machine without a route to it: the IPv4 one may do.
      if (i === addresses.length - 1) throw error;
    }
  }
  throw ipmiErrors.make('IPMI_SOCKET', `"${peer.host}" has no address`);
};

export const nodeUdpListen: UdpListen = async (local, handlers) => {
  const socket = open(local.address, handlers);
  await settled(socket, `cannot listen on ${local.address} port ${local.port}`, (done) =>
    socket.bind({ address: local.address, port: local.port }, done),
  );
  return face(socket, handlers, false);
};

type Socket = ReturnType<typeof createSocket>;

async function resolve(host: string): Promise<string[]> {
  if (isIP(host) !== 0) return [host];
  try {
    return (await lookup(host, { all: true })).map(({ address }) => address);
  } catch (cause) {
    throw ipmiErrors.make('IPMI_SOCKET', `cannot resolve "${host}": ${errorText(cause)}`, { cause });
  }
}

function open(address: string, handlers: UdpHandlers): Socket {
  const socket = createSocket(isIP(address) === 6 ? 'udp6' : 'udp4');
  socket.on('message', (bytes, from: RemoteInfo) => handlers.message(bytes, from));
  return socket;
}

/** Waits for connect or bind, whose failure comes as an event or as an argument. */
function settled(socket: Socket, what: string, start: (done: () => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (cause: Error) => {
      socket.close();
      reject(ipmiErrors.make('IPMI_SOCKET', `${what}: ${cause.message}`, { cause }));
    };
    socket.once('error', fail);
    start((cause?: Error) => {
      socket.off('error', fail);
      if (cause instanceof Error) fail(cause);
      else resolve();
    });
  });
}

function face(socket: Socket, handlers: UdpHandlers, connected: boolean): UdpSocket {
  let open = true;
  socket.on('error', (error) => handlers.error(error));
  const report = (error: Error | null) => {
    if (error !== null && open) handlers.error(error);
  };
  return {
    port: socket.address().port,
    send(bytes, to) {
      if (!open) return;
      if (connected) socket.send(bytes, report);
      else if (to !== undefined) socket.send(bytes, to.port, to.address, report);
    },
    close() {
      if (!open) return;
      open = false;
      socket.close();
    },
  };
}
