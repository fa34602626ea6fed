import { spawnSync } from 'node:child_process';
import type { Clock } from '../core/clock.ts';
import { formatIpv4, parseIpv4 } from '../wire/ipv4.ts';
import type { DhcpInterface } from './config.ts';
import type { Destination } from './destination.ts';
import { openDeviceSockets } from './device-socket.ts';
import { dhcpErrors } from './errors.ts';

/** One UDP port on one interface, as the server uses it. */
export interface DhcpSocket {
  /** Called for each datagram; once, before anything is sent. */
  receive(handler: (bytes: Uint8Array, source: Destination) => void): void;
  /** Rejects with Node's error when the network refuses. */
  send(bytes: Uint8Array, to: Destination): Promise<void>;
  close(): void;
}

export interface PortRequest {
  iface: DhcpInterface;
  port: number;
}

/** The door to the network; answers in the order asked. */
export type OpenSockets = (ports: readonly PortRequest[]) => Promise<DhcpSocket[]>;

/** Real sockets, each tied to its interface. */
export function deviceSockets(clock: Clock): OpenSockets {
  return async (ports) => {
    const opened = await openDeviceSockets(
      ports.map((p) => ({ device: p.iface.name, port: p.port })),
      clock,
    );
    return opened.map((socket): DhcpSocket => ({
      receive(handler) {
        socket.on('error', () => undefined);
        socket.on('message', (bytes, from) => handler(bytes, { address: parseIpv4(from.address), port: from.port }));
      },
      send: (bytes, to) =>
        new Promise((resolve, reject) =>
          socket.send(bytes, to.port, formatIpv4(to.address), (error) => (error === null ? resolve() : reject(error))),
        ),
      close: () => void socket.close(),
    }));
  };
}

/**
 * The interface `name` of this machine with its first IPv4 address. Asks `ip`, because Node's own list leaves out
 * interfaces without a carrier, and a boot network whose machines are all switched off has none.
 * @throws DHCP_INTERFACE
 */
export function findInterface(name: string): DhcpInterface {
  const answer = spawnSync('ip', ['-json', '-4', 'address', 'show', 'dev', name], { encoding: 'utf8' });
  const address = answer.status === 0 ? firstAddress(answer.stdout) : undefined;
  if (address === undefined) {
    throw dhcpErrors.make('DHCP_INTERFACE', `interface ${name} does not exist or has no IPv4 address`);
  }
  return { name, ...address };
}

/** First IPv4 address in what `ip -json -4 address show` prints. */
function firstAddress(json: string): { address: number; prefix: number } | undefined {
  const links = JSON.parse(json) as { addr_info?: { local?: string; prefixlen?: number }[] }[];
  const first = links.flatMap((link) => link.addr_info ?? []).find((a) => a.local !== undefined);
  if (first?.local === undefined || first.prefixlen === undefined) return undefined;
  return { address: parseIpv4(first.local), prefix: first.prefixlen };
}
