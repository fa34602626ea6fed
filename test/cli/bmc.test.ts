import assert from 'node:assert/strict';
import test from 'node:test';
import { bmcErrors } from '../../src/bmc/errors.ts';
import { change } from '../../src/cli/bmc/bios.ts';
import { forCommandLine } from '../../src/cli/bmc/command-hints.ts';
import { render } from '../../src/cli/bmc/output.ts';
import { pick } from '../../src/cli/bmc/pick.ts';
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

test('a part is meant by its id, the end of it, or its name; what is not there is never done', () => {
  const slots = [
    { id: '/redfish/v1/Managers/1/VirtualMedia/CD1', name: 'Virtual CD' },
    { id: '/redfish/v1/Managers/1/VirtualMedia/USB1', name: 'Virtual USB' },
  ];
  for (const text of ['/redfish/v1/Managers/1/VirtualMedia/CD1', 'CD1', 'cd1', 'Virtual CD']) {
    assert.equal(pick('slot', text, slots), slots[0], text);
  }
  assert.throws(() => pick('slot', 'CD', slots), /CLI_ARGUMENT: there is no slot "CD" \(there are CD1, USB1\)/);
  assert.throws(() => pick('volume', '1', []), /no volume "1" \(this machine has no volume at all\)/);
  const twins = [
    { id: '/a/1', name: 'x' },
    { id: '/b/1', name: 'x' },
  ];
  assert.equal(pick('drive', '/b/1', twins), twins[1]);
  assert.throws(
    () => pick('drive', '1', twins),
    /more than one drive is called "1" \(give the whole id: \/a\/1, \/b\/1/,
  );
});

test('without a host object nobody is sent to its Secret or annotations', () => {
  const shown = (error: unknown) => String(forCommandLine(error));
  for (const code of ['BMC_AUTH_FAILED', 'BMC_TLS_UNTRUSTED', 'BMC_QUIRK_UNKNOWN', 'BMC_SCHEME_UNKNOWN'] as const) {
    const text = shown(bmcErrors.make(code, 'spec.bmc.address x: no'));
    assert.doesNotMatch(text, /Secret|annotation|spec\./, code);
    assert.ok(text.startsWith(`${code}: `));
  }
  const plain = bmcErrors.make('BMC_UNREACHABLE', 'nobody');
  assert.equal(forCommandLine(plain), plain, 'others are as they were');
  const told = bmcErrors.make('BMC_COMMAND_REFUSED', 'no', { hint: 'give --clear-foreign' });
  assert.match(shown(told), /\(give --clear-foreign\)/, 'a hint for the case stays');
});

test('labels are words; ids of rows are short for people and whole for machines', () => {
  const rows = [{ id: '/redfish/v1/Systems/1/Storage/RAID1', notAfter: 'x' }];
  assert.equal(
    render({ facts: { memoryMiB: 1, addressSource: 'static' }, rows }, false)
      .split('\n')
      .slice(0, 4)
      .join('|'),
    'memory MiB      1|address source  static|ID     NOT AFTER|RAID1  x',
  );
  assert.equal(JSON.parse(render({ rows }, true)).items[0].id, '/redfish/v1/Systems/1/Storage/RAID1');
});
