import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import test from 'node:test';
import { redfishErrors } from '../../src/redfish/errors.ts';
import { type TlsTrust, parseCa, parseFingerprint } from '../../src/redfish/trust.ts';
import { clientOf, forever } from '../support/redfish-client.ts';
import { ROOT, RedfishServer } from '../support/redfish-server.ts';
import { type Pair, selfSignedPair } from '../support/self-signed.ts';

async function certificate(name: string, san: string) {
  const pair = await selfSignedPair(name, san);
  return { ...pair, print: new X509Certificate(pair.cert).fingerprint256 };
}

const mine = await certificate('idrac-7x', 'IP:127.0.0.1');
const foreign = await certificate('other', 'DNS:other.example');

async function get(shown: Pair, trust: TlsTrust) {
  await using server = await new RedfishServer(shown).listen();
  server.get(ROOT, { Name: 'root' });
  const address = `redfish://127.0.0.1:${server.port}`;
  await using client = clientOf(server, { transport: 'https', address, trust });
  try {
    return (await client.get(ROOT, forever)).body['Name'];
  } finally {
    if (server.seen.length > 0) assert.equal(server.connections, 1);
  }
}

const untrusted = (error: Error) => {
  assert.ok(redfishErrors.is(error, 'REDFISH_TLS_UNTRUSTED'), String(error));
  return true;
};

test('a self-signed certificate is refused with its fingerprint and the ways out, before any request', async () => {
  await assert.rejects(get(mine, { verify: true }), (error: Error & { hint: string }) => {
    untrusted(error);
    const print = mine.print.replaceAll(':', '').toLowerCase();
    assert.match(error.message, new RegExp(`it is self-signed; its fingerprint is sha256:${print}$`));
    for (const way of ['ingot.dev/bmc-fingerprint', 'ca.crt', '--bmc-ca', 'disableCertificateVerification']) {
      assert.ok(error.hint.includes(way), way);
    }
    return true;
  });
});

test('each way out works: CA, fingerprint, no verification', async () => {
  assert.equal(await get(mine, { verify: true, ca: `# a bundle\n${foreign.cert}\n${mine.cert}` }), 'root');
  assert.equal(await get(mine, { verify: true, fingerprint: parseFingerprint(`sha256:${mine.print}`) }), 'root');
  assert.equal(await get(mine, { verify: false }), 'root');
});

test('a CA that is not the signer, a certificate for another name, and another fingerprint are refused', async () => {
  await assert.rejects(get(mine, { verify: true, ca: foreign.cert }), untrusted);
  await assert.rejects(get(foreign, { verify: true, ca: foreign.cert }), /was made for another name/);
  const fingerprint = parseFingerprint(`SHA256 Fingerprint=${foreign.print}`);
  await assert.rejects(get(mine, { verify: true, fingerprint }), /is not the pinned sha256:/);
  await assert.rejects(get(mine, { verify: false, fingerprint }), untrusted, 'a pin counts even without verification');
});

test('a BMC that knows only TLS from before 1.2 is told apart from one that is not there', async () => {
  const old = { ...mine, minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
  await assert.rejects(get(old, { verify: false }), (error: Error) => {
    assert.ok(redfishErrors.is(error, 'REDFISH_UNREACHABLE'), String(error));
    assert.match(error.message, /cannot connect: TLS: .*(version|protocol)/);
    return true;
  });
});

test('fingerprints and CAs as people write them', () => {
  const digits = 'ab'.repeat(32);
  const colons = digits.match(/../g)!.join(':').toUpperCase();
  for (const text of [`sha256:${digits}`, ` SHA256:${colons} `, `sha256 Fingerprint=${colons}`, `sha-256:${digits}`]) {
    assert.equal(parseFingerprint(text), digits, text);
  }
  for (const text of ['', digits, `sha1:${digits}`, `sha256:${digits}0`, 'sha256:xyz']) {
    assert.throws(
      () => parseFingerprint(text),
      (error) => redfishErrors.is(error, 'REDFISH_TLS_SETTINGS'),
    );
  }
  assert.equal(parseCa(`${mine.cert}\n${foreign.cert}`, 'x').length, 2);
  for (const text of ['', 'junk', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----']) {
    assert.throws(() => parseCa(text, 'key ca.crt'), /^REDFISH_TLS_SETTINGS: key ca.crt/);
  }
});
