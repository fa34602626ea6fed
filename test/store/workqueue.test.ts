import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { FakeClock } from '../../src/core/clock.ts';
import { type LogLine, memoryLogger } from '../../src/core/log.ts';
import { Metrics } from '../../src/core/metrics.ts';
import { storeErrors } from '../../src/store/errors.ts';
import { WorkQueue, type WorkResult } from '../../src/store/workqueue.ts';

function bench(work: (key: string) => Promise<WorkResult>, concurrency = 2, patienceMs?: number) {
  const clock = new FakeClock();
  const stop = new AbortController();
  const lines: LogLine[] = [];
  const metrics = new Metrics();
  const queue = new WorkQueue({
    name: 'test',
    clock,
    log: memoryLogger(lines),
    metrics,
    concurrency,
    ...(patienceMs === undefined ? {} : { patienceMs }),
    signal: stop.signal,
    work,
  });
  return { clock, stop, lines, metrics, queue };
}

const REST: WorkResult = { requeueMs: undefined };

suite('work queue', () => {
  test('a key added many times before it runs, runs once', async () => {
    const runs: string[] = [];
    const gate = Promise.withResolvers<void>();
    const { queue, clock } = bench(async (key) => {
      runs.push(key);
      if (key === 'first') await gate.promise;
      return REST;
    }, 1);
    queue.add('first');
    for (let i = 0; i < 5; i++) queue.add('a');
    gate.resolve();
    await clock.advance(0);
    assert.deepEqual(runs, ['first', 'a']);
    assert.equal(queue.size, 0);
  });

  test('runs that wait long make room for others, and still never run twice at once', async () => {
    const gate = Promise.withResolvers<void>();
    const runs: string[] = [];
    let most = 0;
    let running = 0;
    const { queue, clock, stop } = bench(
      async (key) => {
        runs.push(key);
        most = Math.max(most, ++running);
        if (key.startsWith('dead')) await gate.promise;
        running -= 1;
        return REST;
      },
      4,
      2000,
    );
    for (let i = 0; i < 12; i++) queue.add(`dead ${i}`);
    queue.add('alive');
    await clock.advance(1900);
    assert.equal(running, 4);
    queue.add('dead 0');
    await clock.advance(4200);
    assert.ok(runs.includes('alive'), 'three rounds of 2 s');
    assert.equal(runs.filter((r) => r === 'dead 0').length, 1);
    assert.equal(most, 13);
    gate.resolve();
    await clock.advance(0);
    assert.equal(running, 0);
    assert.equal(runs.filter((r) => r === 'dead 0').length, 2, 'added while it ran');
    runs.length = 0;
    const again = Promise.withResolvers<void>();
    gate.promise = again.promise;
    for (let i = 0; i < 6; i++) queue.add(`dead ${i}`);
    await clock.advance(100);
    assert.equal(running, 4, 'all hands are back, none twice');
    again.resolve();
    await clock.advance(0);
    stop.abort();
    await queue.done;
    assert.equal(clock.waiting, 0);
  });

  test('a key added during its run runs once more, never twice at once', async () => {
    let running = 0;
    let most = 0;
    let runs = 0;
    const gate = Promise.withResolvers<void>();
    const { queue, clock } = bench(async () => {
      runs += 1;
      most = Math.max(most, ++running);
      await gate.promise;
      running -= 1;
      return REST;
    });
    queue.add('a');
    queue.add('a');
    queue.add('a');
    gate.resolve();
    await clock.advance(0);
    assert.equal(most, 1);
    assert.equal(runs, 2);
  });

  test('no more keys run at once than allowed, and all get their turn', async () => {
    let running = 0;
    let most = 0;
    const done: string[] = [];
    const { queue, clock } = bench(async (key) => {
      most = Math.max(most, ++running);
      await Promise.resolve();
      running -= 1;
      done.push(key);
      return REST;
    }, 3);
    for (let i = 0; i < 20; i++) queue.add(`k${i}`);
    await clock.advance(0);
    assert.equal(most, 3);
    assert.equal(done.length, 20);
  });

  test('requeueMs delays; adding the key meanwhile runs it at once and forgets the delay', async () => {
    const at: number[] = [];
    const { queue, clock } = bench(async () => {
      at.push(clock.monotonic());
      return { requeueMs: at.length < 3 ? 60_000 : undefined };
    });
    queue.add('a');
    await clock.advance(60_000);
    await clock.advance(10_000);
    queue.add('a');
    await clock.advance(200_000);
    assert.deepEqual(at, [0, 60_000, 70_000]);
    assert.equal(clock.waiting, 0);
  });

  test('thrown errors delay exponentially from 5 ms to 1000 s; success starts over', async () => {
    const at: number[] = [];
    let failing = true;
    const { queue, clock, lines, metrics } = bench(async () => {
      at.push(clock.monotonic());
      if (failing) throw new Error('boom');
      return REST;
    });
    queue.add('a');
    await clock.advance(5 * (2 ** 10 - 1));
    const gaps = at.slice(1).map((t, i) => t - (at[i] ?? 0));
    assert.deepEqual(gaps, [5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560]);
    assert.equal(lines.filter((l) => l.level === 'error').length, 11);
    await clock.advance(10_000_000);
    const last = at.slice(-2);
    assert.equal((last[1] ?? 0) - (last[0] ?? 0), 1_000_000);
    failing = false;
    queue.add('a');
    await clock.advance(0);
    failing = true;
    const from = at.length;
    queue.add('a');
    await clock.advance(5);
    assert.equal(at.length - from, 2, 'the first delay is 5 ms again');
    const { body } = await metrics.expose();
    assert.match(body, /controller_runtime_reconcile_total\{controller="test",result="error"\} \d\d/);
    assert.match(body, /workqueue_retries_total\{name="test"\} \d\d/);
  });

  test('a conflict is not worth an error line', async () => {
    let first = true;
    const { queue, clock, lines } = bench(async () => {
      if (!first) return REST;
      first = false;
      throw storeErrors.make('STORE_CONFLICT', 'changed');
    });
    queue.add('a');
    await clock.advance(100);
    assert.deepEqual(
      lines.map((l) => l.level),
      ['debug'],
    );
  });

  test('stop: waits for what runs, starts nothing more, leaves no timer', async () => {
    const runs: string[] = [];
    const gate = Promise.withResolvers<void>();
    const { queue, clock, stop } = bench(async (key) => {
      runs.push(key);
      if (key === 'slow') await gate.promise;
      return { requeueMs: 1000 };
    }, 2);
    queue.add('delayed');
    await clock.advance(0);
    queue.add('slow');
    queue.add('other');
    queue.add('late');
    await clock.advance(0);
    let ended = false;
    void queue.done.then(() => (ended = true));
    stop.abort();
    queue.add('after');
    await clock.advance(5000);
    assert.equal(ended, false, 'a run is still going');
    gate.resolve();
    await queue.done;
    assert.equal(clock.waiting, 0);
    assert.equal(queue.size, 0);
    assert.equal(runs.includes('after'), false);
  });

  test('stopped before it started', async () => {
    const stop = new AbortController();
    stop.abort();
    const queue = new WorkQueue({
      name: 'test',
      clock: new FakeClock(),
      log: memoryLogger([]),
      metrics: new Metrics(),
      concurrency: 1,
      signal: stop.signal,
      work: async () => assert.fail('must not run'),
    });
    queue.add('a');
    await queue.done;
  });

  test('two queues of one process share the metrics', () => {
    const metrics = new Metrics();
    const stop = new AbortController();
    const queues = ['one', 'two'].map(
      (name) =>
        new WorkQueue({
          name,
          clock: new FakeClock(),
          log: memoryLogger([]),
          metrics,
          concurrency: 1,
          signal: stop.signal,
          work: async () => REST,
        }),
    );
    assert.equal(queues.length, 2);
    stop.abort();
  });
});
