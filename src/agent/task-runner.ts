import type {
  ProgressMessage,
  ProgressReply,
  ResultMessage,
  TaskMessage,
  TaskResult,
} from '../agent-protocol/messages.ts';
import type { Clock } from '../core/clock.ts';
import { Deadline, deadlineErrors } from '../core/deadline.ts';
import { errorCode, errorText, IngotError } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import { agentErrors } from './errors.ts';
import { type ProgressState, ProgressReporter } from './progress.ts';

/** What a task gets besides its own message. */
export interface TaskContext {
  signal: AbortSignal;
  report: (state: ProgressState) => void;
  log: Logger;
}

export type TaskHandler = (task: TaskMessage, context: TaskContext) => Promise<TaskResult>;

export interface RunnerDoors {
  clock: Clock;
  log: Logger;
  handler: TaskHandler;
  sendProgress: (message: ProgressMessage, signal: AbortSignal) => Promise<ProgressReply>;
  /** The server's clock, ms since the epoch. */
  serverNow: () => number;
}

/**
 * Runs one task under its deadline, with progress going out beside it.
 * @returns what to report, or undefined when the server cancelled it (then nothing is reported)
 */
export async function runTask(
  task: TaskMessage,
  doors: RunnerDoors,
  signal: AbortSignal,
): Promise<ResultMessage | undefined> {
  const { clock } = doors;
  const log = doors.log.child({ task: task.kind });
  const cancelled = new AbortController();
  const over = new AbortController();
  const reporter = new ProgressReporter(task.id, clock);
  const startedAt = clock.monotonic();
  using limit = new Deadline(
    clock,
    `task ${task.kind}`,
    Math.max(0, task.deadlineMs - doors.serverNow()),
    AbortSignal.any([signal, cancelled.signal]),
  );
  log.info('task begins', { seconds: Math.round(limit.remaining() / 1000) });
  const onCancel = () => cancelled.abort(agentErrors.make('AGENT_TASK_CANCELLED', `task ${task.kind} was cancelled`));
  const reporting = reporter.run(doors.sendProgress, onCancel, AbortSignal.any([over.signal, limit.signal]));
  try {
    limit.signal.throwIfAborted();
    if (limit.remaining() === 0) {
      throw deadlineErrors.make('DEADLINE_EXCEEDED', `task ${task.kind} came after its deadline`);
    }
    const result = await doors.handler(task, { signal: limit.signal, report: reporter.report, log });
    log.info('task done', { seconds: Math.round((clock.monotonic() - startedAt) / 100) / 10 });
    return { taskId: task.id, ok: true, result };
  } catch (error) {
    if (cancelled.signal.aborted) {
      log.info('task cancelled by the server');
      return undefined;
    }
    log.error(`task failed: ${errorText(error)}`);
    return { taskId: task.id, ok: false, error: wireError(error) };
  } finally {
    over.abort();
    await reporting;
  }
}

/** What the server takes of one message (agent-protocol/schema.ts). */
const MAX_MESSAGE = 4000;

function wireError(error: unknown): { code: string; message: string; retry: boolean } {
  const message = (error instanceof Error ? error.message : String(error)).slice(0, MAX_MESSAGE);
  return { code: errorCode(error), message, retry: error instanceof IngotError && error.retry };
}
