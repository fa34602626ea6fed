import assert from 'node:assert/strict';
import test from 'node:test';
import type { Bmc } from '../../src/bmc/bmc.ts';
import { bmcErrors } from '../../src/bmc/errors.ts';
import { awaitSettled } from '../../src/bmc/settle.ts';
import { FakeClock } from '../../src/core/clock.ts';
import { runClock } from '../support/run-clock.ts';

const never = new AbortController().signal;

/** A BMC that answers as scripted, then always. */
function scripted(answers: (Error | 'ok')[]): { bmc: Bmc; asked: () => number } {
  let asked = 0;
  const verify = () => {
    asked++;
    const next = answers.shift() ?? 'ok';
    return next === 'ok' ? Promise.resolve({ protocol: 'x' }) : Promise.reject(next);
  };
  return { bmc: { verify } as unknown as Bmc, asked: () => asked };
}

test('three good answers in a row end the wait; silence begins it anew; a refusal is an error at once', async () => {
  const clock = new FakeClock();
  const down = bmcErrors.make('BMC_UNREACHABLE', 'restarting');
  const { bmc, asked } = scripted(['ok', 'ok', down, down, 'ok', 'ok', 'ok']);
  const { ms } = await runClock(clock, awaitSettled(bmc, clock, never));
  assert.equal(asked(), 7);
  assert.ok(ms >= 60_000 && ms < 61_000, `${ms}`);
  const refused = bmcErrors.make('BMC_AUTH_FAILED', 'factory settings');
  await assert.rejects(runClock(clock, awaitSettled(scripted(['ok', refused]).bmc, clock, never)), /factory settings/);
});
