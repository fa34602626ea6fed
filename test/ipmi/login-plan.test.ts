import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { LoginOutcome, LoginStep } from '../../src/ipmi/login.ts';
import { type LoginPlan, firstPlan, planAfter, rolesFor } from '../../src/ipmi/login-plan.ts';
import { CLIENT_SUITES } from '../../src/ipmi/suites.ts';

type Failure = Exclude<LoginOutcome, { kind: 'open' }>;

/** "17/14": suite 17, role byte 14h; "1.5/4": IPMI 1.5. */
function nameOf({ v15, suite, role }: LoginPlan): string {
  return `${v15 ? '1.5' : suite}/${role.nameOnly && !v15 ? '1' : ''}${role.level}`;
}

/** Feeds outcomes until the plan gives up; returns the suites and privileges tried and the code of the end. */
function play(
  outcomes: Failure[],
  plan: LoginPlan = firstPlan([17, 3], rolesFor(4)),
): { tried: string[]; end: string } {
  const tried = [nameOf(plan)];
  for (const outcome of outcomes) {
    const next = planAfter(plan, outcome);
    if (next.kind === 'fail') return { tried, end: next.error.code };
    plan = next.plan;
    tried.push(nameOf(plan));
  }
  return { tried, end: '' };
}

const refused = (step: 'open' | 'rakp2' | 'rakp4', status: number): Failure => ({ kind: 'refused', step, status });
const silence = (step: LoginStep): Failure => ({
  kind: 'silence',
  step,
  waited: true,
  reason: 'no answer',
});

test('ipmi 1: every refusal of Open Session leads to the next suite, then to the end', () => {
  for (const status of [0x04, 0x05, 0x10, 0x11, 0x12]) {
    assert.deepEqual(play([refused('open', status), refused('open', status)]), {
      tried: ['17/14', '3/14'],
      end: 'IPMI_NO_SUITE',
    });
  }
});

test('ipmi 1: all suites are tried, 17 and 3 first, those that neither sign nor encrypt last', () => {
  const outcomes = CLIENT_SUITES.map(() => refused('open', 0x11));
  const { tried, end } = play(outcomes, firstPlan(CLIENT_SUITES, rolesFor(4)));
  assert.equal(end, 'IPMI_NO_SUITE');
  assert.deepEqual(
    tried.map((t) => Number(t.split('/')[0])),
    [17, 3, 8, 12, 16, 2, 7, 11, 15, 1, 6],
  );
});

test('ipmi 1: "insufficient resources" once may mean the suite; twice it means to wait, then all suites again', () => {
  const busy = refused('open', 0x01);
  const plan = firstPlan([17, 3, 8], rolesFor(4));
  assert.deepEqual(play([busy, refused('open', 0x04), busy], plan).tried, ['17/14', '3/14', '8/14', '17/14']);
  assert.deepEqual(play([busy, busy], plan).tried, ['17/14', '3/14', '17/14']);
  assert.equal(
    play(
      Array.from({ length: 20 }, () => busy),
      plan,
    ).end,
    'IPMI_BUSY',
  );
});

test('ipmi 2: a role refused in all suites: once more as operator, then as user', () => {
  const outcomes = Array.from({ length: 6 }, () => refused('open', 0x0a));
  const tried = ['17/14', '3/14', '17/13', '3/13', '17/12', '3/12'];
  assert.deepEqual(play(outcomes), { tried, end: 'IPMI_NO_SUITE' });
});

test('ipmi 2: a role or name refused in RAKP 2: by name and level, as operator, as user, then the end', () => {
  for (const status of [0x09, 0x0a, 0x0d]) {
    const outcomes = Array.from({ length: 4 }, () => refused('rakp2', status));
    const tried = ['17/14', '17/4', '17/13', '17/12'];
    assert.deepEqual(play(outcomes), { tried, end: 'IPMI_AUTH_FAILED' });
  }
});

test('ipmi 2: the roles of each wanted level, with and without look-up by name alone', () => {
  const text = (level: number, nameOnly: boolean) =>
    rolesFor(level, nameOnly).map((r) => `${r.nameOnly ? 1 : 0}${r.level}`);
  assert.deepEqual(text(4, true), ['14', '04', '13', '12']);
  assert.deepEqual(text(3, true), ['13', '03', '12']);
  assert.deepEqual(text(2, true), ['12', '02']);
  assert.deepEqual(text(4, false), ['04', '03', '02']);
});

test('ipmi 1: IPMI 1.5 is spoken only when the BMC says so, and never where 2.0 was spoken or is demanded', () => {
  const old: Failure = { kind: 'not-v2' };
  const gone = silence('challenge');
  assert.deepEqual(play([old, gone]).tried, ['17/14', '1.5/4', '1.5/4']);
  assert.deepEqual(play([old], firstPlan([17], rolesFor(4), 'never')), { tried: ['17/14'], end: 'IPMI_NOT_V2' });
  assert.deepEqual(play([], firstPlan([17], rolesFor(4), 'always')).tried, ['1.5/4']);
  for (const other of [silence('capabilities'), refused('open', 4), refused('rakp2', 0x0d)]) {
    assert.ok(play(Array.from({ length: 9 }, () => other)).tried.every((t) => !t.startsWith('1.5')));
  }
});

test('IPMI 1.5: what each refusal leads to', () => {
  const v15 = firstPlan([17], rolesFor(4), 'always');
  const challenge = (completion: number): Failure => ({ kind: 'refused-v15', step: 'challenge', completion });
  const activate = (completion: number): Failure => ({ kind: 'refused-v15', step: 'activate', completion });
  const ends = (outcome: Failure) =>
    play(
      Array.from({ length: 9 }, () => outcome),
      v15,
    );
  assert.deepEqual(ends(challenge(0x81)), { tried: ['1.5/4'], end: 'IPMI_AUTH_FAILED' });
  assert.deepEqual(ends(activate(0x86)), { tried: ['1.5/4', '1.5/3', '1.5/2'], end: 'IPMI_AUTH_FAILED' });
  assert.deepEqual([ends(activate(0x81)).end, ends(activate(0x81)).tried.length], ['IPMI_BUSY', 4]);
  assert.equal(ends(activate(0x85)).end, 'IPMI_BUSY');
  assert.equal(ends(activate(0xd4)).end, 'IPMI_AUTH_FAILED');
  assert.equal(ends(silence('activate')).end, 'IPMI_AUTH_FAILED');
  assert.equal(ends({ kind: 'no-auth-type', offered: ['none'] }).end, 'IPMI_WEAK_AUTH');
});

test('a session that the BMC lost is opened again, but not for ever', () => {
  assert.deepEqual(play(Array.from({ length: 9 }, () => refused('rakp4', 0x02))), {
    tried: ['17/14', '17/14', '17/14', '17/14'],
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

test('ipmi 1: the suite a BMC picks by itself is believed once', () => {
  const echo: Failure = { kind: 'other-suite', suite: 3 };
  assert.deepEqual(play([echo, echo]), { tried: ['17/14', '3/14'], end: 'IPMI_NO_SUITE' });
  const unknown: Failure = { kind: 'other-suite', suite: undefined };
  assert.deepEqual(play([unknown, unknown]), { tried: ['17/14', '3/14'], end: 'IPMI_NO_SUITE' });
});

test('wrong proofs end at once', () => {
  assert.equal(play([{ kind: 'bad-proof', step: 'rakp2' }]).end, 'IPMI_AUTH_FAILED');
  assert.equal(play([{ kind: 'bad-proof', step: 'rakp4' }]).end, 'IPMI_AUTH_FAILED');
});

test('whatever a BMC does, the plan ends', () => {
  const outcome: fc.Arbitrary<Failure> = fc.oneof(
    fc.record({
      kind: fc.constant('silence' as const),
      step: fc.constantFrom<LoginStep>('capabilities', 'open', 'rakp2', 'rakp4', 'challenge', 'activate'),
      waited: fc.boolean(),
      reason: fc.constant('x'),
    }),
    fc.record({
      kind: fc.constant('refused' as const),
      step: fc.constantFrom('open', 'rakp2', 'rakp4'),
      status: fc.nat(0x12),
    }),
    fc.record({
      kind: fc.constant('refused-v15' as const),
      step: fc.constantFrom('challenge', 'activate'),
      completion: fc.integer({ min: 0x80, max: 0xff }),
    }),
    fc.record({ kind: fc.constant('not-v2' as const) }),
    fc.record({ kind: fc.constant('other-suite' as const), suite: fc.constantFrom(undefined, 3, 17, 8) }),
  );
  fc.assert(
    fc.property(fc.array(outcome, { minLength: 60, maxLength: 60 }), (outcomes) => {
      const { tried, end } = play(outcomes);
      assert.notEqual(end, '');
      assert.ok(tried.length <= 40, `${tried.length} logins`);
      assert.ok(
        tried.every((t) => /^((17|3)\/1?|1\.5\/)[234]$/.test(t)),
        tried.join(' '),
      );
    }),
    { numRuns: 500 },
  );
});

test('ipmi 3: silence at this step and at that is the network’s; at one step alone it says what is wrong', () => {
  const mixed = (...steps: LoginStep[]) => play(steps.map(silence)).end;
  assert.equal(mixed('rakp2', 'rakp2', 'rakp2'), 'IPMI_LOGIN_SILENT');
  assert.equal(mixed('rakp4', 'rakp4', 'rakp4', 'rakp4'), 'IPMI_AUTH_FAILED');
  assert.equal(mixed('open', 'capabilities', 'open', 'rakp2'), 'IPMI_TIMEOUT', 'no user name is accused');
  assert.equal(mixed('open', 'rakp2', 'capabilities', 'rakp4'), 'IPMI_TIMEOUT', 'no password is accused');
  assert.equal(mixed('open', 'rakp2', 'rakp2'), '', 'not yet');
  assert.equal(mixed('open', 'rakp2', 'rakp2', 'rakp2'), 'IPMI_LOGIN_SILENT');
});
