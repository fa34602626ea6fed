import assert from 'node:assert/strict';
import test from 'node:test';
import { checkAgentMessage } from '../../src/agent-protocol/schema.ts';
import { logSample, progressSample, registerSample, resultSamples } from '../support/agent-messages.ts';

/** The problem with a message that must be refused. */
function problem(checked: { ok: boolean; problem?: string }): string {
  assert.equal(checked.ok, false);
  return checked.problem ?? '';
}

test('messages of real agents pass unchanged', () => {
  assert.deepEqual(checkAgentMessage.register(registerSample), { ok: true, message: registerSample });
  assert.deepEqual(checkAgentMessage.progress(progressSample), { ok: true, message: progressSample });
  assert.deepEqual(checkAgentMessage.logLine(logSample), { ok: true, message: logSample });
  for (const sample of resultSamples) {
    assert.deepEqual(checkAgentMessage.result(sample), { ok: true, message: sample });
  }
});

test('what a machine says about itself cannot move the cursor of a terminal', () => {
  const smbios = { ...registerSample.smbios, product: 'R640\u001b[2J\u0007\u202e' };
  const checked = checkAgentMessage.register({ ...registerSample, smbios });
  assert.equal(checked.ok && checked.message.smbios.product, 'R640 [2J  ');
  const error = { code: 'X', message: 'bad\u001b]0;title\u0007\r\nline', retry: false };
  assert.deepEqual(checkAgentMessage.result({ taskId: '1', ok: false, error }), {
    ok: true,
    message: { taskId: '1', ok: false, error: { code: 'X', message: 'bad ]0;title   line', retry: false } },
  });
});

test('unknown keys are dropped, wherever they are', () => {
  const checked = checkAgentMessage.result({
    taskId: '1',
    ok: true,
    extra: 1,
    result: {
      kind: 'inspect',
      disks: [],
      hardware: { systemVendor: { evil: 'x' }, firmware: { bios: {} }, cpu: {}, annotations: { a: 'b' } },
    },
  });
  assert.deepEqual(checked, {
    ok: true,
    message: {
      taskId: '1',
      ok: true,
      result: { kind: 'inspect', disks: [], hardware: { systemVendor: {}, firmware: { bios: {} }, cpu: {} } },
    },
  });
});

test('a refusal names the field', () => {
  assert.match(problem(checkAgentMessage.register({ ...registerSample, bootMac: '52-54-00-12-00-00' })), /^bootMac: /);
  assert.match(problem(checkAgentMessage.register({ ...registerSample, token: '' })), /^token: /);
  assert.match(problem(checkAgentMessage.register(null)), /^message: /);
  assert.match(problem(checkAgentMessage.progress({ ...progressSample, bytesDone: -1 })), /^bytesDone: /);
  assert.match(problem(checkAgentMessage.progress({ ...progressSample, bytesDone: Number.NaN })), /^bytesDone: /);
});

test('sizes are bounded', () => {
  const tooLong = 'x'.repeat(257);
  assert.match(problem(checkAgentMessage.progress({ ...progressSample, step: tooLong })), /^step: /);
  const nics = Array.from({ length: 257 }, () => registerSample.nics[0]);
  assert.match(problem(checkAgentMessage.register({ ...registerSample, nics })), /^nics: /);
  assert.match(problem(checkAgentMessage.logLine({ ...logSample, message: 'x'.repeat(8001) })), /^message: /);
});

test('a result of an unknown kind is refused', () => {
  assert.match(problem(checkAgentMessage.result({ taskId: '1', ok: true, result: { kind: 'format-all' } })), /kind/);
  assert.match(problem(checkAgentMessage.result({ taskId: '1', ok: 'yes' })), /ok/);
});
