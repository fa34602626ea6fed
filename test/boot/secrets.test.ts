import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { bootErrors } from '../../src/boot/errors.ts';
import { AgentTokens, claimedHost } from '../../src/boot/tokens.ts';
import { redactText } from '../../src/core/log.ts';
import { UrlSigner } from '../../src/boot/url-signing.ts';

const SECRET = new Uint8Array(32).fill(7);
const HOST = { namespace: 'lab', name: 'node-0' };
const MAC = '52:54:00:00:00:01';

describe('boot: signed URLs', () => {
  const signer = new UrlSigner(SECRET);
  const query = (path: string) => Object.fromEntries(new URL(path, 'http://s').searchParams);

  it('are an HMAC-SHA-256 over expiry and scope', () => {
    const path = signer.path('ramdisk', 'vmlinuz', 1_800_000_000_000);
    const expires = (1_800_000_000).toString(36);
    const mac = createHmac('sha256', Buffer.alloc(32, 7)).update(`url|${expires}|ramdisk`).digest('base64url');
    assert.equal(path, `/ramdisk/vmlinuz?expires=${expires}&sig=${mac.slice(0, 24)}`);
    assert.equal(redactText(path), `/ramdisk/vmlinuz?expires=${expires}&sig=[redacted]`);
  });

  it('open their scope until they expire, and nothing else', () => {
    const scope = 'image/sha256:aa';
    const good = query(signer.path(scope, 'manifest', 10_000));
    signer.verify(good, scope, 10_000);
    const refused = (code: 'BOOT_URL_INVALID' | 'BOOT_URL_EXPIRED', check: () => void) =>
      assert.throws(check, (e) => bootErrors.is(e, code));
    refused('BOOT_URL_EXPIRED', () => signer.verify(good, scope, 10_001));
    refused('BOOT_URL_INVALID', () => signer.verify(good, 'image/sha256:ab', 0));
    refused('BOOT_URL_INVALID', () => signer.verify({ ...good, expires: 'zzzzzz' }, scope, 0));
    refused('BOOT_URL_INVALID', () => signer.verify({ ...good, sig: [good['sig'], good['sig']] }, scope, 0));
    refused('BOOT_URL_INVALID', () => signer.verify({}, scope, 0));
    refused('BOOT_URL_INVALID', () => new UrlSigner(new Uint8Array(32)).verify(good, scope, 0));
  });

  it('refuse every changed signature', () => {
    const good = query(signer.path('ramdisk', 'vmlinuz', 10_000));
    fc.assert(
      fc.property(fc.string({ maxLength: 40 }), (sig) => {
        if (sig !== good['sig']) assert.throws(() => signer.verify({ ...good, sig }, 'ramdisk', 0));
      }),
    );
  });
});

describe('boot: tokens and session keys', () => {
  const tokens = new AgentTokens(SECRET);
  const subject = { hostUid: 'uid', attempt: 3 };

  it('a token is for one host, one attempt and one MAC address', () => {
    const token = tokens.bootToken(subject, MAC);
    assert.ok(tokens.checkBootToken(token, subject, MAC.toUpperCase()));
    assert.ok(!tokens.checkBootToken(token, { ...subject, attempt: 4 }, MAC));
    assert.ok(!tokens.checkBootToken(token, { ...subject, hostUid: 'other' }, MAC));
    assert.ok(!tokens.checkBootToken(token, subject, '52:54:00:00:00:02'));
    assert.ok(!tokens.checkBootToken('', subject, MAC));
  });

  it('a session key names its host and holds for one nonce', () => {
    const key = tokens.sessionKey(HOST, subject, 'n');
    assert.deepEqual(claimedHost(key), HOST);
    assert.ok(tokens.checkSessionKey(key, HOST, subject, 'n'));
    assert.ok(!tokens.checkSessionKey(key, HOST, subject, 'm'));
    assert.ok(!tokens.checkSessionKey(key, HOST, { ...subject, attempt: 2 }, 'n'));
    assert.ok(!tokens.checkSessionKey(tokens.bootToken(subject, MAC), HOST, subject, 'n'));
  });

  it('anything may be sent as a key', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 2000 }), (text) => {
        const host = claimedHost(text);
        assert.ok(host === undefined || host.name !== '');
      }),
    );
  });
});
