import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import test from 'node:test';
import fc from 'fast-check';
import { getDeviceId } from '../../src/ipmi/commands/app/device-id.ts';
import { chassisControl } from '../../src/ipmi/commands/chassis/control.ts';
import { getChassisStatus } from '../../src/ipmi/commands/chassis/status.ts';
import { activateSession, decodeActivateRequest, encodeActivated } from '../../src/ipmi/commands/session/activate.ts';
import {
  decodeChallengeRequest,
  encodeChallenge,
  getSessionChallenge,
} from '../../src/ipmi/commands/session/challenge.ts';
import { chooseV15Auth } from '../../src/ipmi/login-v15.ts';
import { md2 } from '../../src/ipmi/md2.ts';
import { decodeDatagram } from '../../src/ipmi/packet.ts';
import { type V15Auth, encodeV15Session, v15CodeFits } from '../../src/ipmi/packet-v15.ts';
import type { V15Service } from '../../src/ipmi/server-login-v15.ts';
import { type OemAuth, oemChallenge, oemCode } from '../../src/ipmi/oem-auth.ts';
import { concatBytes, fromHex, toHex, utf8Bytes } from '../../src/wire/hex.ts';
import { ByteReader } from '../../src/wire/reader.ts';
import { done, failure, inSession, never } from '../support/ipmi-kit.ts';
import { runClock } from '../support/run-clock.ts';
import { virtualBmc } from '../support/virtual-bmc.ts';

const AUTHS: readonly V15Auth[] = ['none', 'md2', 'md5', 'password', 'oem'];
const old = (changes: Partial<V15Service> = {}): { v15: V15Service } => ({
  v15: { types: ['md5', 'md2'], perMessageAuth: true, only: true, ...changes },
});

test('MD2: the vectors of RFC 1319', () => {
  for (const [text, digest] of [
    ['', '8350e5a3e24c153df2275c9f80692773'],
    ['a', '32ec01ec4a6dac72c0ab96fb34c0b5d1'],
    ['abc', 'da853b0d3f88d99b30283a69e6ded6bb'],
    ['message digest', 'ab4f496bfb2a530b219ff33031fe06b0'],
    ['abcdefghijklmnopqrstuvwxyz', '4e8ddff3650292ab5a4108c3aa47940b'],
    [
      '12345678901234567890123456789012345678901234567890123456789012345678901234567890',
      'd5976f79d83d3a0dc9806c3c66f3efd8',
    ],
  ] as const) {
    assert.equal(toHex(md2(utf8Bytes(text))), digest, text);
  }
});

test('IPMI 1.5 packets: round trip, and only the right password fits the code', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...AUTHS),
      fc.nat(0xffffffff),
      fc.nat(0xffffffff),
      fc.uint8Array({ maxLength: 120 }),
      (auth, sequence, sessionId, payload) => {
        const packet = { auth, sequence, sessionId, payload };
        const datagram = decodeDatagram(encodeV15Session(packet, utf8Bytes('secret')));
        assert.ok(datagram.kind === 'v1.5');
        const { kind: _, code, ...rest } = datagram;
        assert.deepEqual(rest, packet);
        assert.equal(code.length, auth === 'none' ? 0 : 16);
        assert.ok(v15CodeFits(datagram, utf8Bytes('secret')));
        assert.equal(v15CodeFits(datagram, utf8Bytes('Secret')), auth === 'none');
      },
    ),
  );
});

test('IPMI 1.5 packets: the MD5 code byte by byte, and the byte after frames that would get stuck', () => {
  const payload = fromHex('2018c881043b04003c');
  const packet = encodeV15Session(
    { auth: 'md5', sequence: 0x01020304, sessionId: 0x0a0b0c0d, payload },
    utf8Bytes('pw'),
  );
  const key = concatBytes(utf8Bytes('pw'), new Uint8Array(14));
  const signed = concatBytes(key, fromHex('0d0c0b0a'), payload, fromHex('04030201'), key);
  const code = createHash('md5').update(signed).digest('hex');
  assert.equal(toHex(packet), `0600ff0702040302010d0c0b0a${code}09${toHex(payload)}`);
  const frame = (auth: V15Auth, bytes: number) =>
    encodeV15Session({ auth, sequence: 1, sessionId: 1, payload: new Uint8Array(bytes) }, utf8Bytes('pw')).length;
  assert.deepEqual([frame('none', 7), frame('none', 8), frame('none', 9)], [21, 23, 23]);
  assert.equal(frame('md5', 20), 51, '34 + 50 is one of them');
});

test('Get Session Challenge and Activate Session, both directions', () => {
  const sixteen = Uint8Array.from({ length: 16 }, (_, i) => i);
  const asked = decodeChallengeRequest(getSessionChallenge('md5', utf8Bytes('admin')).data);
  assert.deepEqual(asked, { authNumber: 2, username: utf8Bytes('admin') });
  assert.deepEqual(decodeChallengeRequest(getSessionChallenge('none', new Uint8Array(0)).data).username.length, 0);
  const challenge = { temporaryId: 0x11223344, challenge: sixteen };
  const encoded = new ByteReader(encodeChallenge(challenge));
  assert.deepEqual(getSessionChallenge('md5', utf8Bytes('x')).parse(encoded), challenge);
  const request = { authNumber: 4, privilege: 3, challenge: sixteen, firstFromBmc: 0xfffffffe };
  assert.deepEqual(decodeActivateRequest(activateSession(request).data), request);
  const activated = { authNumber: 0, sessionId: 0x99887766, firstToBmc: 5, privilege: 4 };
  assert.deepEqual(activateSession(request).parse(new ByteReader(encodeActivated(activated))), activated);
});

test('the authentication type: MD5 before MD2; the weak ones only where they are allowed', () => {
  const strict = { plainPassword: false, none: false };
  assert.equal(chooseV15Auth(AUTHS, strict), 'md5');
  assert.equal(chooseV15Auth(['none', 'md2', 'password'], strict), 'md2');
  assert.equal(chooseV15Auth(['none', 'password'], strict), undefined);
  assert.equal(chooseV15Auth(['none', 'password'], { plainPassword: true, none: true }), 'password');
  assert.equal(chooseV15Auth(['none'], { plainPassword: true, none: true }), 'none');
  assert.equal(chooseV15Auth([], { plainPassword: true, none: true }), undefined);
});

const OEM: readonly OemAuth[] = ['supermicro', 'quanta'];
const WAYS: readonly (readonly [V15Auth, OemAuth?])[] = [
  ...AUTHS.filter((auth) => auth !== 'oem').map((auth) => [auth] as const),
  ...OEM.map((kind) => ['oem', kind] as const),
];

for (const [auth, oemAuth] of WAYS) {
  const name = oemAuth === undefined ? auth : `${auth} of ${oemAuth}`;
  const oem = oemAuth === undefined ? {} : { oemAuth };
  test(`ipmi 1: IPMI 1.5 with ${name}: login, commands, close`, async () => {
    const bmc = await virtualBmc({ ...old({ types: [auth] }), faults: { quirks: oem } });
    const client = bmc.client({ v15: 'always', quirks: { noAuthentication: auth === 'none', ...oem } });
    await runClock(bmc.clock, client.run(chassisControl('power-up'), never));
    assert.equal(bmc.chassis.power, 'on');
    assert.equal(client.protocol, `IPMI 1.5, authentication ${auth}`);
    for (let i = 0; i < 70; i++) await runClock(bmc.clock, client.run(getChassisStatus(), never));
    assert.equal(bmc.net.clientPorts.length, 1);
    assert.equal(bmc.server.sessions, 1);
    const warnings = bmc.lines.filter((l) => l.level === 'warn').map((l) => l.message);
    const expected = {
      none: [/without any password/],
      password: [/in the clear/],
      md5: [],
      md2: [],
      oem: [oemAuth === 'quanta' ? /in the clear/ : /OEM authentication/],
    }[auth];
    assert.equal(warnings.length, expected.length, warnings.join());
    for (const [i, pattern] of expected.entries()) assert.match(warnings[i] ?? '', pattern);
    await runClock(bmc.clock, client.close());
    assert.equal(bmc.server.sessions, 0, 'Close Session was sent');
    await done(bmc);
  });
}

test('ipmi 1: OEM authentication: the codes, one for all packets of a session', async () => {
  const challenge = fromHex('000102030405060708090a0b0c0d0e0f');
  assert.deepEqual(oemCode('quanta', utf8Bytes('pw'), challenge), utf8Bytes('pw'));
  const digest = createHash('md5').update('pw').digest();
  for (const [i, byte] of challenge.entries()) digest[i] = (digest[i] ?? 0) ^ byte;
  const code = createHash('md5').update(digest).digest('hex');
  assert.equal(toHex(oemCode('supermicro', utf8Bytes('pw'), challenge)), code);
  assert.deepEqual(new Uint8Array(oemChallenge('supermicro', challenge)), new Uint8Array(16));
  assert.deepEqual(oemChallenge('quanta', challenge), challenge);

  const bmc = await virtualBmc({ ...old({ types: ['oem'] }), faults: { quirks: { oemAuth: 'supermicro' } } });
  const codes = new Set<string>();
  let sent = '';
  bmc.net.tap = (bytes, direction) => {
    if (direction === 'to-server' && bytes[4] === 5) codes.add(toHex(bytes.subarray(13, 29)));
    sent += Buffer.from(bytes).toString('latin1');
    return 'pass';
  };
  const client = bmc.client({ quirks: { oemAuth: 'supermicro' } });
  await runClock(bmc.clock, client.run(chassisControl('power-up'), never));
  assert.equal(codes.size, 1);
  assert.ok(!sent.includes('secret'));
  await done(bmc, client);
});

test('ipmi 1: OEM authentication is spoken to nobody who did not name it, nor in another maker’s way', async () => {
  const bmc = await virtualBmc({ ...old({ types: ['oem'] }), faults: { quirks: { oemAuth: 'supermicro' } } });
  const usual = bmc.client({ v15: 'always' });
  const refused = await failure(bmc, usual.run(getDeviceId(), never));
  assert.equal(refused.code, 'IPMI_WEAK_AUTH');
  assert.match(`${refused.message} ${refused.hint}`, /only: oem .*quirks supermicro-oem-auth and quanta-oem-auth/);
  for (const target of [
    { quirks: { oemAuth: 'quanta' as const } },
    { quirks: { oemAuth: 'supermicro' as const }, password: 'wrong' },
  ]) {
    const other = bmc.client(target);
    assert.equal((await failure(bmc, other.run(getDeviceId(), never))).code, 'IPMI_AUTH_FAILED');
    await done(bmc, other);
    await bmc.restart();
  }
  // A board that offers more is logged in to in the way that was named; one that lacks it in the best other way.
  for (const types of [['md5', 'oem'], ['md5']] as const) {
    const both = await virtualBmc({ ...old({ types }), faults: { quirks: { oemAuth: 'supermicro' } } });
    const client = both.client({ quirks: { oemAuth: 'supermicro' } });
    await runClock(both.clock, client.run(getDeviceId(), never));
    assert.equal(client.protocol, `IPMI 1.5, authentication ${types.at(-1)}`);
    await done(both, client);
  }
  await done(bmc, usual);
});

test('ipmi 1: a BMC that says it speaks 1.5 only is believed, unless it spoke 2.0 before', async () => {
  const bmc = await virtualBmc(old());
  const client = bmc.client();
  await runClock(bmc.clock, client.run(getDeviceId(), never));
  assert.equal(client.protocol, 'IPMI 1.5, authentication md5');
  const strict = bmc.client({ v15: 'never' });
  assert.equal((await failure(bmc, strict.run(getDeviceId(), never))).code, 'IPMI_NOT_V2');
  const quirky = bmc.client({ quirks: { neverV15: true } });
  assert.equal((await failure(bmc, quirky.run(getDeviceId(), never))).code, 'IPMI_NOT_V2');
  await done(bmc, client, strict, quirky);

  const both = await virtualBmc({ v15: { types: ['md5'], perMessageAuth: true, only: false } });
  const modern = both.client();
  await runClock(both.clock, modern.run(getDeviceId(), never));
  assert.equal(modern.suite, 17, '2.0 is spoken where it is offered');
  // The same address suddenly answers like a board of 2002: somebody may want to see an MD5 login.
  await both.server.close();
  const fake = await virtualBmc({ ...old(), listen: both.net.listen });
  const error = await failure(both, modern.run(getDeviceId(), never));
  assert.equal(error.code, 'IPMI_NOT_V2');
  await done(both, modern);
  await fake.server.close();
});

test('ipmi 1: the password is never sent in the clear unless somebody asked for IPMI 1.5', async () => {
  const bmc = await virtualBmc(old({ types: ['password', 'none'] }));
  const sent: string[] = [];
  bmc.net.tap = (bytes) => (sent.push(Buffer.from(bytes).toString('latin1')), 'pass');
  const client = bmc.client();
  const error = await failure(bmc, client.run(getDeviceId(), never));
  assert.equal(error.code, 'IPMI_WEAK_AUTH');
  assert.match(error.message, /only: none, password/);
  assert.match(error.hint, /\?protocol=1\.5/);
  assert.ok(!sent.join().includes('secret'));
  await done(bmc, client);
});

test('ipmi 1: a BMC that does not answer the IPMI 2.0 bit, or refuses it, is asked without', async () => {
  for (const silent of [true, false]) {
    const bmc = await virtualBmc(old());
    bmc.net.tap = (bytes, direction) => {
      const datagram = decodeDatagram(bytes);
      const asks = datagram.kind === 'v1.5' && datagram.payload[5] === 0x38 && (datagram.payload[6] ?? 0) >= 0x80;
      if (direction === 'to-server' && asks) {
        if (silent) return 'drop';
        // Another channel, with the bit that old boards take for a part of it: "parameter out of range".
        bytes[20] = 0x8c;
        bytes[22] = ((bytes[22] ?? 0) + 2) & 0xff;
      }
      return 'pass';
    };
    const client = bmc.client();
    await runClock(bmc.clock, client.run(getDeviceId(), never));
    assert.equal(client.protocol, 'IPMI 1.5, authentication md5');
    await done(bmc, client);
  }
});

test('IPMI 1.5 without per-message authentication: the type of the Activate answer is adopted', async () => {
  const bmc = await virtualBmc(old({ perMessageAuth: false }));
  const client = bmc.client();
  let unsigned = 0;
  bmc.net.tap = (bytes) => {
    if (inSession(bytes) && bytes[4] === 0) unsigned++;
    return 'pass';
  };
  await runClock(bmc.clock, client.run(chassisControl('power-up'), never));
  assert.equal(bmc.chassis.power, 'on');
  assert.ok(unsigned >= 4, `${unsigned} unsigned packets`);
  await done(bmc, client);
});

test('IPMI 1.5: replies with a wrong or missing code are dropped; with the quirk the unsigned ones are taken', async () => {
  for (const unsignedReplies of [false, true]) {
    const bmc = await virtualBmc(old());
    const client = bmc.client({ quirks: { unsignedReplies } }, { timeoutMs: 100, timeoutStepMs: 0 });
    await runClock(bmc.clock, client.run(getDeviceId(), never));
    bmc.net.tap = (bytes, direction) => {
      // Signed with another password: one bit of the code is enough.
      if (direction === 'to-client' && inSession(bytes) && bytes[4] === 2) bytes[13] = (bytes[13] ?? 0) ^ 1;
      return 'pass';
    };
    const error = await failure(bmc, client.run(getDeviceId(), never));
    assert.ok(['IPMI_SESSION_LOST', 'IPMI_AUTH_FAILED'].includes(error.code), error.code);
    // An empty code, as Xyratex sends it.
    bmc.net.tap = (bytes, direction) => {
      if (direction === 'to-client' && activated(bytes)) bytes.fill(0, 13, 29);
      return 'pass';
    };
    const asked = client.run(getDeviceId(), never);
    if (unsignedReplies) await runClock(bmc.clock, asked);
    else await failure(bmc, asked);
    bmc.net.tap = () => 'pass';
    await done(bmc, client);
  }
});

/** Is it an MD5 packet of an open session, Activate Session and its answer aside? */
function activated(bytes: Uint8Array): boolean {
  const datagram = decodeDatagram(bytes);
  return datagram.kind === 'v1.5' && datagram.auth === 'md5' && datagram.payload[5] !== 0x3a;
}

test('ipmi 2: IPMI 1.5 logins: operator, unknown user, wrong password, long password', async () => {
  const bmc = await virtualBmc(old());
  const operator = bmc.client({ username: 'oper', password: 'operpass' });
  await runClock(bmc.clock, operator.run(chassisControl('power-up'), never));
  const nobody = bmc.client({ username: 'nobody' });
  assert.match((await failure(bmc, nobody.run(getDeviceId(), never))).message, /does not know this user name: 0x81/);
  const wrong = bmc.client({ password: 'wrong' });
  const error = await failure(bmc, wrong.run(getDeviceId(), never));
  assert.deepEqual([error.code, /silent after Activate Session/.test(error.message)], ['IPMI_AUTH_FAILED', true]);
  const long = bmc.client({ password: 'seventeen-letters' });
  assert.equal((await failure(bmc, long.run(getDeviceId(), never))).code, 'IPMI_PASSWORD_TOO_LONG');
  await done(bmc, operator, nobody, wrong, long);
});

test('ipmi 3: IPMI 1.5: each step of the login lost once, a request lost, answers twice', async () => {
  for (const cmd of [0x38, 0x39, 0x3a]) {
    for (const direction of ['to-server', 'to-client']) {
      const bmc = await virtualBmc({ ...old(), faults: { sent: () => 'twice', received: () => 'twice' } });
      let lost = 0;
      bmc.net.tap = (bytes, d) => {
        const datagram = decodeDatagram(bytes);
        const hit = datagram.kind === 'v1.5' && datagram.payload[5] === cmd && d === direction;
        return hit && lost++ === 0 ? 'drop' : 'pass';
      };
      const client = bmc.client();
      await runClock(bmc.clock, client.run(chassisControl('power-up'), never));
      assert.equal(client.protocol, 'IPMI 1.5, authentication md5');
      let dropped = 0;
      bmc.net.tap = (_, d) => (d === direction && dropped++ < 2 ? 'drop' : 'pass');
      await runClock(bmc.clock, client.run(chassisControl('power-down'), never));
      assert.deepEqual(bmc.chassis.controls, ['power-up', 'power-down']);
      await done(bmc, client);
    }
  }
});

test('ipmi 4: IPMI 1.5: a BMC that restarts is logged in to again; no free session is waited for', async () => {
  const bmc = await virtualBmc({ ...old(), limits: { sessions: 1 } });
  const client = bmc.client();
  await runClock(bmc.clock, client.run(getDeviceId(), never));
  await bmc.restart();
  await runClock(bmc.clock, client.run(getDeviceId(), never));
  assert.equal(bmc.server.sessions, 1);
  const second = bmc.client();
  assert.equal((await failure(bmc, second.run(getDeviceId(), never))).code, 'IPMI_BUSY');
  await done(bmc, client, second);
});
