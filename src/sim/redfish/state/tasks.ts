import type { Clock } from '../../../core/clock.ts';
import { kubeTime } from '../../../core/clock.ts';
import type { Quirks } from '../personality.ts';

export type TaskStateName = 'New' | 'Running' | 'Completed' | 'Exception' | 'Pending';

export interface TaskRecord {
  id: string;
  name: string;
  state: TaskStateName;
  percent: number;
  startedAt: number;
  endedAt?: number;
  messages: string[];
  /** Resources that it made or changed. */
  touched: string[];
  /** Dell's word for what it does, where it is more than a task. */
  jobType?: string;
}

/** How a piece of work says how far it is, and ends. */
export interface TaskHandle {
  readonly record: TaskRecord;
  progress(percent: number, message?: string): void;
  /** Waits for the machine's next start. */
  pend(message: string): void;
  done(message: string, touched?: readonly string[]): void;
  fail(message: string): void;
}

/** A task that nobody asks after stays this long. */
const KEEP_MS = 3600_000;
const NEW_MS = 300;

/** What the BMC works on after its answer. */
export class TaskBook {
  readonly #clock: Clock;
  readonly #quirks: Quirks;
  readonly #tasks = new Map<string, TaskRecord>();
  /** Dell keeps the job behind a task when the task is long gone. */
  readonly #jobs = new Map<string, TaskRecord>();
  readonly #onChange: (task: TaskRecord) => void;
  #nextId = 1;

  constructor(clock: Clock, quirks: Quirks, onChange: (task: TaskRecord) => void) {
    this.#clock = clock;
    this.#quirks = quirks;
    this.#onChange = onChange;
  }

  start(name: string): TaskHandle {
    const slowStart = this.#quirks.has('task-state-new');
    const prefix = slowStart ? 'JID_' : '';
    const record: TaskRecord = {
      id: `${prefix}${this.#nextId++}`,
      name,
      state: slowStart ? 'New' : 'Running',
      percent: 0,
      startedAt: this.#clock.now(),
      messages: [],
      touched: [],
    };
    this.#tasks.set(record.id, record);
    this.#jobs.set(record.id, record);
    if (slowStart) {
      this.#clock.timer(NEW_MS, () => void (record.state === 'New' && (record.state = 'Running')), true);
    }
    const end = (state: 'Completed' | 'Exception', message: string) => {
      if (record.endedAt !== undefined) return;
      record.state = state;
      record.percent = state === 'Completed' ? 100 : record.percent;
      record.endedAt = this.#clock.now();
      record.messages.push(message);
      const keep = this.#quirks.find('tasks-purged')?.afterMs ?? KEEP_MS;
      this.#clock.timer(keep, () => this.#tasks.delete(record.id), true);
      this.#clock.timer(KEEP_MS, () => this.#jobs.delete(record.id), true);
      this.#onChange(record);
    };
    return {
      record,
      progress: (percent, message) => {
        record.percent = percent;
        if (record.state !== 'New') record.state = 'Running';
        if (message !== undefined) record.messages.push(message);
      },
      pend: (message) => {
        record.state = 'Pending';
        record.messages.push(message);
      },
      done: (message, touched = []) => {
        record.touched.push(...touched);
        end('Completed', message);
      },
      fail: (message) => end('Exception', message),
    };
  }

  get(id: string): TaskRecord | undefined {
    return this.#tasks.get(id);
  }

  list(): TaskRecord[] {
    return [...this.#tasks.values()];
  }

  remove(id: string): void {
    this.#tasks.delete(id);
  }

  job(id: string): TaskRecord | undefined {
    return this.#jobs.get(id);
  }

  jobs(): TaskRecord[] {
    return [...this.#jobs.values()];
  }

  /** The job and its task are gone; what it waited for never happens. */
  cancel(record: TaskRecord): void {
    record.endedAt ??= this.#clock.now();
    this.#tasks.delete(record.id);
    this.#jobs.delete(record.id);
  }
}

export function taskTime(ms: number): string {
  return kubeTime(ms);
}
