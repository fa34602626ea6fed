import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import fc from 'fast-check';
import { FakeClock } from '../../src/core/clock.ts';
import { deadlineErrors } from '../../src/core/deadline.ts';
import { simErrors } from '../../src/sim/errors.ts';
import { QmpClient, type QmpEvent } from '../../src/sim/qmp.ts';

const GREETING = '{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}}, "capabilities": ["oob"]}}\r\n';

/** A QEMU that answers each command line with what `reply` says. */
function fakeQemu(reply: (command: { execute: string; arguments: unknown; id: number }) => string) {
  const input = new PassThrough();
  const output = new PassThrough();
  const clock = new FakeClock();
  const events: QmpEvent[] = [];
  output.setEncoding('utf8');
  output.on('data', (line: string) => input.write(reply(JSON.parse(line))));
  const qmp = new QmpClient({ input, output, clock, onEvent: (event) => events.push(event) });
  return { qmp, input, clock, events };
}

const ok = (command: { id: number }) => `{"return": {}, "id": ${command.id}}\r\n`;

test('greets, negotiates and runs a command', async () => {
  const seen: string[] = [];
  const { qmp, input } = fakeQemu((command) => {
    seen.push(command.execute);
    return `{"return": {"status": "running"}, "id": ${command.id}}\r\n`;
  });
  input.write(GREETING);
  await qmp.negotiate(1000);
  assert.deepEqual(await qmp.execute('query-status'), { status: 'running' });
  assert.deepEqual(seen, ['qmp_capabilities', 'query-status']);
});

test('a refusal carries the words of QEMU', async () => {
  const { qmp } = fakeQemu((c) => `{"id": ${c.id}, "error": {"class": "GenericError", "desc": "no such device"}}\r\n`);
  await assert.rejects(qmp.execute('set_link'), (error) => {
    assert.ok(simErrors.is(error, 'SIM_QMP_REFUSED'));
    assert.match(error.message, /no such device/);
    return true;
  });
});

test('events arrive in order, split and joined as the pipe likes', async () => {
  const text = `${GREETING}{"event": "RESET", "data": {"guest": true}}\r\n{"event": "SHUTDOWN", "data": {}}\r\n`;
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 0, max: text.length }), { maxLength: 8 }), async (cuts) => {
      const { input, events } = fakeQemu(ok);
      const edges = [0, ...cuts.toSorted((a, b) => a - b), text.length];
      for (const [i, edge] of edges.entries()) input.write(text.slice(edges[i - 1] ?? 0, edge));
      await new Promise((resolve) => setImmediate(resolve));
      assert.deepEqual(events, [
        { event: 'RESET', data: { guest: true } },
        { event: 'SHUTDOWN', data: {} },
      ]);
    }),
    { numRuns: 50 },
  );
});

test('a QEMU that dies ends what waits and what comes after', async () => {
  const { qmp, input } = fakeQemu(() => '');
  const waiting = assert.rejects(qmp.execute('quit'), (e) => simErrors.is(e, 'SIM_QMP_CLOSED'));
  input.end();
  await waiting;
  await assert.rejects(qmp.execute('query-status'), (e) => simErrors.is(e, 'SIM_QMP_CLOSED'));
});

test('a silent QEMU runs into the deadline of the command', async () => {
  const { qmp, clock } = fakeQemu(() => '');
  const waiting = assert.rejects(qmp.execute('query-status', {}, 2000), (e) =>
    deadlineErrors.is(e, 'DEADLINE_EXCEEDED'),
  );
  await clock.advance(2001);
  await waiting;
});

test('garbage is an error, not a crash', async () => {
  for (const garbage of ['hello\n', '[1,2]\n', 'x'.repeat((1 << 20) + 1)]) {
    const { qmp, input } = fakeQemu(() => '');
    const waiting = assert.rejects(qmp.execute('x'), (e) => simErrors.is(e, 'SIM_QMP_GARBLED'));
    input.write(garbage);
    await waiting;
  }
});
