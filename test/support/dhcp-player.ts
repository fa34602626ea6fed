/**
 * Sends a captured packet and prints what comes back within a second as lines of JSON:
 * `dhcp-player.ts SENDER TYPE ADDRESS PORT`. Reads replies by offset, without our codec.
 */
import dgram from 'node:dgram';
import { capture } from './captures.ts';

export interface PlayedReply {
  from: string;
  type: number | undefined;
  yiaddr: string;
  file: string;
  vendorClass: string;
}

const [sender = '', type = '', address = '', port = ''] = process.argv.slice(2);

function option(bytes: Buffer, wanted: number): Buffer | undefined {
  for (let at = 240; at < bytes.length && bytes[at] !== 255;) {
    const length = bytes[at] === 0 ? -1 : (bytes[at + 1] ?? 0);
    if (bytes[at] === wanted) return bytes.subarray(at + 2, at + 2 + length);
    at += 2 + length;
  }
  return undefined;
}

const socket = dgram.createSocket('udp4');
socket.on('message', (bytes, from) => {
  const file = bytes.subarray(108, 236).toString('latin1');
  const reply: PlayedReply = {
    from: from.address,
    type: option(bytes, 53)?.[0],
    yiaddr: [...bytes.subarray(16, 20)].join('.'),
    file: file.slice(0, file.indexOf('\0')),
    vendorClass: option(bytes, 60)?.toString('latin1') ?? '',
  };
  process.stdout.write(`${JSON.stringify(reply)}\n`);
});
socket.bind(68, () => {
  socket.setBroadcast(true);
  socket.send(capture('dhcp', sender, type), Number(port), address);
  setTimeout(() => socket.close(), 1500);
});
