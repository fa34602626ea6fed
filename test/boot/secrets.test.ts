import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { bootErrors } from '../../src/boot/errors.ts';
import { AgentTokens, sessionKeyHost } from '../../src/boot/tokens.ts';
import { UrlSigner } from '../../src/boot/url-signing.ts';

const SECRET = new Uint8Array(32).fill(7);
const HOST = { namespace: 'lab', name: 'node-0' };
const MAC = '52:54:00:00:00:01';

describe('boot: signed URLs', () => {
  const signer = new UrlSigner(SECRET);
  const parts = (path: string) => path.split('/').slice(2, 4) as [string, string];

  it('are an HMAC-SHA-256 over expiry and scope', () => {
    const [expiry, signature] = parts(signer.sign('ramdisk', 1_800_000_000_000));
    assert.equal(expiry, (1_800_000_000).toString(36));
    const mac = createHmac('sha256', Buffer.alloc(32, 7)).update(`url|${expiry}|ramdisk`).digest('base64url');
    assert.equal(signature, mac.slice(0, 24));
  });

  it('open their scope until they expire, and nothing else', () => {
    const [expiry, signature] = parts(signer.sign('image/sha256:aa', 10_000));
    signer.verify(expiry, signature, 'image/sha256:aa', 10_000);
    const refused = (code: 'BOOT_URL_INVALID' | 'BOOT_URL_EXPIRED', check: () => void) =>
      assert.throws(check, (e) => bootErrors.is(e, code));
    refused('BOOT_URL_EXPIRED', () => signer.verify(expiry, signature, 'image/sha256:aa', 10_001));
    refused('BOOT_URL_INVALID', () => signer.verify(expiry, signature, 'image/sha256:ab', 0));
    refused('BOOT_URL_INVALID', () => signer.verify('zzzzzz', signature, 'image/sha256:aa', 0));
    refused('BOOT_URL_INVALID', () =>
      new UrlSigner(new Uint8Array(32)).verify(expiry, signature, 'image/sha256:aa', 0),
    );
  });

  it('refuse every changed signature', () => {
    const [expiry, signature] = parts(signer.sign('ramdisk', 10_000));
    fc.assert(
      fc.property(fc.string({ maxLength: 40 }), (other) => {
        if (other !== signature) assert.throws(() => signer.verify(expiry, other, 'ramdisk', 0));
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
    assert.deepEqual(sessionKeyHost(key), HOST);
    assert.ok(tokens.checkSessionKey(key, HOST, subject, 'n'));
    assert.ok(!tokens.checkSessionKey(key, HOST, subject, 'm'));
    assert.ok(!tokens.checkSessionKey(key, HOST, { ...subject, attempt: 2 }, 'n'));
    assert.ok(!tokens.checkSessionKey(tokens.bootToken(subject, MAC), HOST, subject, 'n'));
  });

  it('anything may be sent as a key', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 2000 }), (text) => {
        const host = sessionKeyHost(text);
        assert.ok(host === undefined || host.name !== '');
      }),
    );
  });
});
