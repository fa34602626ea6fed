import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { IngotError } from '../../src/core/errors.ts';
import { parseBmcAddress } from '../../src/bmc/address.ts';
import { SCHEMES } from '../../src/bmc/schemes.ts';

const brief = (text: string) => {
  const { scheme, driver, transport, host, port, path } = parseBmcAddress(text);
  return { scheme, driver, transport, host, port, path };
};
const ipmi = (host: string, port = 623) => ({
  scheme: 'ipmi',
  driver: 'ipmi',
  transport: undefined,
  host,
  port,
  path: '',
});

test('IPMI in all the ways Metal3 takes it', () => {
  assert.deepEqual(brief('ipmi://192.0.2.10'), ipmi('192.0.2.10'));
  assert.deepEqual(brief('ipmi://192.0.2.10:6230'), ipmi('192.0.2.10', 6230));
  assert.deepEqual(brief('192.0.2.10'), ipmi('192.0.2.10'));
  assert.deepEqual(brief('192.0.2.10:6230'), ipmi('192.0.2.10', 6230));
  assert.deepEqual(brief('bmc-7.lab.example'), ipmi('bmc-7.lab.example'));
  assert.deepEqual(brief('bmc-7.lab.example:623'), ipmi('bmc-7.lab.example'));
  assert.deepEqual(brief('ipmi:192.0.2.10'), ipmi('192.0.2.10'));
  assert.deepEqual(brief('IPMI://192.0.2.10'), ipmi('192.0.2.10'));
  assert.deepEqual(brief('ipmi://[fd00::1]:6230'), ipmi('fd00::1', 6230));
  assert.deepEqual(brief('[fd00::1]:6230'), ipmi('fd00::1', 6230));
  assert.deepEqual(brief(' ipmi://192.0.2.10:623 \n'), ipmi('192.0.2.10'));
  assert.deepEqual(brief('libvirt://192.0.2.1:6233/'), { ...ipmi('192.0.2.1', 6233), scheme: 'libvirt', path: '/' });
  assert.equal(parseBmcAddress('ipmi://h?privilegelevel=OPERATOR').query.get('privilegelevel'), 'OPERATOR');
  assert.equal(parseBmcAddress('libvirt://192.0.2.1:6233').needsBootMac, true);
});

test('the Redfish family is recognised with transport, path and IPv6', () => {
  assert.deepEqual(brief('redfish+http://[fe80::1]:8000/redfish/v1/Systems/x'), {
    scheme: 'redfish',
    driver: 'redfish',
    transport: 'http',
    host: 'fe80::1',
    port: 8000,
    path: '/redfish/v1/Systems/x',
  });
  for (const [scheme, { driver }] of Object.entries(SCHEMES)) {
    assert.equal(brief(`${scheme}://192.0.2.1/a`).driver, driver);
    if (driver !== 'redfish') continue;
    assert.equal(brief(`${scheme}://192.0.2.1`).transport, 'https');
    assert.equal(brief(`${scheme}+http://192.0.2.1`).transport, 'http');
    assert.equal(brief(`${scheme}+https://192.0.2.1`).transport, 'https');
    assert.equal(brief(`${scheme}://192.0.2.1`).port, undefined);
  }
});

test('user info is ignored and never kept', () => {
  const address = parseBmcAddress('ipmi://root:calvin@192.0.2.10:623');
  assert.equal(address.host, '192.0.2.10');
  assert.equal(address.text, 'ipmi://192.0.2.10:623');
  assert.ok(!JSON.stringify(address).includes('calvin'));
  assert.throws(
    () => parseBmcAddress('foo://root:calvin@192.0.2.10'),
    (e: Error) => !e.message.includes('calvin'),
  );
});

for (const [text, code, words] of [
  ['', 'BMC_ADDRESS_INVALID', /empty/],
  ['ipmi://', 'BMC_ADDRESS_INVALID', /host is missing/],
  ['ipmi://192.0.2.10:0', 'BMC_ADDRESS_INVALID', /port/],
  ['ipmi://192.0.2.10:99999', 'BMC_ADDRESS_INVALID', /"99999" is not a port/],
  ['ipmi://192.0.2.10:x', 'BMC_ADDRESS_INVALID', /"x" is not a port/],
  ['ipmi://192.0.2.300', 'BMC_ADDRESS_INVALID', /"192.0.2.300"/],
  ['ipmi://bad_name', 'BMC_ADDRESS_INVALID', /"bad_name"/],
  ['ipmi://fd00::1', 'BMC_ADDRESS_INVALID', /needs brackets/],
  ['ipmi://[zz::1]', 'BMC_ADDRESS_INVALID', /not an IPv6/],
  ['ipmi+https://192.0.2.1', 'BMC_SCHEME_UNKNOWN', /ipmi\+https/],
  ['redfish+ftp://192.0.2.1', 'BMC_SCHEME_UNKNOWN', /redfish\+ftp/],
  ['foo://192.0.2.1', 'BMC_SCHEME_UNKNOWN', /unknown BMC type "foo"/],
  ['constructor://192.0.2.1', 'BMC_SCHEME_UNKNOWN', /constructor/],
  ['ilo4://192.0.2.1', 'BMC_SCHEME_REMOVED', /ilo4/],
  ['irmc://192.0.2.1', 'BMC_SCHEME_REMOVED', /irmc/],
  ['idrac://192.0.2.1', 'BMC_SCHEME_REMOVED', /WSMAN/],
] as const) {
  test(`"${text}" → ${code}`, () => {
    assert.throws(
      () => parseBmcAddress(text),
      (e) => e instanceof IngotError && e.code === code && words.test(e.message),
    );
  });
}

test('whatever is written, the answer is an address or one of our errors', () => {
  const parts = fc.constantFrom(
    'ipmi',
    'redfish+http',
    ':',
    '//',
    '@',
    '[',
    ']',
    '::',
    '1',
    '.',
    '/',
    '?',
    '#',
    'a b',
    '%',
    '',
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(parts, { maxLength: 10 }).map((p) => p.join('')),
      ),
      (text) => {
        try {
          assert.notEqual(parseBmcAddress(text).host, '');
        } catch (error) {
          assert.ok(error instanceof IngotError, String(error));
        }
      },
    ),
    { numRuns: 2000 },
  );
});
