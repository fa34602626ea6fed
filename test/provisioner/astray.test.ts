import assert from 'node:assert/strict';
import test from 'node:test';
import { FakeClock } from '../../src/core/clock.ts';
import { Astray } from '../../src/provisioner/astray.ts';

const KEY = { namespace: 'lab', name: 'node-0' };

test('a machine that asks again and again, or somebody in its name, has its BMC told once a minute', async () => {
  const clock = new FakeClock();
  let woken = 0;
  const astray = new Astray(() => void (woken += 1), clock);
  astray.add(KEY);
  assert.equal(astray.take(KEY), true);
  for (let i = 0; i < 50; i++) {
    await clock.advance(1000);
    astray.add(KEY);
    assert.equal(astray.take(KEY), false);
  }
  assert.equal(woken, 1);
  await clock.advance(11_000);
  astray.add(KEY);
  assert.equal(astray.take(KEY), true);
  assert.equal(woken, 2);
});
