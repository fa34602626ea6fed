import assert from 'node:assert/strict';
import { X509Certificate, createHash } from 'node:crypto';
import { mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { ensureServingCert } from '../../src/server/tls.ts';

let dir: string;
before(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'ingot-tls-'));
});
after(async () => rm(dir, { recursive: true, force: true }));

const names = ['localhost', 'ingot.example.com'];
const ips = ['127.0.0.1', 'fd00::1'];
const year = 365 * 24 * 3600_000;

test('a certificate for the names asked for, signed by a CA of its own, kept over calls', async () => {
  const first = await ensureServingCert({ dir, names, ips }, Date.now());
  const cert = new X509Certificate(first.certPem);
  const ca = new X509Certificate(first.caPem);
  assert.ok(cert.verify(ca.publicKey));
  assert.ok(ca.ca && !cert.ca);
  for (const name of names) assert.equal(cert.checkHost(name), name);
  for (const ip of ips) assert.equal(cert.checkIP(ip), ip);
  assert.equal(first.fingerprintSha256, createHash('sha256').update(cert.raw).digest('hex'));
  assert.deepEqual(await ensureServingCert({ dir, names: ['localhost'], ips: [] }, Date.now()), first);
  for (const file of await readdir(dir)) assert.equal((await stat(path.join(dir, file))).mode & 0o077, 0, file);
  assert.deepEqual((await readdir(dir)).sort(), ['ca.crt', 'ca.key', 'server.crt', 'server.key']);
});

test('a new name, or the end coming near, makes a new one of the same CA', async () => {
  const first = await ensureServingCert({ dir, names, ips }, Date.now());
  const more = await ensureServingCert({ dir, names, ips: [...ips, '192.0.2.7'] }, Date.now());
  assert.notEqual(more.fingerprintSha256, first.fingerprintSha256);
  assert.equal(more.caPem, first.caPem);
  const later = await ensureServingCert({ dir, names, ips: [...ips, '192.0.2.7'] }, Date.now() + 2.25 * year);
  assert.notEqual(later.fingerprintSha256, more.fingerprintSha256);
});

test('a key that does not belong to the certificate is replaced with it', async () => {
  const first = await ensureServingCert({ dir, names, ips }, Date.now());
  await writeFile(path.join(dir, 'server.key'), await readFile(path.join(dir, 'ca.key')));
  const next = await ensureServingCert({ dir, names, ips }, Date.now());
  assert.notEqual(next.fingerprintSha256, first.fingerprintSha256);
  assert.deepEqual(await ensureServingCert({ dir, names, ips }, Date.now()), next);
});

test('names that are none do not reach openssl’s configuration', async () => {
  await assert.rejects(ensureServingCert({ dir, names: ['a\nb=c'], ips: [] }, Date.now()));
  await assert.rejects(ensureServingCert({ dir, names: [], ips: ['1.2.3.4.5'] }, Date.now()));
});
