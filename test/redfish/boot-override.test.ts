import assert from 'node:assert/strict';
import test from 'node:test';
import { type BootOverride, compareOverride } from '../../src/redfish/boot-override.ts';
import { personalityOf } from '../../src/redfish/quirks.ts';

test('UEFI HTTP boot that reads back as a CD is believed only of a BMC that is known to do it so', () => {
  const wanted: BootOverride = { device: 'http', persistence: 'once', firmware: 'uefi', httpUri: 'http://h/a.iso' };
  const read: BootOverride = { device: 'cdrom', persistence: 'persistent', firmware: 'uefi' };
  const sushy = personalityOf({}, { Manufacturer: 'Sushy Emulator' }).quirks;
  const verdict = compareOverride(wanted, read, sushy);
  assert.equal(verdict.kind, 'tolerated');
  assert.match(verdict.kind === 'tolerated' ? verdict.why : '', /not read back: once, HttpBootUri, UefiHttp/);
  assert.equal(compareOverride(wanted, { ...read, persistence: 'once' }, new Set()).kind, 'different');
  assert.equal(compareOverride(wanted, { ...read, device: 'pxe' }, sushy).kind, 'different');
});
