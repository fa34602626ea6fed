import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EVENT, FIRMWARE_SCHEMA, HOST_FIRMWARE_COMPONENTS, HOST_FIRMWARE_SETTINGS } from '../../src/api/resources.ts';
import type { Condition } from '../../src/api/meta.ts';
import { bmcErrors } from '../../src/bmc/errors.ts';
import { Bed, condition, key, part } from '../support/controller-bed.ts';

test('settings of a registered host are shown, without passwords, beside what may be set', async () => {
  const bed = new Bed();
  const host = await bed.host();
  assert.deepEqual(await bed.firmware(), { requeueMs: 300_000 });
  const settings = await bed.store.get(HOST_FIRMWARE_SETTINGS, key());
  assert.deepEqual(settings.status?.settings, {
    Asset: 'a',
    Cores: '4',
    Fast: 'true',
    Hyper: 'Off',
    Serial: 'SN1',
  });
  assert.equal(settings.metadata.ownerReferences?.[0]?.uid, host.metadata.uid);
  assert.equal(settings.metadata.ownerReferences?.[0]?.controller, undefined);
  const schema = await bed.store.get(FIRMWARE_SCHEMA, settings.status.schema!);
  assert.match(schema.metadata.name, /^schema-[0-9a-f]{8}$/);
  assert.deepEqual(schema.spec.schema['Cores'], { attribute_type: 'Integer', lower_bound: 1, upper_bound: 64 });
  assert.deepEqual(Object.keys(schema.spec.schema), ['Asset', 'Cores', 'Fast', 'Hyper', 'Serial']);
  assert.partialDeepStrictEqual(condition(settings, 'ChangeDetected'), { status: 'False', observedGeneration: 1 });
});

test('machines of one kind share their schema; what has not changed is not written again', async () => {
  const bed = new Bed();
  await bed.host('node-0');
  await bed.host('node-1');
  await bed.firmware('node-0');
  await bed.firmware('node-1');
  const schemas = await bed.store.list(FIRMWARE_SCHEMA);
  assert.equal(schemas.length, 1);
  assert.equal(schemas[0]?.metadata.ownerReferences?.length, 2);
  const before = await bed.store.get(HOST_FIRMWARE_SETTINGS, key());
  await bed.clock.advance(60_000);
  await bed.firmware();
  const after = await bed.store.get(HOST_FIRMWARE_SETTINGS, key());
  assert.equal(after.metadata.resourceVersion, before.metadata.resourceVersion);
});

test('a wish is a change that is detected, and valid only if the machine knows it', async () => {
  const bed = new Bed();
  await bed.host();
  await bed.firmware();
  await bed.wish({ Hyper: 'On', Cores: 8 });
  assert.deepEqual(await bed.firmware(), { requeueMs: 60_000 });
  const good = await bed.store.get(HOST_FIRMWARE_SETTINGS, key());
  assert.partialDeepStrictEqual(condition(good, 'ChangeDetected'), {
    status: 'True',
    reason: 'Success',
    observedGeneration: good.metadata.generation!,
  });
  assert.partialDeepStrictEqual(condition(good, 'Valid'), { status: 'True', reason: 'Success' });
  const problems = [
    [{ Hyper: 'Maybe' }, 'Setting Hyper is invalid, unknown enumeration value - Maybe; known are On, Off'],
    [{ Cores: 65 }, 'Setting Cores is invalid, integer 65 is above maximum value 64'],
    [{ Cores: 0 }, 'Setting Cores is invalid, integer 0 is below minimum value 1'],
    [{ Cores: 'many' }, 'Setting Cores is invalid, String many entered while integer expected'],
    [{ Serial: 'x' }, 'Setting Serial is invalid, it is ReadOnly'],
    [{ Asset: 'toolong' }, 'Setting Asset is invalid, string toolong length is above maximum length 5'],
    [{ Asset: '' }, 'Setting Asset is invalid, string  length is below minimum length 1'],
    [{ Fast: 'yes' }, 'Setting Fast is invalid, yes is not a boolean'],
    [{ Nonsense: 1 }, 'setting Nonsense is not in the Status field'],
    [{ AdminPassword: 'x' }, 'cannot set Password field AdminPassword'],
    [{ Secret: 'y' }, 'setting Secret is not in the Status field'],
  ] as const;
  for (const [settings, problem] of problems) {
    await bed.store.patch(HOST_FIRMWARE_SETTINGS, key(), { spec: { settings: null } }).catch(() => {});
    const { spec, ...rest } = await bed.store.get(HOST_FIRMWARE_SETTINGS, key());
    void spec;
    await bed.store.update(HOST_FIRMWARE_SETTINGS, { ...rest, spec: { settings } });
    await bed.firmware();
    const bad = condition(await bed.store.get(HOST_FIRMWARE_SETTINGS, key()), 'Valid') as { message?: string };
    assert.partialDeepStrictEqual(bad, { status: 'False', reason: 'ConfigurationError' });
    assert.equal(bad.message, `Invalid BIOS setting: ${problem}`);
    await bed.firmware();
  }
  const events = await bed.store.list(EVENT);
  assert.equal(events.length, problems.length, 'each is said once, however often it is looked at');
  const first = events.find((e) => e.message?.includes('Maybe'));
  assert.partialDeepStrictEqual(first, {
    reason: 'ValidationFailed',
    type: 'Normal',
    message: `Invalid BIOS setting: ${problems[0][1]}`,
    source: { component: 'metal3-hostfirmwaresettings-controller' },
    involvedObject: { kind: 'HostFirmwareSettings', name: 'node-0' },
  });
});

test('a wish that is so already is valid whatever its rules say; beside one that is not, it is judged too', async () => {
  const bed = new Bed();
  await bed.host();
  await bed.firmware();
  await bed.wish({ Serial: 'SN1', Hyper: 'Off' });
  assert.deepEqual(await bed.firmware(), { requeueMs: 300_000 });
  const same = await bed.store.get(HOST_FIRMWARE_SETTINGS, key());
  assert.partialDeepStrictEqual(condition(same, 'ChangeDetected'), { status: 'False', reason: 'Success' });
  assert.partialDeepStrictEqual(condition(same, 'Valid'), { status: 'True', reason: 'Success', message: '' });
  await bed.wish({ Cores: '04' });
  await bed.firmware();
  const number = await bed.store.get(HOST_FIRMWARE_SETTINGS, key());
  assert.partialDeepStrictEqual(condition(number, 'ChangeDetected'), { status: 'False' });
  await bed.wish({ Hyper: 'On' });
  await bed.firmware();
  const mixed = await bed.store.get(HOST_FIRMWARE_SETTINGS, key());
  assert.partialDeepStrictEqual(condition(mixed, 'Valid'), {
    status: 'False',
    message: 'Invalid BIOS setting: Setting Serial is invalid, it is ReadOnly',
  });
});

test('a BIOS that was reset asks for its settings again; the times of the status move only when something does', async () => {
  const bed = new Bed();
  await bed.host();
  await bed.firmware();
  bed.attributes = { ...bed.attributes, Hyper: 'On' };
  await bed.wish({ Hyper: 'On' });
  await bed.clock.advance(60_000);
  await bed.firmware();
  const fine = await bed.store.get(HOST_FIRMWARE_SETTINGS, key());
  const since = condition(fine, 'ChangeDetected') as Condition;
  await bed.clock.advance(60_000);
  await bed.firmware();
  const still = await bed.store.get(HOST_FIRMWARE_SETTINGS, key());
  assert.equal(still.status?.lastUpdated, fine.status?.lastUpdated);
  bed.attributes = { ...bed.attributes, Hyper: 'Off' };
  await bed.clock.advance(60_000);
  await bed.firmware();
  const reset = await bed.store.get(HOST_FIRMWARE_SETTINGS, key());
  const then = condition(reset, 'ChangeDetected') as Condition;
  assert.equal(then.status, 'True');
  assert.ok(then.lastTransitionTime > since.lastTransitionTime);
  assert.ok((reset.status?.lastUpdated ?? '') > (fine.status?.lastUpdated ?? ''));
});

test('a BMC without a registry has a schema without rules: any value may be tried', async () => {
  const bed = new Bed();
  bed.registry = [];
  await bed.host();
  await bed.firmware();
  const { status } = await bed.store.get(HOST_FIRMWARE_SETTINGS, key());
  const schema = await bed.store.get(FIRMWARE_SCHEMA, status!.schema!);
  assert.deepEqual(schema.spec.schema['Hyper'], {});
  await bed.wish({ Hyper: 'Whatever' });
  await bed.firmware();
  const wished = await bed.store.get(HOST_FIRMWARE_SETTINGS, key());
  assert.partialDeepStrictEqual(condition(wished, 'Valid'), { status: 'True' });
});

test('new rules are a new schema: the old one goes with the last machine that has it', async () => {
  const bed = new Bed();
  await bed.host('node-0');
  await bed.host('node-1');
  await bed.firmware('node-0');
  await bed.firmware('node-1');
  const [old] = await bed.store.list(FIRMWARE_SCHEMA);
  bed.registry = bed.registry.map((a) => (a.name === 'Cores' ? { ...a, upperBound: 128 } : a));
  await bed.firmware('node-0');
  const both = await bed.store.list(FIRMWARE_SCHEMA);
  assert.equal(both.length, 2);
  assert.deepEqual(
    both.map((s) => s.metadata.ownerReferences?.map((o) => o.name)),
    [['node-1'], ['node-0']].toSorted(() => (both[0]?.metadata.name === old?.metadata.name ? 0 : -1)),
  );
  await bed.firmware('node-1');
  const left = await bed.store.list(FIRMWARE_SCHEMA);
  assert.equal(left.length, 1);
  assert.equal(left[0]?.metadata.ownerReferences?.length, 2);
  assert.notEqual(left[0]?.metadata.name, old?.metadata.name);
});

test('components are those that Metal3 updates; a version that changes is remembered', async () => {
  const bed = new Bed();
  await bed.host();
  await bed.firmware();
  const first = await bed.store.get(HOST_FIRMWARE_COMPONENTS, key());
  assert.deepEqual(first.status?.components, [
    { component: 'bios', initialVersion: '1.0', currentVersion: '1.0' },
    { component: 'bmc', initialVersion: '6.10', currentVersion: '6.10' },
  ]);
  bed.components = [part('bios', '1.1'), part('bmc', '6.10')];
  const updates = [
    { component: 'bios', url: 'http://192.0.2.9/b' },
    { component: 'gpu', url: 'http://192.0.2.9/g' },
  ];
  await bed.store.patch(HOST_FIRMWARE_COMPONENTS, key(), { spec: { updates } });
  await bed.firmware();
  const then = await bed.store.get(HOST_FIRMWARE_COMPONENTS, key());
  assert.partialDeepStrictEqual(then.status?.components?.[0], {
    initialVersion: '1.0',
    currentVersion: '1.1',
    lastVersionFlashed: '1.1',
  });
  assert.partialDeepStrictEqual(condition(then, 'ChangeDetected'), { status: 'True' });
  const rule =
    "component gpu is invalid, only 'bmc', 'bios', or names starting with 'nic:' are allowed as update names";
  const message = `Invalid Firmware Components: ${rule}`;
  assert.partialDeepStrictEqual(condition(then, 'Valid'), { status: 'False', reason: 'InvalidComponent', message });
  await bed.firmware();
  const events = await bed.store.list(EVENT);
  assert.deepEqual(
    events.map((e) => [e.reason, e.message, e.source?.component]),
    [['ValidationFailed', message, 'metal3-hostfirmwarecomponents-controller']],
  );
});

test('an update that is not wished for any more is forgotten, so that it can be wished for again', async () => {
  const bed = new Bed();
  await bed.host();
  await bed.firmware();
  const bios = { component: 'bios', url: 'http://192.0.2.9/b' };
  const wish = async (updates: object[]) => {
    await bed.store.patch(HOST_FIRMWARE_COMPONENTS, key(), { spec: { updates } });
    await bed.firmware();
    return await bed.store.get(HOST_FIRMWARE_COMPONENTS, key());
  };
  const wished = await wish([bios]);
  assert.partialDeepStrictEqual(condition(wished, 'Valid'), { status: 'True', reason: 'OK' });
  await bed.store.updateStatus(HOST_FIRMWARE_COMPONENTS, { ...wished, status: { ...wished.status, updates: [bios] } });
  bed.components = [part('bmc', '6.10')];
  const done = await wish([bios, { component: 'bmc', url: 'http://192.0.2.9/a' }]);
  assert.partialDeepStrictEqual(condition(done, 'ChangeDetected'), { status: 'True', message: 'bmc' });
  assert.partialDeepStrictEqual(condition(done, 'Valid'), {
    message: 'Invalid Firmware Components: component bios is invalid, the machine has none of that name; it has bmc',
  });
  const emptied = await wish([]);
  assert.deepEqual(emptied.status?.updates, []);
  assert.partialDeepStrictEqual(condition(emptied, 'ChangeDetected'), { status: 'False' });
  bed.components = [part('bios', '1.0')];
  assert.partialDeepStrictEqual(condition(await wish([bios]), 'ChangeDetected'), { status: 'True', message: 'bios' });
});

test('hosts that are not registered or left alone are not asked; one that does not answer is asked again soon', async () => {
  const bed = new Bed();
  await bed.host('new', false);
  assert.deepEqual(await bed.firmware('new'), { requeueMs: undefined });
  assert.equal((await bed.store.list(HOST_FIRMWARE_SETTINGS)).length, 0);
  await bed.host();
  bed.capabilities.bios!.state = () => Promise.reject(bmcErrors.make('BMC_UNREACHABLE', 'silent'));
  assert.deepEqual(await bed.firmware(), { requeueMs: 30_000 });
  bed.capabilities.bios!.state = () => Promise.reject(bmcErrors.make('BMC_UNSUPPORTED', 'no BIOS'));
  assert.deepEqual(await bed.firmware(), { requeueMs: 300_000 });
  bed.capabilities = {};
  assert.deepEqual(await bed.firmware(), { requeueMs: undefined });
});
