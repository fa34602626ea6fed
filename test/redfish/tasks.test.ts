import assert from 'node:assert/strict';
import test from 'node:test';
import { FakeClock, systemClock } from '../../src/core/clock.ts';
import type { RedfishCalls, TaskHandle, TaskState } from '../../src/redfish/calls.ts';
import { redfishErrors } from '../../src/redfish/errors.ts';
import { followTask } from '../../src/redfish/follow.ts';
import { clientOf, forever } from '../support/redfish-client.ts';
import { ROOT, RedfishServer, extended } from '../support/redfish-server.ts';
import { runClock } from '../support/run-clock.ts';

const TASKS = `${ROOT}/TaskService/Tasks`;
const UPDATE = `${ROOT}/UpdateService/Actions/UpdateService.SimpleUpdate`;
const basic = async () => (await new RedfishServer().listen()).get(ROOT, {});
const taskBody = (TaskState: string, more: object = {}) => ({
  '@odata.type': '#Task.v1_4_3.Task',
  TaskState,
  ...more,
});

test('redfish 3: where the task is: in the body, behind the monitor, beside it, or nowhere', async () => {
  const cases: { body?: unknown; location?: string; status?: number; task: TaskHandle | undefined }[] = [
    // DSP0266: a Task in the body, its monitor in Location.
    {
      body: { '@odata.id': `${TASKS}/1`, ...taskBody('Running') },
      location: '/monitors/1',
      task: { task: `${TASKS}/1`, monitor: '/monitors/1' },
    },
    { location: `${TASKS}/2`, task: { task: `${TASKS}/2`, monitor: `${TASKS}/2` } },
    // OpenBMC
    { location: `${TASKS}/3/Monitor`, task: { task: `${TASKS}/3`, monitor: `${TASKS}/3/Monitor` } },
    // iDRAC
    {
      location: `${ROOT}/TaskService/TaskMonitors/JID_1`,
      task: { task: `${TASKS}/JID_1`, monitor: `${ROOT}/TaskService/TaskMonitors/JID_1` },
    },
    // Supermicro: JSON that is no Task.
    { body: { Accepted: { code: 'Base.v1_4_0.Accepted' } }, location: '/m/5', task: { monitor: '/m/5' } },
    { body: { Accepted: {} }, task: undefined },
    // sushy-tools
    { status: 204, location: `${TASKS}/42`, task: { task: `${TASKS}/42`, monitor: `${TASKS}/42` } },
    { status: 201, location: `${ROOT}/Systems/1`, task: undefined },
  ];
  await using server = await basic();
  await using client = clientOf(server);
  for (const { body, location, status = 202, task } of cases) {
    server.on('POST', UPDATE, { status, body, headers: location === undefined ? {} : { location } });
    assert.deepEqual((await client.post(UPDATE, {}, forever)).task, task);
  }
});

test('redfish 3: the task is read, not the monitor whose reading ends it (XCC)', async () => {
  await using server = await basic();
  const states = ['New', 'Starting', 'Running', 'Completed'];
  server.on('GET', `${TASKS}/9`, () => ({ body: taskBody(states.shift() ?? 'Completed', { TaskStatus: 'OK' }) }));
  server.on('GET', '/monitor/9', { status: 404 });
  await using client = clientOf(server);
  const seen: string[] = [];
  const handle = { task: `${TASKS}/9`, monitor: '/monitor/9' };
  for (let state: TaskState | undefined; state?.kind !== 'done';) {
    state = await client.task(handle, forever);
    seen.push(`${state.kind} ${state.state}`);
  }
  assert.deepEqual(seen, ['running New', 'running Starting', 'running Running', 'done Completed']);
  assert.equal(server.requests('GET', '/monitor/9').length, 0);
});

test('redfish 3: how tasks end: states, status, a monitor with the answer of the request, HTTP errors', async () => {
  const cases: [object, TaskState['kind']][] = [
    [{ body: taskBody('Completed') }, 'done'],
    [{ body: taskBody('Completed', { TaskStatus: 'Critical', Messages: [{ Message: 'no space' }] }) }, 'failed'],
    [{ body: taskBody('Completed', { TaskStatus: 'Warning' }) }, 'failed'],
    ...['Exception', 'Killed', 'Interrupted', 'Cancelled', 'Suspended'].map((s): [object, TaskState['kind']] => [
      { body: taskBody(s) },
      'failed',
    ]),
    [{ body: taskBody('Pending', { PercentComplete: '40' }) }, 'running'],
    [{ body: { '@odata.type': '#DellJob.v1_0_0.DellJob', JobState: 'CompletedWithErrors', Message: 'x' } }, 'failed'],
    [{ body: { JobState: 'Scheduled' } }, 'running'],
    [{ body: { nothing: 'known' } }, 'running'],
    [{ status: 404 }, 'gone'],
    [{ status: 410 }, 'gone'],
    [{ status: 403, body: 'no' }, 'failed'],
  ];
  await using server = await basic();
  await using client = clientOf(server);
  for (const [answer, kind] of cases) {
    server.on('GET', `${TASKS}/1`, answer);
    const state = await client.task({ task: `${TASKS}/1` }, forever);
    assert.equal(state.kind, kind, JSON.stringify(answer));
  }
  server.on('GET', '/m', { status: 202, body: {} });
  assert.equal((await client.task({ monitor: '/m' }, forever)).kind, 'running');
  server.on('GET', '/m', { status: 201, body: { Id: 'made' } });
  assert.deepEqual((await client.task({ monitor: '/m' }, forever)).body, { Id: 'made' });
  server.on('GET', '/m', { status: 400, body: extended('Base.1.0.PropertyValueError', 'bad size') });
  assert.deepEqual((await client.task({ monitor: '/m' }, forever)).messages, ['bad size']);
  server.on('GET', '/m', { status: 202, headers: { 'retry-after': '7' } });
  assert.equal((await client.task({ monitor: '/m' }, forever)).retryAfterMs, 7000);
});

/** Answers of `task` in order; the last one stays. An error stands for a BMC that does not answer. */
function scripted(states: (TaskState | Error)[]): RedfishCalls {
  const task = () => {
    const next = states.length > 1 ? states.shift() : states[0];
    return next instanceof Error ? Promise.reject(next) : Promise.resolve(next!);
  };
  return { task } as unknown as RedfishCalls;
}

const running: TaskState = { kind: 'running', state: 'Running', messages: [] };
const gone: TaskState = { kind: 'gone', state: 'gone', messages: [] };
const silent = redfishErrors.make('REDFISH_UNREACHABLE', 'silent');

test('redfish 3: following: a BMC that restarts, a task that is purged, one that is not there yet, one that fails', async () => {
  const clock = new FakeClock();
  const follow = (states: (TaskState | Error)[]) =>
    runClock(clock, followTask({ calls: scripted(states), clock, address: 'bmc' }, { task: '/t' }, forever), 3_000_000);
  const done: TaskState = { kind: 'done', state: 'Completed', messages: [] };
  assert.equal((await follow([running, silent, silent, done])).value.kind, 'done');
  assert.equal((await follow([gone, running, done])).value.kind, 'done');
  assert.equal((await follow([running, gone])).value.kind, 'gone', 'Dell deletes tasks that ended');
  assert.equal((await follow([gone])).value.kind, 'gone');
  await assert.rejects(
    follow([running, { kind: 'failed', state: 'Exception', messages: ['bad image'] }]),
    (error: Error) => {
      assert.ok(redfishErrors.is(error, 'REDFISH_TASK_FAILED'));
      assert.match(error.message, /Exception: bad image/);
      return true;
    },
  );
  // A BMC that says when to ask again is asked then.
  const asked = await follow([{ ...running, retryAfterMs: 60_000 }, { ...running, retryAfterMs: 0 }, done]);
  assert.ok(asked.ms >= 61_000 && asked.ms < 62_000, `${asked.ms} ms`);
  await assert.rejects(follow([running, silent]), (error) => redfishErrors.is(error, 'REDFISH_UNREACHABLE'));
  assert.ok(systemClock.now() > 0);
});
