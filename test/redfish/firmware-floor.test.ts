import assert from 'node:assert/strict';
import test from 'node:test';
import { firmwareWarning } from '../../src/redfish/firmware-floor.ts';

test('firmware that is too old is told; new, unknown and unreadable versions are not', () => {
  const old: [string, string, RegExp][] = [
    ['Dell', '2.60.60.60', /^iDRAC 8 with firmware 2\.60\.60\.60 is older than 2\.75\.75\.75/],
    ['Dell', '4.40.00.00', /^iDRAC 9 with firmware 4\.40\.00\.00 is older than 6\.10\.30\.0/],
    ['Dell', '6.9.99.99', /iDRAC 9/],
    ['HPE', 'iLO 6 v1.55', /^iLO 6 with firmware 1\.55 is older than 1\.57/],
  ];
  for (const [vendor, version, expected] of old) assert.match(firmwareWarning(vendor, version) ?? '', expected);
  const fine: [string | undefined, string | undefined][] = [
    ['Dell', '2.75.75.75'],
    ['Dell', '6.10.30.00'],
    ['Dell', '6.10.80.00'],
    ['Dell', '7.00.00.00'],
    ['Dell', '1.20.25.00'],
    ['Dell', 'unknown'],
    ['HPE', 'iLO 6 v1.57'],
    ['HPE', 'iLO 5 v2.72'],
    ['Lenovo', '2.60'],
    [undefined, '2.60'],
    ['Dell', undefined],
  ];
  for (const [vendor, version] of fine)
    assert.equal(firmwareWarning(vendor, version), undefined, `${vendor} ${version}`);
});
