import assert from 'node:assert/strict';
import test from 'node:test';
import { change } from '../../src/cli/bmc/bios.ts';
import { render } from '../../src/cli/bmc/output.ts';
import { parseTarget } from '../../src/cli/bmc/target.ts';

test('a target is an address, with its user, or the name of a host', () => {
  const address = (text: string) => parseTarget(text);
  assert.deepEqual(address('ipmi://admin@10.0.0.5'), {
    kind: 'address',
    address: 'ipmi://10.0.0.5',
    username: 'admin',
  });
  assert.deepEqual(address('admin@10.0.0.5:6230'), { kind: 'address', address: '10.0.0.5:6230', username: 'admin' });
  assert.deepEqual(address('[fd00::1]:623'), { kind: 'address', address: '[fd00::1]:623', username: undefined });
  assert.deepEqual(address('redfish+http://a%40b@bmc.example:8000/redfish/v1/Systems/1'), {
    kind: 'address',
    address: 'redfish+http://bmc.example:8000/redfish/v1/Systems/1',
    username: 'a@b',
  });
  assert.deepEqual(address('node-0'), { kind: 'host', name: 'node-0' });
  assert.deepEqual(address('lab/node-0'), { kind: 'host', name: 'lab/node-0' });
});

test('a password in the address is refused without being repeated', () => {
  assert.throws(
    () => parseTarget('ipmi://admin:hunter2@10.0.0.5'),
    (error: Error) => /does not belong/.test(error.message) && !String(error).includes('hunter2'),
  );
});

test('tables line up, leave out what nobody has, and let nothing move the cursor', () => {
  const rows = [
    { name: 'Fan 1', reading: 4200, unit: 'RPM', health: undefined },
    { name: 'Inlet \u001b[2J', reading: undefined, unit: 'Cel', health: undefined },
  ];
  assert.equal(
    render({ rows }, false),
    'NAME        READING  UNIT\nFan 1       4200     RPM\nInlet  [2J           Cel\n',
  );
  assert.equal(render({ rows: [], none: 'no sensors' }, false), 'no sensors\n');
  assert.equal(render({ facts: { power: 'on', guid: '' } }, false), 'power  on\n');
  assert.deepEqual(JSON.parse(render({ facts: { a: 1 }, rows: [{ b: true }] }, true)), {
    result: 'ok',
    a: 1,
    items: [{ b: true }],
  });
});

test('a BIOS setting takes the type that the machine has; a wrong one is named', () => {
  const now = { Hyper: 'On', Cores: 4, Quiet: false, Unset: null };
  const registry = [{ name: 'Unset', type: 'Integer' as const }];
  const set = (text: string) => change(text, now, registry);
  assert.deepEqual(set('Hyper=Off=really'), ['Hyper', 'Off=really']);
  assert.deepEqual(set('Cores=8'), ['Cores', 8]);
  assert.deepEqual(set('Quiet=true'), ['Quiet', true]);
  assert.deepEqual(set('Unset=3'), ['Unset', 3]);
  assert.throws(() => set('Cores=many'), /Cores is a number/);
  assert.throws(() => set('Quiet=1'), /true or false/);
  assert.throws(() => set('hyper=On'), /no BIOS setting "hyper"/);
  assert.throws(() => set('Hyper'), /NAME=VALUE/);
});
