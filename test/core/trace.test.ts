import assert from 'node:assert/strict';
import test from 'node:test';
import { traceLine } from '../../src/core/trace.ts';

test('a trace is one line of JSON without secrets, wherever they stand', () => {
  const line = traceLine(
    {
      protocol: 'redfish',
      method: 'POST',
      path: '/redfish/v1/SessionService/Sessions',
      sent: { UserName: 'admin', Password: 'hunter "2"' },
      body: { Message: 'login of admin with hunter "2" refused', HttpHeaders: [{ 'X-Key': 'abc' }] },
      headers: { 'x-auth-token': 'tok' },
    },
    0,
    ['hunter "2"'],
  );
  const value = JSON.parse(line) as Record<string, unknown>;
  assert.equal(value['at'], '1970-01-01T00:00:00.000Z');
  assert.deepEqual(value['sent'], { UserName: 'admin', Password: '[redacted]' });
  for (const secret of ['hunter', 'abc', '"tok"']) assert.ok(!line.includes(secret), secret);
});
