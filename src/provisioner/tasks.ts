import type { TaskMessage, TaskResult } from '../agent-protocol/messages.ts';
import type { OperationStatus, TaskStatus } from '../api/hostprogress.ts';
import { kubeTime } from '../core/clock.ts';
import { startBoot } from './ramdisk-boot.ts';
import { NO_FIGURES } from './rate.ts';
import type { Run, StepResult } from './run.ts';

/** What a task is about, without its id and deadline. */
type Payload<T> = T extends TaskMessage ? Omit<T, 'id' | 'deadlineMs'> : never;
export type TaskPayload = Payload<TaskMessage>;

/** Not done yet, or failed. */
export type Unfinished = Exclude<StepResult, { kind: 'next' }>;

export type TaskOutcome = { kind: 'done'; result: TaskResult | undefined } | Unfinished;

/** The agent's answer wakes the host; this is only for when it does not come. */
const POLL_MS = 5000;

/**
 * Has the agent do one task for the step under way. Called again and again: issues it, offers it to the agent, looks at
 * the answer. The id is made of operation, step and retry, so an engine started anew goes on with the same task.
 * @param timeoutMs from issuing to the end
 * @param needsResult a result that this process has not heard is asked for again
 */
export async function runTask(
  run: Run,
  payload: TaskPayload,
  timeoutMs: number,
  needsResult = false,
): Promise<TaskOutcome> {
  const operation = run.operation;
  if (operation === undefined) return { kind: 'again', ms: 0 };
  const id = taskIdOf(operation);
  const task = run.status.task?.id === id ? run.status.task : await issue(run, id, payload.kind, timeoutMs);
  if (task.state === 'succeeded') {
    const result = run.doors.board.result(run.key, id);
    if (result !== undefined || !needsResult) return { kind: 'done', result };
    return again(run, 'its answer was lost when the engine stopped');
  }
  if (task.state === 'failed') return failed(run, task.error ?? { code: 'UNKNOWN', message: 'no reason given' });
  if (run.now > Date.parse(task.deadline)) return timedOut(run, payload.kind, timeoutMs);
  run.doors.board.offer(run.key, { ...payload, id, deadlineMs: Date.parse(task.deadline) });
  return { kind: 'again', ms: POLL_MS };
}

/** The task of the step under way, and of its present try. */
export function taskIdOf({ id, step, retries }: OperationStatus): string {
  return `${id}.${step}.${retries}`;
}

async function issue(run: Run, id: string, kind: string, timeoutMs: number): Promise<TaskStatus> {
  const task: TaskStatus = {
    id,
    kind,
    issuedAt: kubeTime(run.now),
    deadline: kubeTime(run.now + timeoutMs),
    state: 'issued',
  };
  await run.update({ task, wait: run.wait(`the agent to finish “${kind}”`, timeoutMs), ...NO_FIGURES });
  run.see('agent', 'task-issued', `task ${kind} issued`);
  return task;
}

/** The task of this step did not do: it is issued again when that may help and not too often. */
export async function failed(run: Run, error: NonNullable<TaskStatus['error']>): Promise<Unfinished> {
  const retries = run.operation?.retries ?? 0;
  if (error.retry === true && retries < run.doors.limits.taskRetries) return again(run, error.message);
  return { kind: 'failed', code: error.code, message: error.message };
}

/** An agent that lives but does not come to an end is not trusted with a second try: the ramdisk is booted anew. */
async function timedOut(run: Run, kind: string, timeoutMs: number): Promise<TaskOutcome> {
  run.doors.board.clear(run.key);
  const message = `the agent did not finish “${kind}” in ${Math.round(timeoutMs / 1000)} s`;
  const outcome = await failed(run, { code: 'AGENT_TASK_TIMEOUT', message, retry: true });
  if (outcome.kind !== 'again') return outcome;
  const boot = await startBoot(run);
  return boot === 'on' || boot.kind === 'next' ? outcome : boot;
}

async function again(run: Run, why: string): Promise<Unfinished> {
  run.see('host', 'task-retry', `trying again: ${why}`);
  await run.doors.book.update(run.key, ({ operation }) =>
    operation === undefined ? undefined : { operation: { ...operation, retries: operation.retries + 1 } },
  );
  return { kind: 'again', ms: 1000 };
}
