import assert from 'node:assert/strict';
import test from 'node:test';
import { parseCmdline } from '../../src/agent/cmdline.ts';

const PRINT = 'ab'.repeat(32);
const line = (extra: string) =>
  `initrd=rd console=tty0 quiet ingot.server=https://10.77.0.1:8443/ ingot.fingerprint=sha256:${PRINT} ${extra}`;

test('reads server, fingerprint, token and boot MAC', () => {
  assert.deepEqual(parseCmdline(line('ingot.token=t.o=k BOOTIF=01-52-54-00-AB-cd-EF\n')), {
    server: 'https://10.77.0.1:8443',
    fingerprint: PRINT,
    token: 't.o=k',
    bootMac: '52:54:00:ab:cd:ef',
  });
});

test('of an argument given twice the last one counts', () => {
  assert.equal(parseCmdline(line('ingot.token=a ingot.token=b')).token, 'b');
});

test('a boot MAC is optional, and one that makes no sense is no boot MAC', () => {
  assert.equal(parseCmdline(line('ingot.token=a')).bootMac, undefined);
  assert.equal(parseCmdline(line('ingot.token=a BOOTIF=eth0')).bootMac, undefined);
  assert.equal(parseCmdline(line('ingot.token=a BOOTIF=52:54:00:00:00:01')).bootMac, '52:54:00:00:00:01');
});

test('what is missing or malformed is named', () => {
  const refused = (text: string, names: RegExp) =>
    assert.throws(
      () => parseCmdline(text),
      (e: Error & { code?: string }) => e.code === 'AGENT_CMDLINE' && names.test(e.message),
    );
  refused('', /ingot\.server is missing/);
  refused(line(''), /ingot\.token is missing/);
  refused(line('ingot.token=a ingot.server=http://10.77.0.1'), /ingot\.server is not an https URL/);
  refused(line('ingot.token=a ingot.fingerprint=sha1:abcd'), /ingot\.fingerprint is not sha256/);
});
