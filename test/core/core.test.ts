import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import test from 'node:test';
import fc from 'fast-check';
import { backoffMs, retry } from '../../src/core/backoff.ts';
import { FakeClock, kubeTime, sleep, systemClock } from '../../src/core/clock.ts';
import { Deadline } from '../../src/core/deadline.ts';
import { defineErrors, errorCode, errorText } from '../../src/core/errors.ts';
import { exec } from '../../src/core/exec.ts';
import { pinoLogger } from '../../src/core/log-pino.ts';
import { type LogLine, memoryLogger, redact, redactText } from '../../src/core/log.ts';
import { Metrics } from '../../src/core/metrics.ts';

const errors = defineErrors({
  T_SOFT: { blame: 'network', retry: true, hint: 'wait' },
  T_HARD: { blame: 'user', retry: false, hint: 'fix it' },
});
const policy = { initialMs: 100, maxMs: 1000, factor: 2, jitter: 0.5, attempts: 4 };

test('fake clock fires timers in order of their due time and moves wall time with them', async () => {
  const clock = new FakeClock();
  const seen: [string, number][] = [];
  clock.timer(20, () => seen.push(['b', clock.monotonic()]));
  clock.timer(10, () => seen.push(['a', clock.monotonic()]));
  const gone = clock.timer(15, () => seen.push(['never', 0]));
  gone.cancel();
  const start = clock.now();
  await clock.advance(25);
  assert.deepEqual(seen, [
    ['a', 10],
    ['b', 20],
  ]);
  assert.equal(clock.now() - start, 25);
});

test('sleep ends early with the signal’s reason and leaves no timer behind', async () => {
  const clock = new FakeClock();
  const stop = new AbortController();
  const slept = sleep(clock, 1000, stop.signal);
  stop.abort(new Error('enough'));
  await assert.rejects(slept, /enough/);
  assert.equal(clock.waiting, 0);
  await assert.rejects(sleep(clock, 1, stop.signal), /enough/);
});

test('deadline: expires with its name, counts down, and lets go of its timer', async () => {
  const clock = new FakeClock();
  const d = new Deadline(clock, 'agent of lab/node-0 to register', 5000);
  await clock.advance(4000);
  assert.equal(d.remaining(), 1000);
  assert.equal(d.signal.aborted, false);
  await clock.advance(1000);
  assert.equal(d.signal.aborted, true);
  assert.equal(d.signal.reason.code, 'DEADLINE_EXCEEDED');
  assert.match(d.signal.reason.message, /5 s for agent of lab\/node-0 to register/);
  {
    using short = new Deadline(clock, 'x', 5000);
    assert.equal(short.remaining(), 5000);
  }
  assert.equal(clock.waiting, 0);
});

test('deadline: the parent’s abort passes down with its reason', () => {
  const parent = new AbortController();
  using d = new Deadline(systemClock, 'x', 60_000, parent.signal);
  parent.abort('stop');
  assert.equal(d.signal.reason, 'stop');
});

test('backoff grows, stays in (d/2, d] and under its cap', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 60 }), fc.double({ min: 0, max: 0.999, noNaN: true }), (attempt, r) => {
      const full = Math.min(1000, 100 * 2 ** (attempt - 1));
      const ms = backoffMs(policy, attempt, () => r);
      assert.ok(ms > full / 2 && ms <= full);
    }),
  );
});

test('retry: bounded, and only what may succeed later', async () => {
  const clock = new FakeClock();
  const doors = { clock, random: () => 0 };
  let calls = 0;
  const failing = retry(policy, doors, async () => {
    calls++;
    throw errors.make('T_SOFT', 'no');
  });
  const outcome = assert.rejects(failing, { code: 'T_SOFT' });
  await clock.advance(10_000);
  await outcome;
  assert.equal(calls, 4);
  calls = 0;
  await assert.rejects(
    retry(policy, doors, async () => {
      calls++;
      throw errors.make('T_HARD', 'no');
    }),
    { code: 'T_HARD' },
  );
  assert.equal(calls, 1);
  assert.equal(await retry(policy, doors, async (n) => n), 1);
});

test('errors: code, hint, cause and membership', () => {
  const cause = new Error('deep');
  const e = errors.make('T_HARD', 'bad field', { host: 'lab/a', cause });
  assert.equal(e.toString(), 'T_HARD: bad field (fix it)');
  assert.equal(e.cause, cause);
  assert.ok(errors.is(e) && errors.is(e, 'T_HARD') && !errors.is(e, 'T_SOFT') && !errors.is(cause));
  assert.equal(errorCode(Object.assign(new Error('x'), { code: 'ECONNREFUSED' })), 'ECONNREFUSED');
  assert.equal(errorCode('x'), 'UNKNOWN');
  assert.equal(errorText('plain'), 'plain');
});

test('redaction: by key, inside texts, bytes and depth', () => {
  assert.deepEqual(
    redact({ user: 'a', Password: 'b', 'session-key': 'c', n: [{ token: 1 }], raw: new Uint8Array(3) }),
    {
      user: 'a',
      Password: '[redacted]',
      'session-key': '[redacted]',
      n: [{ token: '[redacted]' }],
      raw: '<3 bytes>',
    },
  );
  assert.deepEqual(
    redact({ NewPassword: 'b', SysPassword: 'c', CommunityString: 'd', PasswordName: 'User', MinPasswordLength: 8 }),
    {
      NewPassword: '[redacted]',
      SysPassword: '[redacted]',
      CommunityString: '[redacted]',
      PasswordName: 'User',
      MinPasswordLength: 8,
    },
  );
  assert.equal(redactText('see http://me:hunter2@h:80/x.iso'), 'see http://me:[redacted]@h:80/x.iso');
  assert.equal(redactText('ipmi://admin@h:623 at 10:20:30'), 'ipmi://admin@h:623 at 10:20:30');
  assert.equal(redactText('GET /x?a=1&sig=abc&b=2'), 'GET /x?a=1&sig=[redacted]&b=2');
  assert.equal(redactText('ingot.token=abc console=ttyS0'), 'ingot.token=[redacted] console=ttyS0');
  assert.equal(redactText('Authorization: Bearer abc.def'), 'Authorization: Bearer [redacted]');
  const loop: Record<string, unknown> = {};
  loop['self'] = loop;
  assert.doesNotThrow(() => JSON.stringify(redact(loop)));
});

test('both loggers redact and keep the child’s fields', () => {
  const lines: LogLine[] = [];
  memoryLogger(lines).child({ host: 'lab/a' }).warn('token=abc', { password: 'x' });
  assert.deepEqual(lines, [
    { level: 'warn', message: 'token=[redacted]', fields: { host: 'lab/a', password: '[redacted]' } },
  ]);
  let text = '';
  const sink = new Writable({
    write(chunk, _enc, done) {
      text += String(chunk);
      done();
    },
  });
  const log = pinoLogger('info', sink).child({ host: 'lab/a', token: 't' });
  log.debug('not shown');
  log.info('hello sig=abc', { userData: 'secret' });
  const line = JSON.parse(text) as Record<string, unknown>;
  assert.equal(line['level'], 'info');
  assert.equal(line['host'], 'lab/a');
  assert.equal(line['msg'], 'hello sig=[redacted]');
  assert.ok(!text.includes('secret') && !text.includes('"t"'));
});

test('exec: output, input, exit codes, missing program, abort, bounded output', async () => {
  assert.equal((await exec('cat', [], { input: 'hé' })).stdout, 'hé');
  assert.equal((await exec('sh', ['-c', 'exit 3'], { ok: [3] })).code, 3);
  await assert.rejects(exec('sh', ['-c', 'echo why >&2; exit 3']), {
    code: 'EXEC_FAILED',
    message: /ended with code 3: why/,
  });
  await assert.rejects(exec('no-such-program-here', []), { code: 'EXEC_MISSING' });
  await assert.rejects(exec('sh', ['-c', 'cat /dev/zero'], { maxBytes: 1000 }), { code: 'EXEC_OUTPUT_TOO_LARGE' });
  await assert.rejects(exec('sleep', ['60'], { signal: AbortSignal.timeout(50) }), { name: 'TimeoutError' });
});

test('metrics are exposed as Prometheus text', async () => {
  const m = new Metrics();
  m.counter('t_total', 'Things', ['kind']).inc({ kind: 'a' });
  m.histogram('t_seconds', 'Time', [], [1, 2]).observe(1.5);
  m.gauge('t_now', 'Now').set(3);
  const { body, contentType } = await m.expose();
  assert.match(contentType, /text\/plain/);
  assert.match(body, /t_total\{kind="a"\} 1/);
  assert.match(body, /t_seconds_bucket\{le="2"\} 1/);
});

test('kubeTime has whole seconds', () =>
  assert.equal(kubeTime(Date.UTC(2026, 10, 23, 1, 2, 3, 999)), '2026-11-23T01:02:03Z'));
