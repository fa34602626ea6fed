import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { LoginOutcome } from '../../src/ipmi/login.ts';
import { type LoginPlan, firstPlan, planAfter } from '../../src/ipmi/login-plan.ts';

type Failure = Exclude<LoginOutcome, { kind: 'open' }>;

/** Feeds outcomes until the plan gives up; returns the suites and privileges tried and the code of the end. */
function play(outcomes: Failure[], plan: LoginPlan = firstPlan([17, 3], 4)): { tried: string[]; end: string } {
  const tried = [`${plan.suite}/${plan.privilege}`];
  for (const outcome of outcomes) {
    const next = planAfter(plan, outcome);
    if (next.kind === 'fail') return { tried, end: next.error.code };
    plan = next.plan;
    tried.push(`${plan.suite}/${plan.privilege}`);
  }
  return { tried, end: '' };
}

const refused = (step: 'open' | 'rakp2' | 'rakp4', status: number): Failure => ({ kind: 'refused', step, status });
const silence = (step: 'capabilities' | 'open' | 'rakp2' | 'rakp4'): Failure => ({
  kind: 'silence',
  step,
  waited: true,
  reason: 'no answer',
});

test('every refusal of Open Session leads to the next suite, then to the end', () => {
  for (const status of [0x04, 0x05, 0x10, 0x11, 0x12]) {
    assert.deepEqual(play([refused('open', status), refused('open', status)]), {
      tried: ['17/4', '3/4'],
      end: 'IPMI_NO_SUITE',
    });
  }
});

test('a role refused in all suites: once more as operator', () => {
  const outcomes = Array.from({ length: 4 }, () => refused('open', 0x0a));
  assert.deepEqual(play(outcomes), { tried: ['17/4', '3/4', '17/3', '3/3'], end: 'IPMI_NO_SUITE' });
});

test('a role or name refused in RAKP 2: the same suite as operator, then the end', () => {
  for (const status of [0x09, 0x0a, 0x0d]) {
    assert.deepEqual(play([refused('rakp2', status), refused('rakp2', status)]), {
      tried: ['17/4', '17/3'],
      end: 'IPMI_AUTH_FAILED',
    });
  }
});

test('a session that the BMC lost is opened again, but not for ever', () => {
  assert.deepEqual(play(Array.from({ length: 9 }, () => refused('rakp4', 0x02))), {
    tried: ['17/4', '17/4', '17/4', '17/4'],
    end: 'IPMI_BUSY',
  });
});

test('silence ends in an error that says after what', () => {
  const ends = (['capabilities', 'open', 'rakp2', 'rakp4'] as const).map((step) => {
    const { tried, end } = play(Array.from({ length: 9 }, () => silence(step)));
    return [step, tried.length, end];
  });
  assert.deepEqual(ends, [
    ['capabilities', 4, 'IPMI_TIMEOUT'],
    ['open', 4, 'IPMI_TIMEOUT'],
    ['rakp2', 3, 'IPMI_LOGIN_SILENT'],
    ['rakp4', 4, 'IPMI_AUTH_FAILED'],
  ]);
});

test('the suite a BMC picks by itself is believed once', () => {
  const echo: Failure = { kind: 'other-suite', suite: 3 };
  assert.deepEqual(play([echo, echo]), { tried: ['17/4', '3/4'], end: 'IPMI_NO_SUITE' });
  const unknown: Failure = { kind: 'other-suite', suite: undefined };
  assert.deepEqual(play([unknown, unknown]), { tried: ['17/4', '3/4'], end: 'IPMI_NO_SUITE' });
});

test('wrong proofs and IPMI 1.5 end at once', () => {
  assert.equal(play([{ kind: 'bad-proof', step: 'rakp2' }]).end, 'IPMI_AUTH_FAILED');
  assert.equal(play([{ kind: 'bad-proof', step: 'rakp4' }]).end, 'IPMI_AUTH_FAILED');
  assert.equal(play([{ kind: 'not-v2' }]).end, 'IPMI_NOT_V2');
});

test('whatever a BMC does, the plan ends', () => {
  const outcome: fc.Arbitrary<Failure> = fc.oneof(
    fc.record({
      kind: fc.constant('silence' as const),
      step: fc.constantFrom('capabilities', 'open', 'rakp2', 'rakp4'),
      waited: fc.boolean(),
      reason: fc.constant('x'),
    }),
    fc.record({
      kind: fc.constant('refused' as const),
      step: fc.constantFrom('open', 'rakp2', 'rakp4'),
      status: fc.nat(0x12),
    }),
    fc.record({ kind: fc.constant('other-suite' as const), suite: fc.constantFrom(undefined, 3, 17, 8) }),
  );
  fc.assert(
    fc.property(fc.array(outcome, { minLength: 60, maxLength: 60 }), (outcomes) => {
      const { tried, end } = play(outcomes);
      assert.notEqual(end, '');
      assert.ok(tried.length <= 30, `${tried.length} logins`);
      assert.ok(
        tried.every((t) => /^(17|3)\/[34]$/.test(t)),
        tried.join(' '),
      );
    }),
    { numRuns: 500 },
  );
});
