import type { AgentLogLine } from '../agent-protocol/messages.ts';
import type { Clock } from '../core/clock.ts';
import { type Logger, type LogLevel, redact, redactText } from '../core/log.ts';

/** Where finished lines go. */
export type LineSink = (line: AgentLogLine) => void;

/** The agent's logger: one text line with its fields as `key=value`, secrets replaced, to every sink. */
export function agentLogger(clock: Clock, sinks: readonly LineSink[], base: Record<string, unknown> = {}): Logger {
  const at =
    (level: LogLevel) =>
    (message: string, fields: Record<string, unknown> = {}) => {
      const line = { atMs: clock.now(), level, message: formatLine(message, { ...base, ...fields }) };
      for (const sink of sinks) sink(line);
    };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => agentLogger(clock, sinks, { ...base, ...fields }),
  };
}

/** Lines longer than this are cut: one line must never fill a request. */
const MAX_LINE = 2000;

function formatLine(message: string, fields: Record<string, unknown>): string {
  const clean = redact(fields) as Record<string, unknown>;
  const tail = Object.entries(clean)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join('');
  const text = `${redactText(message)}${tail}`.replaceAll(/[\r\n]+/g, ' | ');
  return text.length > MAX_LINE ? `${text.slice(0, MAX_LINE)}…` : text;
}

/** Console lines: what a person at the serial port wants to see. */
export function consoleSink(write: (text: string) => void): LineSink {
  return (line) => {
    if (line.level !== 'debug')
      write(`ingot-agent: ${line.level === 'info' ? '' : `${line.level}: `}${line.message}\n`);
  };
}

/** Lines waiting to be sent. Bounded: when full the oldest go, and their number is reported. */
export class LogBuffer {
  #lines: AgentLogLine[] = [];
  #dropped = 0;
  readonly #max: number;
  readonly #clock: Clock;

  constructor(clock: Clock, max = 1000) {
    this.#clock = clock;
    this.#max = max;
  }

  readonly sink: LineSink = (line) => {
    this.#lines.push(line);
    if (this.#lines.length > this.#max) {
      this.#lines.shift();
      this.#dropped++;
    }
  };

  get size(): number {
    return this.#lines.length;
  }

  /** Takes out up to `max` of the oldest lines. */
  take(max: number): AgentLogLine[] {
    const taken = this.#lines.splice(0, max);
    if (this.#dropped > 0) {
      taken.unshift({ atMs: this.#clock.now(), level: 'warn', message: `${this.#dropped} older lines were dropped` });
      this.#dropped = 0;
    }
    return taken;
  }

  /** Puts lines back that could not be sent, as far as there is room. */
  putBack(lines: readonly AgentLogLine[]): void {
    const room = Math.max(0, this.#max - this.#lines.length);
    const kept = lines.slice(Math.max(0, lines.length - room));
    this.#dropped += lines.length - kept.length;
    this.#lines = [...kept, ...this.#lines];
  }
}
