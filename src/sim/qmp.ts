import type { Readable, Writable } from 'node:stream';
import type { Clock } from '../core/clock.ts';
import { Deadline } from '../core/deadline.ts';
import { simErrors } from './errors.ts';

/** One asynchronous message of QEMU: RESET, SHUTDOWN, STOP… with its data. */
export interface QmpEvent {
  event: string;
  data: Record<string, unknown>;
}

export interface QmpDoors {
  input: Readable;
  output: Writable;
  clock: Clock;
  /** Called for every event, in order, never before `openQmp` has resolved its greeting. */
  onEvent?: (event: QmpEvent) => void;
}

interface Waiting {
  resolve: (value: unknown) => void;
  reject: (reason: unknown) => void;
}

/** QEMU never sends a line near this; a longer one means that something else is talking. */
const MAX_LINE_BYTES = 1 << 20;

/** A client of QEMU's machine protocol (QMP, JSON lines) over any pair of streams. */
export class QmpClient {
  readonly #doors: QmpDoors;
  readonly #waiting = new Map<number, Waiting>();
  readonly #greeting: Promise<void>;
  #greeted: () => void = () => {};
  #buffer = '';
  #nextId = 1;
  #closed: Error | undefined;

  constructor(doors: QmpDoors) {
    this.#doors = doors;
    this.#greeting = new Promise((resolve) => (this.#greeted = resolve));
    doors.input.setEncoding('utf8');
    doors.input.on('data', (chunk: string) => this.#feed(chunk));
    doors.input.on('end', () => this.#fail(simErrors.make('SIM_QMP_CLOSED', 'QEMU closed its control channel')));
    doors.input.on('error', (cause) =>
      this.#fail(simErrors.make('SIM_QMP_CLOSED', 'control channel broke', { cause })),
    );
    // A write after QEMU went away is reported by the end of the input.
    doors.output.on('error', () => {});
  }

  /**
   * Waits for the greeting and enters command mode.
   * @param ms how long QEMU may take to start
   * @throws SIM_QMP_CLOSED, SIM_QMP_GARBLED, DEADLINE_EXCEEDED
   */
  async negotiate(ms: number): Promise<void> {
    using deadline = new Deadline(this.#doors.clock, 'QEMU to greet', ms);
    await this.#until(deadline, this.#greeting);
    await this.execute('qmp_capabilities', {}, deadline.remaining());
  }

  /**
   * Runs one command.
   * @param ms how long the answer may take
   * @returns QEMU's `return` value
   * @throws SIM_QMP_REFUSED with QEMU's words, SIM_QMP_CLOSED, DEADLINE_EXCEEDED
   */
  async execute(command: string, args: Record<string, unknown> = {}, ms = 5000): Promise<unknown> {
    if (this.#closed !== undefined) throw this.#closed;
    const id = this.#nextId++;
    using deadline = new Deadline(this.#doors.clock, `QEMU to answer ${command}`, ms);
    const answer = new Promise<unknown>((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    this.#doors.output.write(`${JSON.stringify({ execute: command, arguments: args, id })}\r\n`);
    try {
      return await this.#until(deadline, answer);
    } finally {
      this.#waiting.delete(id);
    }
  }

  async #until<T>(deadline: Deadline, work: Promise<T>): Promise<T> {
    if (this.#closed !== undefined) throw this.#closed;
    let stop = () => {};
    const expired = new Promise<never>((_, reject) => {
      stop = () => reject(this.#closed ?? deadline.signal.reason);
      this.#onClose.add(stop);
      deadline.signal.addEventListener('abort', stop, { once: true });
    });
    try {
      return await Promise.race([work, expired]);
    } finally {
      this.#onClose.delete(stop);
    }
  }

  readonly #onClose = new Set<() => void>();

  #feed(chunk: string): void {
    this.#buffer += chunk;
    for (let end = this.#buffer.indexOf('\n'); end >= 0; end = this.#buffer.indexOf('\n')) {
      const line = this.#buffer.slice(0, end).trim();
      this.#buffer = this.#buffer.slice(end + 1);
      if (line !== '') this.#line(line);
    }
    if (this.#buffer.length > MAX_LINE_BYTES) {
      this.#buffer = '';
      this.#fail(simErrors.make('SIM_QMP_GARBLED', 'control channel sent an endless line'));
    }
  }

  #line(line: string): void {
    const message = parseObject(line);
    if (message === undefined) {
      this.#fail(simErrors.make('SIM_QMP_GARBLED', 'control channel sent what is not a JSON object'));
      return;
    }
    if ('QMP' in message) this.#greeted();
    else if (typeof message['event'] === 'string')
      this.#doors.onEvent?.({ event: message['event'], data: asObject(message['data']) });
    else this.#answer(message);
  }

  #answer(message: Record<string, unknown>): void {
    const waiting = typeof message['id'] === 'number' ? this.#waiting.get(message['id']) : undefined;
    if (waiting === undefined) return;
    if ('error' in message) {
      const { class: kind, desc } = asObject(message['error']);
      waiting.reject(simErrors.make('SIM_QMP_REFUSED', `QEMU: ${String(desc)}`, { seen: { kind } }));
    } else waiting.resolve(message['return']);
  }

  #fail(error: Error): void {
    if (this.#closed !== undefined) return;
    this.#closed = error;
    // Waiting commands learn it through the race in #until.
    for (const stop of this.#onClose) stop();
  }
}

function parseObject(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return value !== null && typeof value === 'object' && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

function asObject(value: unknown): Record<string, unknown> {
  return value !== null && typeof value === 'object' ? (value as Record<string, unknown>) : {};
}
