import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import {
  actionAt,
  at,
  flagAt,
  healthAt,
  linkAt,
  linksAt,
  numberAt,
  objectsAt,
  textAt,
  textsAt,
} from '../../src/redfish/json.ts';

test('what is there is found, blanks and wrong types are absent', () => {
  const body = {
    Name: ' Blade ',
    Empty: '  ',
    Count: '12',
    On: true,
    Bios: { '@odata.id': '/redfish/v1/Systems/1/Bios' },
    Links: { ManagedBy: [{ '@odata.id': '/m/1' }, {}, 7, { '@odata.id': '' }] },
    Actions: { '#ComputerSystem.Reset': { target: '/reset' } },
    Status: { Health: 'Warning', HealthRollup: 'Weird' },
    List: ['a', 1, null],
    One: { MessageId: 'x' },
  };
  assert.equal(textAt(body, 'Name'), 'Blade');
  assert.equal(textAt(body, 'Empty'), undefined);
  assert.equal(numberAt(body, 'Count'), 12);
  assert.equal(numberAt(body, 'Name'), undefined);
  assert.equal(flagAt(body, 'On'), true);
  assert.equal(linkAt(body, 'Bios'), '/redfish/v1/Systems/1/Bios');
  assert.deepEqual(linksAt(body, 'Links', 'ManagedBy'), ['/m/1']);
  assert.equal(actionAt(body, '#ComputerSystem.Reset'), '/reset');
  assert.equal(healthAt(body), 'warning');
  assert.equal(healthAt(body, 'HealthRollup'), undefined);
  assert.deepEqual(textsAt(body, 'List'), ['a']);
  assert.equal(objectsAt(body, 'One').length, 1);
  assert.equal(at(body, 'constructor'), undefined);
});

test('no reader throws, whatever a BMC sends', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.array(fc.string(), { maxLength: 3 }), (value, keys) => {
      for (const read of [at, textAt, numberAt, flagAt, objectsAt, textsAt, linkAt, linksAt]) read(value, ...keys);
      healthAt(value);
      actionAt(value, keys[0] ?? '');
    }),
  );
});
