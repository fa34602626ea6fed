/** What the address, the Secret and the annotation of a host make of an IPMI login. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { parseBmcAddress } from '../../src/bmc/address.ts';
import { ipmiTarget } from '../../src/bmc/ipmi-target.ts';
import { openBmc } from '../../src/bmc/open.ts';
import { IngotError } from '../../src/core/errors.ts';
import { memoryLogger } from '../../src/core/log.ts';
import { toHex } from '../../src/wire/hex.ts';
import { failure, never } from '../support/ipmi-kit.ts';
import { runClock } from '../support/run-clock.ts';
import { type VirtualBmc, virtualBmc } from '../support/virtual-bmc.ts';

type Options = Partial<Parameters<typeof openBmc>[0]>;

function open(virtual: VirtualBmc, change: Options = {}) {
  return openBmc({
    address: 'ipmi://192.0.2.1',
    credentials: { username: 'admin', password: 'secret' },
    disableCertificateVerification: false,
    doors: { clock: virtual.clock, random: () => 0.5, log: memoryLogger(virtual.lines), connect: virtual.net.connect },
    ...change,
  });
}

async function codeOf(virtual: VirtualBmc, change: Options): Promise<string> {
  const bmc = open(virtual, change);
  try {
    return (await failure(virtual, bmc.verify(never))).code;
  } finally {
    await runClock(virtual.clock, bmc.close());
  }
}

const target = (address: string, kg?: string, preferred?: number) =>
  ipmiTarget(
    parseBmcAddress(address),
    { username: 'admin', password: 'secret', ...(kg === undefined ? {} : { kg }) },
    {},
    preferred,
  );

test('ipmi 2: the BMC key: 40 hexadecimal digits, with 0x as well, or a text; anything longer is refused unseen', () => {
  const hex = '0102030405060708090a0b0c0d0e0f1011121314';
  assert.equal(toHex(target('ipmi://a', hex).kg ?? new Uint8Array(0)), hex);
  assert.equal(toHex(target('ipmi://a', `0x${hex.toUpperCase()}`).kg ?? new Uint8Array(0)), hex);
  assert.equal(toHex(target('ipmi://a', 'key').kg ?? new Uint8Array(0)), `6b6579${'00'.repeat(17)}`);
  assert.equal(target('ipmi://a').kg, undefined);
  assert.throws(
    () => target('ipmi://a', 'a key of more than twenty'),
    (e) => e instanceof IngotError && e.code === 'BMC_CREDENTIALS_INVALID' && !e.message.includes('twenty'),
  );
});

test('ipmi 2: two-key logins with the key of the Secret, and what is said without it', async () => {
  const kg = new Uint8Array(20).fill(0x42);
  const virtual = await virtualBmc({ kg });
  const credentials = { username: 'admin', password: 'secret', kg: 'B'.repeat(20) };
  const bmc = open(virtual, { credentials });
  await runClock(virtual.clock, bmc.verify(never));
  await runClock(virtual.clock, bmc.close());
  assert.equal(await codeOf(virtual, {}), 'BMC_AUTH_FAILED');
  assert.equal(await codeOf(virtual, { credentials: { ...credentials, kg: '42' } }), 'BMC_AUTH_FAILED');
  await virtual.server.close();
});

test('ipmi 2: passwords of 16 and 20 bytes; one of 21 is refused at once, also for umlauts', async () => {
  for (const password of ['sixteen-letters!', 'twenty-letters-long!', 'zwölf Übergrößen']) {
    const virtual = await virtualBmc({ users: [{ name: 'admin', password, privilege: 'administrator' }] });
    const bmc = open(virtual, { credentials: { username: 'admin', password } });
    await runClock(virtual.clock, bmc.verify(never));
    await runClock(virtual.clock, bmc.close());
    await virtual.server.close();
  }
  const virtual = await virtualBmc();
  for (const password of ['twenty-one-characters', 'zwölf große Überhänge']) {
    assert.throws(() => open(virtual, { credentials: { username: 'admin', password } }), {
      code: 'BMC_CREDENTIALS_INVALID',
      message: /longer than the 20 bytes/,
    });
  }
  await virtual.server.close();
});

test('ipmi 2: passwords of digits alone, with leading zeros, of spaces, and none at all: as they are, in 2.0 and in 1.5', async () => {
  const v15 = { types: ['md5' as const], perMessageAuth: true, only: false };
  for (const password of ['12345678', '007', ' ', '']) {
    for (const query of ['', '?protocol=1.5']) {
      const virtual = await virtualBmc({ users: [{ name: 'admin', password, privilege: 'administrator' }], v15 });
      const bmc = open(virtual, { address: `ipmi://192.0.2.1${query}`, credentials: { username: 'admin', password } });
      await runClock(virtual.clock, bmc.verify(never));
      await runClock(virtual.clock, bmc.close());
      const other = open(virtual, {
        address: `ipmi://192.0.2.1${query}`,
        credentials: { username: 'admin', password: password === '007' ? '7' : `${password}0` },
      });
      assert.equal((await failure(virtual, other.verify(never))).code, 'BMC_AUTH_FAILED', `"${password}" ${query}`);
      await runClock(virtual.clock, other.close());
      await virtual.server.close();
    }
  }
});

test('ipmi 2: a password of more than 16 bytes where IPMI 1.5 is spoken: told as such, nothing of it is sent', async () => {
  const v15 = { types: ['md5' as const, 'password' as const], perMessageAuth: true, only: true };
  const password = 'seventeen-letters';
  const virtual = await virtualBmc({ users: [{ name: 'admin', password, privilege: 'administrator' }], v15 });
  for (const address of ['ipmi://192.0.2.1', 'ipmi://192.0.2.1?protocol=1.5']) {
    let challenges = 0;
    virtual.net.tap = (bytes, direction) => {
      if (direction === 'to-server' && bytes.includes(0x39)) challenges++;
      return 'pass';
    };
    const bmc = open(virtual, { address, credentials: { username: 'admin', password } });
    const error = await failure(virtual, bmc.verify(never));
    assert.equal(error.code, 'BMC_CREDENTIALS_INVALID');
    assert.match(error.message, /longer than the 16 bytes of IPMI 1\.5/);
    assert.equal(challenges, 0);
    await runClock(virtual.clock, bmc.close());
  }
  await virtual.server.close();
});

test('ipmi 1: ?ciphersuite= is spoken and no other; 0 needs its quirk', async () => {
  assert.deepEqual(target('ipmi://a?ciphersuite=3').suites, [3]);
  assert.equal(target('ipmi://a').suites, undefined);
  for (const wrong of ['4', '3,17', 'x', '']) {
    assert.throws(() => target(`ipmi://a?ciphersuite=${wrong}`), {
      code: 'BMC_ADDRESS_INVALID',
      message: /none of 0, 1/,
    });
  }
  const virtual = await virtualBmc({ suites: [3, 17] });
  for (const suite of [3, 17]) {
    const bmc = open(virtual, { address: `ipmi://192.0.2.1?ciphersuite=${suite}` });
    assert.equal((await runClock(virtual.clock, bmc.verify(never))).value.cipherSuite, suite);
    await runClock(virtual.clock, bmc.close());
  }
  const other = open(virtual, { address: 'ipmi://192.0.2.1?ciphersuite=8' });
  assert.equal((await failure(virtual, other.verify(never))).code, 'BMC_INCOMPATIBLE');
  await runClock(virtual.clock, other.close());
  assert.throws(() => open(virtual, { address: 'ipmi://192.0.2.1?ciphersuite=0' }), { code: 'BMC_INCOMPATIBLE' });
  await virtual.server.close();
});

test('ipmi 2: the null user', async () => {
  const virtual = await virtualBmc({ users: [{ name: '', password: 'secret', privilege: 'operator' }] });
  const bmc = open(virtual, { credentials: { username: '', password: 'secret' } });
  await runClock(virtual.clock, bmc.verify(never));
  await runClock(virtual.clock, bmc.close());
  await virtual.server.close();
});

test('ipmi 2: ?privilegelevel= is asked for as it is; a lower one in force is told', async () => {
  assert.equal(target('ipmi://a?privilegelevel=OPERATOR').privilege, 3);
  assert.equal(target('ipmi://a').privilege, 4);
  assert.throws(() => target('ipmi://a?privilegelevel=root'), /none of CALLBACK, USER, OPERATOR, ADMINISTRATOR/);
  const virtual = await virtualBmc();
  const bmc = open(virtual, { credentials: { username: 'oper', password: 'operpass' } });
  await runClock(virtual.clock, bmc.setPower('on', never));
  const warning = virtual.lines.find((l) => l.message === 'IPMI session has less privilege than wanted');
  assert.deepEqual([warning?.fields['wanted'], warning?.fields['has']], ['administrator', 'operator']);
  await runClock(virtual.clock, bmc.close());
  await virtual.server.close();
});

test('ipmi 2: a BMC that looks up name and level together is logged in to, as administrator', async () => {
  const virtual = await virtualBmc({ faults: { quirks: { noNameOnlyLookup: true } } });
  const bmc = open(virtual);
  await runClock(virtual.clock, bmc.setPower('on', never));
  assert.equal(virtual.lines.filter((l) => l.level === 'warn').length, 0);
  await runClock(virtual.clock, bmc.close());
  await virtual.server.close();
});

test('?protocol=: 1.5 when asked for, never when 2.0 is demanded or was spoken before', async () => {
  assert.equal(target('ipmi://a?protocol=1.5').v15, 'always');
  assert.equal(target('ipmi://a?protocol=2.0').v15, 'never');
  assert.equal(target('ipmi://a').v15, 'if-only');
  assert.equal(target('ipmi://a', undefined, 17).v15, 'never');
  assert.equal(target('ipmi://a?protocol=1.5', undefined, 17).v15, 'always');
  assert.throws(() => target('ipmi://a?protocol=3'), { code: 'BMC_ADDRESS_INVALID' });
  const old = await virtualBmc({ v15: { types: ['password'], perMessageAuth: true, only: true } });
  const weak = open(old);
  const error = await failure(old, weak.verify(never));
  assert.equal(error.code, 'BMC_INCOMPATIBLE');
  assert.match(error.hint, /\?protocol=1\.5/);
  await runClock(old.clock, weak.close());
  const bmc = open(old, { address: 'ipmi://192.0.2.1?protocol=1.5' });
  const { value: info } = await runClock(old.clock, bmc.verify(never));
  assert.equal(info.protocol, 'IPMI 1.5, authentication password');
  assert.equal(info.cipherSuite, undefined);
  await runClock(old.clock, bmc.setPower('on', never));
  assert.equal(old.chassis.power, 'on');
  await runClock(old.clock, bmc.close());
  assert.equal(await codeOf(old, { preferredSuite: 3 }), 'BMC_INCOMPATIBLE');
  await old.server.close();
});

test('ipmi 1: the suite that worked is tried first next time, one that is not known is not', async () => {
  const virtual = await virtualBmc({ suites: [8] });
  const first = open(virtual);
  assert.equal((await runClock(virtual.clock, first.verify(never))).value.cipherSuite, 8);
  await runClock(virtual.clock, first.close());
  for (const [preferredSuite, logins] of [
    [8, 1],
    [4, 3],
  ] as const) {
    const before = virtual.net.clientPorts.length;
    const bmc = open(virtual, { preferredSuite });
    await runClock(virtual.clock, bmc.verify(never));
    assert.equal(virtual.net.clientPorts.length - before, logins);
    await runClock(virtual.clock, bmc.close());
  }
  await virtual.server.close();
});

test('ipmi 1: a BMC that offers suite 0 is reported once its suites are read', async () => {
  const virtual = await virtualBmc({ suites: [0, 1, 2, 3, 6, 7, 8, 11, 12, 15, 16, 17] });
  const bmc = open(virtual);
  const { value: info } = await runClock(virtual.clock, bmc.verify(never));
  assert.match(info.warnings?.[0] ?? '', /cipher suite 0/);
  assert.equal(info.cipherSuite, 17);
  await runClock(virtual.clock, bmc.close());
  await virtual.server.close();
});

test('quirks of the annotation: on the wire, in commands, in the pace; unknown ones are refused', async () => {
  const virtual = await virtualBmc({ faults: { quirks: { rakp4ByIntegrity: true, bareRoleInRakp3: true } } });
  assert.equal(await codeOf(virtual, {}), 'BMC_AUTH_FAILED');
  const bmc = open(virtual, { quirks: ['intelplus', 'bios-setup-ff', 'no-boot-flag-timeout'] });
  const setup = { device: 'bios-setup', persistence: 'once', firmware: 'uefi' } as const;
  await runClock(virtual.clock, bmc.setBootOverride(setup, never));
  // Byte FF has the persistent bit too, as that firmware wants it.
  assert.deepEqual(virtual.chassis.flags, { valid: true, persistent: true, efi: true, device: 'bios-setup' });
  await runClock(virtual.clock, bmc.close());
  assert.throws(() => open(virtual, { quirks: ['intelpuls'] }), { code: 'BMC_QUIRK_UNKNOWN' });
  const redfish = { address: 'redfish://192.0.2.1', quirks: ['-boot-full', 'intelplus'] };
  assert.throws(() => open(virtual, redfish), { code: 'BMC_QUIRK_UNKNOWN', message: /no Redfish quirk "intelplus"/ });
  await virtual.server.close();
});
