export interface LogRecord {
  id: string;
  at: number;
  severity: 'OK' | 'Warning' | 'Critical';
  message: string;
}

const MAX_ENTRIES = 200;

/** The system event log: the newest entries win. */
export class EventLog {
  #entries: LogRecord[] = [];
  #nextId = 1;

  add(at: number, severity: LogRecord['severity'], message: string): void {
    this.#entries.push({ id: String(this.#nextId++), at, severity, message });
    if (this.#entries.length > MAX_ENTRIES) this.#entries = this.#entries.slice(-MAX_ENTRIES);
  }

  list(): readonly LogRecord[] {
    return this.#entries;
  }

  get(id: string): LogRecord | undefined {
    return this.#entries.find((entry) => entry.id === id);
  }

  clear(): void {
    this.#entries = [];
  }
}
