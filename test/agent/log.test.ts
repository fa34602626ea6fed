import assert from 'node:assert/strict';
import test from 'node:test';
import { agentErrors } from '../../src/agent/errors.ts';
import { LogBuffer, agentLogger, consoleSink } from '../../src/agent/log.ts';
import { shipOnce } from '../../src/agent/log-shipper.ts';
import type { AgentLogLine } from '../../src/agent-protocol/messages.ts';
import { FakeClock } from '../../src/core/clock.ts';

const clock = new FakeClock();
const signal = new AbortController().signal;

test('fields follow the message, secrets are replaced, lines stay lines', () => {
  const lines: AgentLogLine[] = [];
  const log = agentLogger(clock, [(l) => lines.push(l)]).child({ task: 'write' });
  log.warn('a\nb', { token: 's3cret', url: '/f?sig=abc&x=1', count: 3, nothing: undefined });
  assert.equal(lines[0]?.message, 'a | b task=write token=[redacted] url=/f?sig=[redacted]&x=1 count=3');
  assert.equal(lines[0]?.level, 'warn');
  log.info('x'.repeat(5000));
  assert.ok((lines[1]?.message.length ?? 0) <= 2001);
});

test('the console shows everything but debug', () => {
  let text = '';
  const log = agentLogger(clock, [consoleSink((t) => (text += t))]);
  log.debug('one');
  log.info('two');
  log.error('three');
  assert.equal(text, 'ingot-agent: two\ningot-agent: error: three\n');
});

test('the buffer is bounded and says what it dropped', () => {
  const buffer = new LogBuffer(clock, 3);
  const log = agentLogger(clock, [buffer.sink]);
  for (let i = 0; i < 5; i++) log.info(`line ${i}`);
  assert.equal(buffer.size, 3);
  assert.deepEqual(
    buffer.take(2).map((l) => l.message),
    ['2 older lines were dropped', 'line 2', 'line 3'],
  );
  assert.deepEqual(
    buffer.take(9).map((l) => l.message),
    ['line 4'],
  );
});

test('lines that could not be sent come first next time; refused ones are gone', async () => {
  const buffer = new LogBuffer(clock, 10);
  const log = agentLogger(clock, [buffer.sink]);
  const fail = (code: 'AGENT_SERVER_UNREACHABLE' | 'AGENT_BAD_REPLY') => () =>
    Promise.reject(agentErrors.make(code, ''));
  log.info('one');
  assert.equal(await shipOnce(buffer, fail('AGENT_SERVER_UNREACHABLE'), signal), false);
  log.info('two');
  const sent: string[] = [];
  const take = (lines: readonly AgentLogLine[]) => Promise.resolve(void sent.push(...lines.map((l) => l.message)));
  assert.equal(await shipOnce(buffer, take, signal), true);
  assert.deepEqual(sent, ['one', 'two']);
  log.info('three');
  assert.equal(await shipOnce(buffer, fail('AGENT_BAD_REPLY'), signal), false);
  assert.equal(buffer.size, 0);
});
