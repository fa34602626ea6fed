import { spawn } from 'node:child_process';
import dgram from 'node:dgram';
import { type Clock, systemClock } from '../core/clock.ts';
import { dhcpErrors } from './errors.ts';

/**
 * UDP sockets that belong to one network interface each.
 *
 * A DHCP server must know which interface a broadcast came in by. Node tells neither that (IP_PKTINFO) nor lets a socket
 * be tied to an interface (SO_BINDTODEVICE), but it takes over open sockets. So a short-lived helper makes them: Perl
 * (part of every Debian, `perl-base`) opens, ties and binds them, becomes a Node process that inherits them, and that one
 * passes them to us over the channel Node has between parent and child. Takes about 0.1 s, once.
 *
 * Such a socket hears only its interface's packets, and what it sends to 255.255.255.255 leaves by that interface with
 * that interface's address, whatever the routes say.
 */
const OPEN_AND_TIE = String.raw`
use strict; use Socket; $^F = 255;
my ($node, $pass, @wanted) = @ARGV; my @kept;
for (@wanted) {
  my ($device, $port) = /^(.+):(\d+)$/;
  socket(my $s, PF_INET, SOCK_DGRAM, 0) or die "SOCKET socket: $!\n";
  setsockopt($s, SOL_SOCKET, 25, "$device\0") or die "INTERFACE $device: $!\n";
  bind($s, sockaddr_in($port, INADDR_ANY)) or die(($!{EADDRINUSE} ? "IN_USE" : "SOCKET") . " port $port on $device: $!\n");
  push @kept, $s;
}
exec $node, '-e', $pass, map { fileno $_ } @kept;
die "SOCKET cannot start $node: $!\n";`;

const PASS_ON = `
const dgram = require('node:dgram');
const fds = process.argv.slice(1).map(Number);
let left = fds.length;
fds.forEach((fd, index) => {
  const socket = dgram.createSocket('udp4');
  socket.bind({ fd }, () => process.send({ index }, socket, () => { socket.close(); if (--left === 0) process.disconnect(); }));
});`;

export interface DevicePort {
  device: string;
  port: number;
}

const HELPER_TIMEOUT_MS = 20_000;

/**
 * Opens one socket for each of `ports`, in that order, with broadcast allowed.
 * @throws DHCP_INTERFACE, DHCP_PORT_IN_USE, DHCP_SOCKET
 */
export function openDeviceSockets(ports: readonly DevicePort[], clock: Clock = systemClock): Promise<dgram.Socket[]> {
  return new Promise((resolve, reject) => {
    const args = ports.map((p) => `${p.device}:${p.port}`);
    const helper = spawn('perl', ['-MErrno', '-e', OPEN_AND_TIE, process.execPath, PASS_ON, ...args], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    const sockets = new Map<number, dgram.Socket>();
    let said = '';
    const timer = clock.timer(HELPER_TIMEOUT_MS, () => helper.kill('SIGKILL'), true);
    const settle = (error?: Error) => {
      timer.cancel();
      const complete = ports.map((_, i) => sockets.get(i)).filter((s) => s !== undefined);
      if (error === undefined && complete.length === ports.length) {
        resolve(complete);
        return;
      }
      for (const socket of complete) socket.close();
      reject(error ?? helperError(said));
    };
    helper.stderr?.on('data', (chunk: Uint8Array) => {
      if (said.length < 4096) said += Buffer.from(chunk).toString('utf8');
    });
    helper.on('message', (message, handle) => {
      if (!(handle instanceof dgram.Socket)) return;
      handle.setBroadcast(true);
      sockets.set((message as { index: number }).index, handle);
    });
    helper.on('error', (cause) =>
      settle(
        dhcpErrors.make('DHCP_SOCKET', `cannot start perl: ${cause.message}`, { cause, hint: 'install perl-base' }),
      ),
    );
    helper.on('close', () => settle());
  });
}

function helperError(said: string): Error {
  const [, kind = '', text = said] = /^(SOCKET|INTERFACE|IN_USE) (.*)$/m.exec(said) ?? [];
  if (kind === 'IN_USE') return dhcpErrors.make('DHCP_PORT_IN_USE', `cannot listen on ${text.trim()}`);
  if (kind === 'INTERFACE') return dhcpErrors.make('DHCP_INTERFACE', `cannot listen on interface ${text.trim()}`);
  return dhcpErrors.make('DHCP_SOCKET', `cannot open the DHCP sockets: ${text.trim() || 'the helper ended early'}`);
}
