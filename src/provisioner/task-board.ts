import type { TaskMessage, TaskResult } from '../agent-protocol/messages.ts';
import { type ObjectKey, keyText } from '../api/meta.ts';
import type { Clock } from '../core/clock.ts';

interface Slot {
  task: TaskMessage | undefined;
  waiters: Set<() => void>;
}

/**
 * The task each agent should be doing, and what it answered last. Only in memory: a step that needs a task offers it
 * again on every call, so an engine started anew fills the board by itself.
 */
export class TaskBoard {
  readonly #clock: Clock;
  readonly #slots = new Map<string, Slot>();
  readonly #results = new Map<string, { taskId: string; result: TaskResult }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  offer(key: ObjectKey, task: TaskMessage): void {
    const slot = this.#slot(key);
    const isNew = slot.task?.id !== task.id;
    slot.task = task;
    if (isNew) for (const wake of slot.waiters) wake();
  }

  current(key: ObjectKey): TaskMessage | undefined {
    return this.#slots.get(keyText(key))?.task;
  }

  /** No task for this host any more; an agent that works on one is told to stop. */
  clear(key: ObjectKey): void {
    const slot = this.#slots.get(keyText(key));
    if (slot !== undefined) slot.task = undefined;
  }

  /** The task, at once or as soon as there is one within `waitMs`. */
  next(key: ObjectKey, waitMs: number, signal: AbortSignal): Promise<TaskMessage | undefined> {
    const slot = this.#slot(key);
    if (slot.task !== undefined || waitMs <= 0 || signal.aborted) return Promise.resolve(slot.task);
    return new Promise((resolve) => {
      const finish = () => {
        timer.cancel();
        signal.removeEventListener('abort', finish);
        slot.waiters.delete(finish);
        resolve(slot.task);
      };
      const timer = this.#clock.timer(waitMs, finish, true);
      signal.addEventListener('abort', finish, { once: true });
      slot.waiters.add(finish);
    });
  }

  answered(key: ObjectKey, taskId: string, result: TaskResult): void {
    this.#results.set(keyText(key), { taskId, result });
  }

  /** The agent is done with this task; one that was offered meanwhile stays. */
  withdraw(key: ObjectKey, taskId: string): void {
    const slot = this.#slot(key);
    if (slot.task?.id === taskId) slot.task = undefined;
  }

  /** What the task answered; undefined when this process has not heard it. */
  result(key: ObjectKey, taskId: string): TaskResult | undefined {
    const held = this.#results.get(keyText(key));
    return held?.taskId === taskId ? held.result : undefined;
  }

  forget(key: ObjectKey): void {
    this.clear(key);
    this.#results.delete(keyText(key));
  }

  #slot(key: ObjectKey): Slot {
    const text = keyText(key);
    let slot = this.#slots.get(text);
    if (slot === undefined) {
      slot = { task: undefined, waiters: new Set() };
      this.#slots.set(text, slot);
    }
    return slot;
  }
}
