import assert from 'node:assert/strict';
import test from 'node:test';
import { bmcErrors } from '../../src/bmc/errors.ts';
import { RedfishPower } from '../../src/bmc/redfish-power.ts';
import { FakeClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/log.ts';
import { redfishErrors } from '../../src/redfish/errors.ts';
import { textAt } from '../../src/redfish/json.ts';
import { type Body, FakeCalls, refused } from '../support/redfish-calls.ts';
import { runClock } from '../support/run-clock.ts';

const SYSTEM = '/redfish/v1/Systems/1';
const RESET = `${SYSTEM}/Actions/ComputerSystem.Reset`;
const never = new AbortController().signal;

/** A machine whose answers to a reset are scripted. @param types AllowableValues; undefined: not given */
function machine(power: string | null, types?: readonly string[], hooked = false) {
  const clock = new FakeClock();
  const allowed = types === undefined ? {} : { 'ResetType@Redfish.AllowableValues': types };
  const body: Body = { PowerState: power, Actions: { '#ComputerSystem.Reset': { target: RESET, ...allowed } } };
  const calls = new FakeCalls({ [SYSTEM]: body });
  const sent: string[] = [];
  const hooks = {
    beforeStart: () => Promise.resolve(void sent.push('(before)')),
    afterStart: () => void sent.push('(after)'),
  };
  const doors = { calls, system: () => calls.get(SYSTEM), clock, log: silentLogger, address: 'redfish://192.0.2.1' };
  const bmc = new RedfishPower(hooked ? { ...doors, ...hooks } : doors);
  return {
    calls,
    clock,
    sent,
    body,
    /** Answers of ComputerSystem.Reset in order, the last one stays. A text is the PowerState that follows in 2 s. */
    answers(...script: (string | Error | undefined)[]) {
      calls.on('POST', RESET, (request) => {
        sent.push(textAt(request, 'ResetType') ?? '');
        const next = script.length > 1 ? script.shift() : script[0];
        if (next instanceof Error) throw next;
        if (typeof next === 'string') clock.timer(2000, () => (body['PowerState'] = next));
      });
      return this;
    },
    set: (action: Parameters<RedfishPower['set']>[0]) => runClock(clock, bmc.set(action, never)),
    state: () => runClock(clock, bmc.state(never)),
  };
}

test('redfish 6: on and off by the types that the BMC offers, inline or by ActionInfo, or at a guess', async () => {
  const cases: [Parameters<RedfishPower['set']>[0], string, string[] | undefined, string][] = [
    ['on', 'Off', ['On', 'ForceOff'], 'On'],
    ['on', 'Off', ['ForceOn', 'ForceOff'], 'ForceOn'],
    ['on', 'Off', ['PushPowerButton', 'ForceOff'], 'PushPowerButton'],
    ['on', 'Off', ['PowerCycle'], 'PowerCycle'],
    ['on', 'Off', undefined, 'On'],
    ['off', 'On', ['GracefulShutdown', 'ForceOff'], 'ForceOff'],
    ['off', 'On', undefined, 'ForceOff'],
  ];
  for (const [action, from, types, expected] of cases) {
    const bmc = machine(from, types).answers(action === 'on' ? 'On' : 'Off');
    await bmc.set(action);
    assert.deepEqual(bmc.sent, [expected]);
  }
  const bmc = machine('Off').answers('On');
  bmc.body['Actions'] = {
    '#ComputerSystem.Reset': { target: RESET, '@Redfish.ActionInfo': `${SYSTEM}/ResetActionInfo` },
  };
  bmc.calls.resources.set(`${SYSTEM}/ResetActionInfo`, {
    Parameters: [{ Name: 'ResetType', AllowableValues: ['ForceOn', 'ForceOff'] }],
  });
  await bmc.set('on');
  assert.deepEqual(bmc.sent, ['ForceOn']);
});

test('redfish 6: nothing is sent for a state that is there, and what is on its way is waited for', async () => {
  for (const [action, state] of [
    ['on', 'On'],
    ['off', 'Off'],
    ['soft-off', 'Off'],
    ['on', 'Paused'],
  ] as const) {
    const bmc = machine(state).answers();
    await bmc.set(action);
    assert.deepEqual(bmc.sent, []);
  }
  const bmc = machine('PoweringOn').answers();
  bmc.clock.timer(30_000, () => (bmc.body['PowerState'] = 'On'));
  const { ms } = await bmc.set('on');
  assert.ok(ms >= 30_000);
  assert.deepEqual(bmc.sent, []);
  assert.equal((await machine('PoweringOff').state()).value, 'off');
  assert.equal((await machine('PoweringOn').state()).value, 'on');
});

test('redfish 6: a 204 that does nothing is not believed: another type, then an error that says so', async () => {
  const helped = machine('Off', ['On', 'ForceOn']).answers(undefined, 'On');
  await helped.set('on');
  assert.deepEqual(helped.sent, ['On', 'ForceOn']);
  const bmc = machine('Off', ['On']).answers(undefined);
  await assert.rejects(bmc.set('on'), (error: Error) => {
    assert.ok(bmcErrors.is(error, 'BMC_POWER_NOT_REACHED'));
    assert.match(error.message, /power is still off 120 s after it was to be on/);
    return true;
  });
  assert.ok(bmc.sent.length <= 7, 'a bounded number of tries');
});

test('redfish 6: 400 and 409 are no failure when the state is reached all the same', async () => {
  for (const status of [400, 409]) {
    const bmc = machine('Off', ['On']);
    bmc.answers(refused(status, 'Base.ActionNotSupported'));
    bmc.clock.timer(500, () => (bmc.body['PowerState'] = 'On'));
    await bmc.set('on');
    assert.equal(bmc.sent.length, 1);
  }
});

test('redfish 6: iDRAC 10 refuses On with 409 after another job: 6 tries, 10 s apart', async () => {
  const conflict = () => refused(409, 'IDRAC.ActionParameterValueConflict');
  const bmc = machine('Off', ['On']).answers(conflict(), conflict(), conflict(), conflict(), conflict(), 'On');
  const { ms } = await bmc.set('on');
  assert.equal(bmc.sent.length, 6);
  assert.ok(ms >= 50_000 && ms < 60_000, `${ms} ms`);
});

test('redfish 6: a restart that conflicts with another job is sent again; a lost one is not', async () => {
  const conflict = refused(409, 'IDRAC.ActionParameterValueConflict');
  const bmc = machine('On', ['ForceRestart']).answers(conflict, conflict, undefined);
  await bmc.set('reset');
  assert.equal(bmc.sent.length, 3);
  const stubborn = machine('On', ['ForceRestart']).answers(conflict);
  await assert.rejects(stubborn.set('reset'), (error) => redfishErrors.is(error, 'REDFISH_REFUSED'));
  assert.equal(stubborn.sent.length, 6);
  const lost = machine('On', ['ForceRestart']).answers(redfishErrors.make('REDFISH_UNCERTAIN', 'lost'));
  await assert.rejects(lost.set('reset'));
  assert.equal(lost.sent.length, 1);
});

test('redfish 6: what is refused in every form ends soon, with what the BMC said', async () => {
  const bmc = machine('Off', ['On', 'ForceOn']).answers(refused(400, 'Base.ActionParameterNotSupported'));
  const start = bmc.clock.monotonic();
  await assert.rejects(bmc.set('on'), (error: Error) => {
    assert.ok(bmcErrors.is(error, 'BMC_COMMAND_REFUSED'));
    assert.match(error.message, /ActionParameterNotSupported/);
    return true;
  });
  assert.ok(bmc.clock.monotonic() - start < 15_000);
  assert.deepEqual(bmc.sent, ['On', 'ForceOn']);
});

test('redfish 6: a lost answer is not a lost order: the state is read', async () => {
  const lost = redfishErrors.make('REDFISH_UNCERTAIN', 'lost');
  const bmc = machine('Off', ['On']);
  bmc.calls.on('POST', RESET, () => {
    bmc.clock.timer(3000, () => (bmc.body['PowerState'] = 'On'));
    throw lost;
  });
  await bmc.set('on');
});

test('redfish 6: restart by ForceRestart, without one by off and on, of a machine that is off by on', async () => {
  const bmc = machine('On', ['On', 'ForceOff', 'ForceRestart']).answers(undefined);
  await bmc.set('reset');
  assert.deepEqual(bmc.sent, ['ForceRestart']);
  const poor = machine('On', ['On', 'ForceOff']).answers('Off', 'On');
  await poor.set('reset');
  assert.deepEqual(poor.sent, ['ForceOff', 'On']);
  const off = machine('Off', ['On', 'ForceRestart']).answers('On');
  await off.set('reset');
  assert.deepEqual(off.sent, ['On']);
  const cycled = machine('On', ['On', 'ForceOff']).answers('Off', 'On');
  await cycled.set('cycle');
  assert.deepEqual(cycled.sent, ['ForceOff', 'On']);
});

test('redfish 6: soft off asks once; a refusal is an error, unless the machine went off meanwhile', async () => {
  const bmc = machine('On', ['GracefulShutdown']).answers(undefined);
  await bmc.set('soft-off');
  assert.deepEqual(bmc.sent, ['GracefulShutdown']);
  await assert.rejects(machine('On', ['GracefulShutdown']).answers(refused(409, 'x')).set('soft-off'));
  await assert.rejects(machine('On', ['ForceOff']).answers().set('soft-off'), (error: Error) => {
    assert.ok(redfishErrors.is(error, 'REDFISH_UNSUPPORTED'));
    assert.match(error.message, /only ForceOff/);
    return true;
  });
});

test('redfish 6: a BMC that does not say its power state is asked a few times', async () => {
  const bmc = machine(null);
  bmc.clock.timer(3000, () => (bmc.body['PowerState'] = 'On'));
  assert.equal((await bmc.state()).value, 'on');
  await assert.rejects(machine(null).state(), (error) => redfishErrors.is(error, 'REDFISH_MALFORMED'));
  for (const state of ['Sideways', 'constructor']) {
    await assert.rejects(machine(state).state(), new RegExp(`PowerState "${state}"`));
  }
});

test('right before each start, and only then, somebody is asked, and told of it afterwards', async () => {
  const cases: [Parameters<RedfishPower['set']>[0], string, (string | Error | undefined)[], string[]][] = [
    ['on', 'Off', ['On'], ['(before)', 'On', '(after)']],
    ['on', 'On', ['On'], []],
    ['off', 'On', ['Off'], ['ForceOff']],
    ['soft-off', 'On', ['Off'], ['GracefulShutdown']],
    ['reset', 'On', [undefined], ['(before)', 'ForceRestart', '(after)']],
    ['cycle', 'On', ['Off', 'On'], ['ForceOff', '(before)', 'On', '(after)']],
    // One that was refused and happened all the same.
    ['on', 'Off', [refused(409, 'Base.Conflict'), 'On'], ['(before)', 'On', '(before)', 'ForceOn', '(after)']],
  ];
  for (const [action, from, script, expected] of cases) {
    const bmc = machine(from, undefined, true).answers(...script);
    await bmc.set(action);
    assert.deepEqual(bmc.sent, expected, `${action} from ${from}`);
  }
});
