import assert from 'node:assert/strict';
import test from 'node:test';
import { agentErrors } from '../../src/agent/errors.ts';
import { type SessionServer, register, serveTasks } from '../../src/agent/session.ts';
import { runTask } from '../../src/agent/task-runner.ts';
import type { RegisterReply, ResultMessage, TaskMessage } from '../../src/agent-protocol/messages.ts';
import { FakeClock } from '../../src/core/clock.ts';
import { type LogLine, memoryLogger, silentLogger } from '../../src/core/log.ts';
import { registerSample } from '../support/agent-messages.ts';

const SESSION: RegisterReply = {
  sessionKey: 'k',
  serverTimeMs: 0,
  host: { namespace: 'lab', name: 'node-0', uid: 'u' },
  attempt: 1,
};
const unreachable = () => agentErrors.make('AGENT_SERVER_UNREACHABLE', 'no route');
const over = () => agentErrors.make('AGENT_SESSION_OVER', '401');
const inspectTask = (id: string): TaskMessage => ({ id, deadlineMs: Date.UTC(2030, 0, 1), kind: 'inspect' });
const okResult = (taskId: string): ResultMessage => ({ taskId, ok: true, result: { kind: 'power' } });

function setup(server: Partial<SessionServer>) {
  const clock = new FakeClock();
  const lines: LogLine[] = [];
  const stop = new AbortController();
  const missing = () => Promise.reject(new Error('not expected'));
  const doors = {
    server: { register: missing, nextTask: missing, result: missing, ...server },
    clock,
    random: () => 0.5,
    log: memoryLogger(lines),
    signal: stop.signal,
  };
  return { clock, lines, stop, doors };
}

/** Moves a fake clock on until `promise` settles; at most `ms`. */
async function passTime<T>(clock: FakeClock, promise: Promise<T>, ms: number): Promise<T> {
  const state = { settled: false };
  void promise.then(
    () => (state.settled = true),
    () => (state.settled = true),
  );
  for (let passed = 0; !state.settled && passed < ms; passed += 1000) await clock.advance(1000);
  assert.ok(state.settled, `not settled after ${ms} ms`);
  return promise;
}

const code = (expected: string) => (error: Error & { code?: string }) => error.code === expected;

test('registers after the server came up, with a fresh request each time', async () => {
  let calls = 0;
  const { clock, doors, lines } = setup({
    register: () => (++calls < 4 ? Promise.reject(unreachable()) : Promise.resolve(SESSION)),
  });
  let made = 0;
  const request = () => Promise.resolve({ ...registerSample, uptimeSeconds: ++made });
  assert.deepEqual(await passTime(clock, register(doors, request), 60_000), SESSION);
  assert.equal(made, 4);
  assert.equal(lines.filter((l) => l.level === 'warn').length, 3);
});

test('a refused token is not tried again', async () => {
  let calls = 0;
  const { clock, doors } = setup({
    register: () => {
      calls++;
      return Promise.reject(agentErrors.make('AGENT_REFUSED', 'used'));
    },
  });
  const attempt = register(doors, () => Promise.resolve(registerSample));
  await assert.rejects(passTime(clock, attempt, 60_000), code('AGENT_REFUSED'));
  assert.equal(calls, 1);
});

test('gives up registering after about ten minutes', async () => {
  const { clock, doors } = setup({ register: () => Promise.reject(unreachable()) });
  const attempt = register(doors, () => Promise.resolve(registerSample));
  await assert.rejects(passTime(clock, attempt, 20 * 60_000), code('AGENT_SERVER_UNREACHABLE'));
  assert.ok(clock.monotonic() > 6 * 60_000 && clock.monotonic() < 11 * 60_000, `${clock.monotonic()}`);
});

test('a result is repeated until it is taken, then the task is acknowledged', async () => {
  const tasks = [inspectTask('a')];
  const stop = new AbortController();
  let tries = 0;
  const events: string[] = [];
  const { clock, doors } = setup({
    nextTask: (_wait, signal) => {
      const task = tasks.shift();
      if (task !== undefined) return Promise.resolve(task);
      stop.abort(new Error('enough'));
      return Promise.reject(signal.reason);
    },
    result: (message) => {
      if (++tries < 3) return Promise.reject(unreachable());
      events.push(`taken ${message.taskId}`);
      return Promise.resolve();
    },
  });
  const serving = serveTasks(
    { ...doors, signal: stop.signal },
    (task) => Promise.resolve(okResult(task.id)),
    (task) => {
      events.push(`acknowledged ${task.id}`);
      return Promise.resolve();
    },
  );
  await assert.rejects(passTime(clock, serving, 60_000), /enough/);
  assert.deepEqual(events, ['taken a', 'acknowledged a']);
});

test('a cancelled task reports nothing; a failed one is not acknowledged', async () => {
  const tasks = [inspectTask('cancelled'), inspectTask('failed')];
  const stop = new AbortController();
  const sent: string[] = [];
  const { clock, doors } = setup({
    nextTask: (_wait, signal) => {
      const task = tasks.shift();
      if (task !== undefined) return Promise.resolve(task);
      stop.abort(new Error('enough'));
      return Promise.reject(signal.reason);
    },
    result: (message) => Promise.resolve(void sent.push(message.taskId)),
  });
  const run = (task: TaskMessage): Promise<ResultMessage | undefined> =>
    Promise.resolve(
      task.id === 'cancelled'
        ? undefined
        : { taskId: task.id, ok: false, error: { code: 'X', message: '', retry: false } },
    );
  const serving = serveTasks({ ...doors, signal: stop.signal }, run, () => assert.fail('acknowledged'));
  await assert.rejects(passTime(clock, serving, 60_000), /enough/);
  assert.deepEqual(sent, ['failed']);
});

test('a session that is over is given two minutes, a server that is away half an hour', async () => {
  const ended = setup({ nextTask: () => Promise.reject(over()) });
  const run = () => assert.fail('no task');
  const first = serveTasks(ended.doors, run, run);
  await assert.rejects(passTime(ended.clock, first, 10 * 60_000), code('AGENT_SESSION_OVER'));
  assert.ok(ended.clock.monotonic() >= 120_000 && ended.clock.monotonic() < 140_000);

  const away = setup({ nextTask: () => Promise.reject(unreachable()) });
  const second = serveTasks(away.doors, run, run);
  await assert.rejects(passTime(away.clock, second, 60 * 60_000), code('AGENT_SERVER_UNREACHABLE'));
  assert.ok(away.clock.monotonic() >= 30 * 60_000 && away.clock.monotonic() < 32 * 60_000);
});

test('trouble that passes is forgotten', async () => {
  let calls = 0;
  const stop = new AbortController();
  const { clock, doors } = setup({
    nextTask: () => {
      calls++;
      // 110 s of "session over", then good again, over and over: never two minutes at a stretch.
      if (calls > 60) stop.abort(new Error('enough'));
      return calls % 14 === 0 ? Promise.resolve(undefined) : Promise.reject(over());
    },
  });
  const run = () => assert.fail('no task');
  const serving = serveTasks({ ...doors, signal: stop.signal }, run, run);
  await assert.rejects(passTime(clock, serving, 60 * 60_000), /enough/);
});

const runner = (clock: FakeClock, more: object) => ({
  clock,
  log: silentLogger,
  sendProgress: () => Promise.resolve({ cancel: false }),
  serverNow: () => clock.now(),
  handler: () => Promise.resolve({ kind: 'power' as const }),
  ...more,
});
const soon = (clock: FakeClock, ms: number): TaskMessage => ({
  id: 't',
  deadlineMs: clock.now() + ms,
  kind: 'inspect',
});
const untilAborted = (_task: TaskMessage, { signal }: { signal: AbortSignal }) =>
  new Promise<never>((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));

test('a task that passes its deadline fails with the wait’s name', async () => {
  const clock = new FakeClock();
  const running = runTask(soon(clock, 5000), runner(clock, { handler: untilAborted }), new AbortController().signal);
  const message = await passTime(clock, running, 20_000);
  assert.equal(message?.ok === false && message.error.code, 'DEADLINE_EXCEEDED');
  assert.match(message?.ok === false ? message.error.message : '', /task inspect/);
});

test('a task whose deadline has passed is not begun', async () => {
  const clock = new FakeClock();
  const handler = () => assert.fail('begun');
  const running = runTask(soon(clock, 0), runner(clock, { handler }), new AbortController().signal);
  const message = await passTime(clock, running, 5000);
  assert.equal(message?.ok === false && message.error.code, 'DEADLINE_EXCEEDED');
});

test('"cancel" in the answer to progress ends the task without a result', async () => {
  const clock = new FakeClock();
  let sent = 0;
  const sendProgress = () => Promise.resolve({ cancel: ++sent >= 3 });
  const doors = runner(clock, { handler: untilAborted, sendProgress });
  const message = await passTime(clock, runTask(soon(clock, 60_000), doors, new AbortController().signal), 60_000);
  assert.equal(message, undefined);
  assert.equal(sent, 3);
});

test('progress goes out at most twice a second, newest state last, and as a heartbeat', async () => {
  const clock = new FakeClock();
  const sent: { at: number; step: string }[] = [];
  const { promise: done, resolve: finish } = Promise.withResolvers<{ kind: 'power' }>();
  const doors = runner(clock, {
    handler: async (_task: TaskMessage, context: { report: (s: { step: string }) => void }) => {
      for (let i = 0; i < 100; i++) {
        context.report({ step: `step ${i}` });
        await new Promise<void>((next) => clock.timer(20, next));
      }
      return done;
    },
    sendProgress: ({ step }: { step: string }) => {
      sent.push({ at: clock.monotonic(), step });
      return Promise.resolve({ cancel: false });
    },
  });
  const running = runTask(soon(clock, 60_000), doors, new AbortController().signal);
  for (let i = 0; i < 1000; i++) await clock.advance(20);
  finish({ kind: 'power' });
  assert.equal((await passTime(clock, running, 5000))?.ok, true);
  const busy = sent.filter((s) => s.at <= 2100);
  assert.ok(busy.length >= 3 && busy.length <= 6, `${busy.length} in two seconds`);
  assert.equal(sent.at(-1)?.step, 'step 99');
  const idle = sent.filter((s) => s.at > 2600);
  assert.ok(idle.length >= 3 && idle.length <= 4, `${idle.length} heartbeats in 17 s`);
});
