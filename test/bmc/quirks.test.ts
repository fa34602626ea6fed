import assert from 'node:assert/strict';
import test from 'node:test';
import { ALWAYS_HANDLED, IPMI_QUIRKS } from '../../src/bmc/quirk-table.ts';
import { STANDARD, namedQuirks, quirksOf } from '../../src/bmc/quirks.ts';
import { IngotError } from '../../src/core/errors.ts';
import type { DeviceId } from '../../src/ipmi/commands/app/device-id.ts';

const device = (manufacturerId: number, productId = 1, deviceId = 1): DeviceId => ({
  deviceId,
  deviceRevision: 0,
  firmwareVersion: '1.00',
  updating: false,
  ipmiVersion: '2.0',
  support: 0,
  manufacturerId,
  productId,
});

test('every row names boards and evidence, and does something; names are unique and fit an annotation', () => {
  const names = IPMI_QUIRKS.map((r) => r.name);
  assert.equal(new Set(names).size, names.length);
  for (const row of IPMI_QUIRKS) {
    assert.match(row.name, /^[a-z0-9][a-z0-9.-]*$/);
    assert.ok(row.boards !== '' && row.evidence !== '' && row.does !== '', row.name);
    assert.ok(
      [row.wire, row.behaviour, row.pace].some((part) => part !== undefined),
      `${row.name} does nothing`,
    );
  }
  for (const row of ALWAYS_HANDLED) assert.ok(row.boards !== '' && row.evidence !== '' && row.how !== '', row.what);
});

test('what is not named is off: the wire departs from the specification for nobody by itself', () => {
  assert.deepEqual(namedQuirks([]).wire, {});
  for (const row of IPMI_QUIRKS) assert.ok(row.auto === undefined || row.wire === undefined, row.name);
});

test('selection by manufacturer and product, and by name', () => {
  assert.equal(quirksOf(device(674)), STANDARD);
  for (const supermicro of [10876, 47488]) {
    assert.equal(quirksOf(device(supermicro)).efiSelectors.disk, 0x24);
  }
  assert.equal(quirksOf(device(0, 0, 0)).overrideAppliesAtPowerOn, true);
  const named = namedQuirks(['bios-setup-ff', 'intelplus', 'slow-pace', 'bad-checksums']);
  assert.deepEqual(named.wire, {
    rakp4ByIntegrity: true,
    bareRoleInRakp3: true,
    solFlags: 0xc4,
    solZeroIsAll: true,
    ignoreChecksums: true,
  });
  assert.equal(named.pace.burst, 2);
  const both = quirksOf(device(10876), named);
  assert.deepEqual([both.efiSelectors.disk, both.efiFlagBytes['bios-setup']], [0x24, 0xff]);
  assert.equal(quirksOf(device(10876), namedQuirks(['-supermicro-disk'])), STANDARD);
  assert.equal(both.name, 'intelplus, bad-checksums, slow-pace, bios-setup-ff, supermicro-disk');
});

test('an unknown name: the error lists those that are known', () => {
  assert.throws(
    () => namedQuirks(['intelplus', 'intelpuls']),
    (e) =>
      e instanceof IngotError &&
      e.code === 'BMC_QUIRK_UNKNOWN' &&
      e.message.includes('"intelpuls"') &&
      IPMI_QUIRKS.every((r) => e.message.includes(r.name)),
  );
});
