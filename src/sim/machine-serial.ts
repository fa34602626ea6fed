import { type Socket, connect } from 'node:net';
import type { Clock, Timer } from '../core/clock.ts';
import type { SerialPort } from '../ipmi/sol/serial.ts';
import type { Machine } from './machine.ts';
import { consoleSocketPath } from './qemu-args.ts';

/** Between tries to reach the serial port of a machine that is off. */
const RETRY_MS = 50;

/**
 * A machine's first serial port, through the socket at which QEMU offers it. Connected only while somebody listens, and
 * then read without a pause: QEMU makes the machine wait for a reader that is slow.
 */
export class MachineSerial implements SerialPort {
  readonly #machine: Machine;
  readonly #clock: Clock;
  readonly #listeners = new Set<(bytes: Uint8Array) => void>();
  #socket: Socket | undefined;
  #retry: Timer | undefined;

  constructor(machine: Machine, clock: Clock) {
    this.#machine = machine;
    this.#clock = clock;
  }

  listen(onData: (bytes: Uint8Array) => void): () => void {
    this.#listeners.add(onData);
    if (this.#listeners.size === 1) this.#connect();
    return () => {
      this.#listeners.delete(onData);
      if (this.#listeners.size === 0) this.#disconnect();
    };
  }

  write(bytes: Uint8Array): void {
    this.#socket?.write(bytes);
  }

  sendBreak(): void {
    void this.#machine.sendBreak();
  }

  #connect(): void {
    const socket = connect(consoleSocketPath(this.#machine.spec));
    // A machine that is off has nobody at the other end; the next power-on makes a new socket.
    socket.on('error', () => {});
    socket.on('connect', () => (this.#socket = socket));
    socket.on('data', (bytes) => {
      for (const listener of this.#listeners) listener(bytes);
    });
    socket.on('close', () => {
      this.#socket = undefined;
      if (this.#listeners.size > 0) this.#retry = this.#clock.timer(RETRY_MS, () => this.#connect(), true);
    });
  }

  #disconnect(): void {
    this.#retry?.cancel();
    this.#socket?.destroy();
    this.#socket = undefined;
  }
}
