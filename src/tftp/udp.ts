import dgram from 'node:dgram';
import { tftpErrors } from './errors.ts';

export interface UdpSocket {
  readonly port: number;
  receive(handler: (bytes: Uint8Array, from: { address: string; port: number }) => void): void;
  /** What the network refuses is as good as lost on the way: timeouts deal with both. */
  send(bytes: Uint8Array, to: { address: string; port: number }): Promise<void>;
  close(): void;
}

/** @throws TFTP_SOCKET */
export function bindUdp(address: string, port: number): Promise<UdpSocket> {
  return new Promise((resolve, reject) => {
    const socket = dgram.createSocket('udp4');
    let open = true;
    socket.once('error', (cause) => {
      socket.close();
      reject(tftpErrors.make('TFTP_SOCKET', `cannot bind ${address}:${port}: ${cause.message}`, { cause }));
    });
    socket.bind({ address, port }, () => {
      socket.removeAllListeners('error');
      socket.on('error', () => undefined);
      resolve({
        port: socket.address().port,
        receive: (handler) => void socket.on('message', (bytes, from) => handler(bytes, from)),
        send: (bytes, to) =>
          new Promise((sent) => {
            if (open) socket.send(bytes, to.port, to.address, () => sent());
            else sent();
          }),
        close() {
          if (open) socket.close();
          open = false;
        },
      });
    });
  });
}
