/** Each departure on the wire, played by our server or on the way: without its quirk the login or the command fails. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { chassisControl } from '../../src/ipmi/commands/chassis/control.ts';
import type { IpmiTarget } from '../../src/ipmi/client.ts';
import { decodeDatagram } from '../../src/ipmi/packet.ts';
import type { IpmiServerOptions } from '../../src/ipmi/server.ts';
import type { WireQuirks } from '../../src/ipmi/wire-quirks.ts';
import { done, failure, inSession, never } from '../support/ipmi-kit.ts';
import type { Tap } from '../support/memory-udp.ts';
import { runClock } from '../support/run-clock.ts';
import { virtualBmc } from '../support/virtual-bmc.ts';

interface Case {
  quirk: keyof WireQuirks;
  /** How the server departs. */
  server?: Partial<IpmiServerOptions>;
  /** What happens to packets on the way. */
  tap?: Tap;
  target?: Partial<IpmiTarget>;
  /** The code without the quirk; `none`: it works too, by another way. */
  without: string;
}

const LONG = 'eighteen-characters';
const long = { users: [{ name: 'admin', password: LONG, privilege: 'administrator' as const }] };
const played = (quirks: WireQuirks) => ({ faults: { quirks } });

/** Offsets in an unsigned RMCP+ packet: session id, sequence. */
const [ID, SEQUENCE] = [6, 10];

const CASES: readonly Case[] = [
  {
    quirk: 'rakp4ByIntegrity',
    server: { suites: [1], ...played({ rakp4ByIntegrity: true }) },
    // The suites whose two hashes differ: without integrity no check value comes at all.
    target: { suites: [1] },
    without: 'IPMI_AUTH_FAILED',
  },
  { quirk: 'bareRoleInRakp3', server: played({ bareRoleInRakp3: true }), without: 'IPMI_AUTH_FAILED' },
  { quirk: 'bareRole', server: played({ bareRole: true }), without: 'IPMI_AUTH_FAILED' },
  { quirk: 'fullRakp1', server: played({ fullRakp1: true }), without: 'IPMI_LOGIN_SILENT' },
  {
    quirk: 'paddedName',
    tap: (bytes, direction) => {
      // A RAKP 1 with a name shorter than its field is not understood.
      const datagram = decodeDatagram(bytes);
      const rakp1 = datagram.kind === 'v2.0' && datagram.payloadType === 0x12 && direction === 'to-server';
      return rakp1 && datagram.payload[27] !== 16 ? 'drop' : 'pass';
    },
    server: played({ paddedName: true }),
    without: 'IPMI_LOGIN_SILENT',
  },
  {
    quirk: 'md5Password16',
    server: { ...long, suites: [8], ...played({ md5Password16: true }) },
    target: { password: LONG },
    without: 'IPMI_AUTH_FAILED',
  },
  {
    quirk: 'password16',
    server: { ...long, ...played({ password16: true }) },
    target: { password: LONG },
    without: 'IPMI_AUTH_FAILED',
  },
  { quirk: 'noNameOnlyLookup', server: played({ noNameOnlyLookup: true }), without: 'none' },
  {
    quirk: 'askHighest',
    server: played({ askHighest: true }),
    target: { suites: [17] },
    without: 'IPMI_NO_SUITE',
  },
  {
    quirk: 'ignoreChecksums',
    target: { suites: [1] },
    tap: (bytes, direction) => {
      if (direction === 'to-client' && inSession(bytes)) bytes[bytes.length - 1] = 0x55;
      return 'pass';
    },
    server: { suites: [1] },
    without: 'IPMI_SESSION_LOST',
  },
  {
    quirk: 'zeroSessionIds',
    target: { suites: [1] },
    tap: (bytes, direction) => {
      if (direction === 'to-client' && inSession(bytes)) bytes.fill(0, ID, ID + 4);
      return 'pass';
    },
    server: { suites: [1] },
    without: 'IPMI_SESSION_LOST',
  },
  {
    quirk: 'anySequence',
    target: { suites: [1] },
    tap: (bytes, direction) => {
      if (direction === 'to-client' && inSession(bytes)) bytes.subarray(SEQUENCE, SEQUENCE + 4).reverse();
      return 'pass';
    },
    server: { suites: [1] },
    without: 'IPMI_SESSION_LOST',
  },
  {
    quirk: 'noAuthentication',
    server: { suites: [0] },
    target: { password: 'whatever' },
    without: 'IPMI_NO_SUITE',
  },
  {
    quirk: 'neverV15',
    server: {},
    without: 'none',
  },
];

for (const { quirk, server = {}, tap, target = {}, without } of CASES) {
  test(`quirk ${quirk}: needed where the board has it`, async () => {
    for (const quirks of [{}, { [quirk]: true }]) {
      const bmc = await virtualBmc(server);
      if (tap !== undefined) bmc.net.tap = tap;
      const client = bmc.client({ ...target, quirks }, { timeoutMs: 100, timeoutStepMs: 0, maxTimeoutMs: 200 });
      const running = client.run(chassisControl('power-up'), never);
      const wanted = quirk in quirks || without === 'none';
      if (wanted) await runClock(bmc.clock, running);
      else assert.equal((await failure(bmc, running)).code, without);
      assert.equal(bmc.chassis.power, wanted ? 'on' : 'off');
      await done(bmc, client);
    }
  });
}

test('quirk padWithoutTrailer: the signed length without the last two bytes is a multiple of four', async () => {
  for (const padWithoutTrailer of [false, true]) {
    const bmc = await virtualBmc({ suites: [2] });
    const client = bmc.client({ suites: [2], quirks: { padWithoutTrailer } });
    const remainders = new Set<number>();
    bmc.net.tap = (bytes, direction) => {
      if (direction === 'to-server' && inSession(bytes)) remainders.add((bytes.length - 4 - 12) % 4);
      return 'pass';
    };
    await runClock(bmc.clock, client.run(chassisControl('power-up'), never));
    assert.deepEqual([...remainders], [padWithoutTrailer ? 2 : 0]);
    await done(bmc, client);
  }
});

test('ipmi 1: suite 0 is refused without the quirk even when it is asked for, and warned of with it', async () => {
  const bmc = await virtualBmc({ suites: [0, 17] });
  assert.throws(() => bmc.client({ suites: [0] }), { code: 'IPMI_NO_SUITE' });
  const client = bmc.client({ suites: [0], password: 'not it', quirks: { noAuthentication: true } });
  await runClock(bmc.clock, client.run(chassisControl('power-up'), never));
  assert.equal(client.suite, 0);
  assert.match(bmc.lines.find((l) => l.level === 'warn')?.message ?? '', /without any password/);
  const usual = bmc.client({ quirks: { noAuthentication: true } });
  await runClock(bmc.clock, usual.run(chassisControl('power-down'), never));
  assert.equal(usual.suite, 17, 'it is the last to be tried');
  await done(bmc, client, usual);
});

test('codes longer than their hash, and miscounted lengths: the code counts, no quirk is needed', async () => {
  const bmc = await virtualBmc({ faults: { extraCodeBytes: 1 } });
  bmc.net.tap = (bytes) => {
    const datagram = decodeDatagram(bytes);
    // The length of RAKP 2 and 4, too large or too small by one.
    if (datagram.kind === 'v2.0' && datagram.payloadType === 0x13) bytes[14] = (bytes[14] ?? 0) + 1;
    if (datagram.kind === 'v2.0' && datagram.payloadType === 0x15) bytes[14] = (bytes[14] ?? 0) - 1;
    return 'pass';
  };
  const client = bmc.client();
  await runClock(bmc.clock, client.run(chassisControl('power-up'), never));
  assert.equal(client.suite, 17);
  await done(bmc, client);
});

test('ipmi 3: a BMC that counts in twos or loses most of its answers stays in the window', async () => {
  const bmc = await virtualBmc({ suites: [1] });
  const client = bmc.client({ suites: [1] });
  bmc.net.tap = (bytes, direction) => {
    if (direction === 'to-client' && inSession(bytes)) {
      const view = new DataView(bytes.buffer, bytes.byteOffset);
      view.setUint32(SEQUENCE, view.getUint32(SEQUENCE, true) * 2, true);
    }
    return 'pass';
  };
  for (let i = 0; i < 40; i++) await runClock(bmc.clock, client.run(chassisControl('power-up'), never));
  assert.equal(bmc.net.clientPorts.length, 1, 'never lost');
  await done(bmc, client);
});
