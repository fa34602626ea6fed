import type { JsonObject, TaskHandle, TaskState } from './calls.ts';
import { retryAfterMs } from './retries.ts';
import { numberAt, objectsAt, textAt } from './json.ts';
import type { Reply } from './wire.ts';

/** Ended without success. Suspended too: nobody is there to resume it. */
const FAILED = /^(interrupted|killed|exception|cancelled|suspended)$|fail|error/i;
const DONE = /^completed(ok)?$/i;

/** Is it a Task (or Dell's Job)? Supermicro answers 202 with other JSON. */
export function isTask(body: JsonObject | undefined): body is JsonObject {
  if (body === undefined) return false;
  const type = textAt(body, '@odata.type') ?? '';
  if (/\bTask\b|#Task\.|Job\b/.test(type)) return true;
  return type === '' && (textAt(body, 'TaskState') !== undefined || textAt(body, 'JobState') !== undefined);
}

/**
 * The task that an answer to a write names; undefined when the BMC is done with it. The Task is preferred to its
 * monitor: reading the monitor of an ended task deletes it on XCC. OpenBMC names `Tasks/0/Monitor`, Dell
 * `TaskMonitors/JID_1`, the Task is beside them.
 */
export function taskOf(reply: Reply, location: string | undefined): TaskHandle | undefined {
  const inService = location !== undefined && /\/TaskService\/(Tasks|TaskMonitors)\/[^/]+/i.test(location);
  const body = isTask(reply.body) ? reply.body : undefined;
  if (reply.status !== 202 && !(inService && reply.status < 300)) return undefined;
  const monitor = location ?? textAt(body, 'TaskMonitor');
  const task = textAt(body, '@odata.id') ?? taskBeside(monitor);
  if (task === undefined && monitor === undefined) return undefined;
  return { ...(task === undefined ? {} : { task }), ...(monitor === undefined ? {} : { monitor }) };
}

function taskBeside(monitor: string | undefined): string | undefined {
  if (monitor === undefined) return undefined;
  const [path = ''] = monitor.split('?');
  if (/\/TaskService\/Tasks\/[^/]+\/?$/i.test(path)) return monitor;
  const nested = /^(.*\/TaskService\/Tasks\/[^/]+)\/Monitor\/?$/i.exec(path)?.[1];
  if (nested !== undefined) return nested;
  const beside = /^(.*\/TaskService)\/TaskMonitors\/([^/]+)\/?$/i.exec(path);
  return beside === null ? undefined : `${beside[1]}/Tasks/${beside[2]}`;
}

/** What an answer from a task or its monitor says. `monitor`: the answer of the request itself comes here in the end. */
export function stateOf(reply: Reply, monitor: boolean): TaskState {
  const pause = retryAfterMs(reply.headers);
  return { ...bareState(reply, monitor), ...(pause === undefined ? {} : { retryAfterMs: pause }) };
}

function bareState(reply: Reply, monitor: boolean): TaskState {
  const { status, body, refusal } = reply;
  if (status === 404 || status === 410) return { kind: 'gone', state: 'gone', messages: [] };
  if (status >= 400) return { kind: 'failed', state: `HTTP ${status}`, messages: refusal.texts };
  if (isTask(body)) return stateOfTask(body);
  if (status === 202) return { kind: 'running', state: 'Running', messages: [] };
  if (!monitor) return { kind: 'running', state: 'unknown', messages: [] };
  return { kind: 'done', state: 'Completed', messages: [], ...(body === undefined ? {} : { body }) };
}

function stateOfTask(body: JsonObject): TaskState {
  const state = textAt(body, 'TaskState') ?? textAt(body, 'JobState') ?? 'unknown';
  const health = textAt(body, 'TaskStatus') ?? 'OK';
  const messages = messagesOf(body);
  const percent = numberAt(body, 'PercentComplete');
  const known = { state, messages, ...(percent === undefined ? {} : { percent }) };
  if (DONE.test(state)) {
    return health.toUpperCase() === 'OK'
      ? { kind: 'done', ...known, body }
      : { kind: 'failed', ...known, state: `${state}, ${health}` };
  }
  // iDRAC's "New" and whatever else a vendor invents: it has not ended.
  return FAILED.test(state) ? { kind: 'failed', ...known } : { kind: 'running', ...known };
}

const MAX_MESSAGES = 20;

function messagesOf(body: JsonObject): string[] {
  const own = textAt(body, 'Message');
  const listed = objectsAt(body, 'Messages').flatMap((m) => textAt(m, 'Message') ?? textAt(m, 'MessageId') ?? []);
  const texts = [...listed, ...(own === undefined ? [] : [own])];
  return [...new Set(texts)].slice(-MAX_MESSAGES).map((t) => t.slice(0, 300));
}
