import { createSocket } from 'node:dgram';

/**
 * Our address on the way to another machine, as the routing table has it. Nothing is sent: a UDP socket that is connected
 * knows its own address.
 * @param host address or name
 * @throws of the name's look-up, or when there is no route
 */
export async function localAddressTowards(host: string): Promise<string> {
  const family = host.includes(':') ? 'udp6' : 'udp4';
  const socket = createSocket(family);
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  try {
    socket.once('error', reject);
    // Any port will do: 9 is discard.
    socket.connect(9, host, () => resolve(socket.address().address));
    return await promise;
  } finally {
    socket.close();
  }
}
