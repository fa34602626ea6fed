/** Hostile packets for both sides of IPMI: more than a million mutated captures, one seed, no crash, no growth. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { FakeClock } from '../../src/core/clock.ts';
import { IngotError } from '../../src/core/errors.ts';
import { silentLogger } from '../../src/core/log.ts';
import { decodeSendMessage } from '../../src/ipmi/bridge.ts';
import { IpmiClient } from '../../src/ipmi/client.ts';
import { getDeviceId } from '../../src/ipmi/commands/app/device-id.ts';
import { getSystemGuid } from '../../src/ipmi/commands/app/guid.ts';
import { getAuthCapabilities } from '../../src/ipmi/commands/session/auth-capabilities.ts';
import { closeSession } from '../../src/ipmi/commands/session/close.ts';
import { setSessionPrivilege } from '../../src/ipmi/commands/session/privilege.ts';
import { decodeBootFlags } from '../../src/ipmi/commands/chassis/boot-flags.ts';
import { getBootOption } from '../../src/ipmi/commands/chassis/get-boot-option.ts';
import { getChassisStatus } from '../../src/ipmi/commands/chassis/status.ts';
import { activateSession, decodeActivateRequest, encodeActivated } from '../../src/ipmi/commands/session/activate.ts';
import {
  decodeChallengeRequest,
  encodeChallenge,
  getSessionChallenge,
} from '../../src/ipmi/commands/session/challenge.ts';
import { decryptPayload, sessionKeys } from '../../src/ipmi/crypto.ts';
import * as handshake from '../../src/ipmi/handshake.ts';
import {
  type LanMessage,
  decodeLanMessage,
  encodeLanMessage,
  requestMessage,
  responseMessage,
} from '../../src/ipmi/lan-message.ts';
import { V15_AUTH_NUMBER, encodeV15Session } from '../../src/ipmi/packet-v15.ts';
import { decodeDatagram, openV20 } from '../../src/ipmi/packet.ts';
import { ServerCommands } from '../../src/ipmi/server-commands.ts';
import { plausibleModel } from '../../src/ipmi/server-model.ts';
import { startIpmiServer } from '../../src/ipmi/server.ts';
import { decodeSuiteIds, suiteById } from '../../src/ipmi/suites.ts';
import type { UdpHandlers } from '../../src/ipmi/udp.ts';
import { utf8Bytes } from '../../src/wire/hex.ts';
import { ByteReader } from '../../src/wire/reader.ts';
import { FakeChassis } from '../support/fake-chassis.ts';
import { ipmiCaptures } from '../support/ipmi-capture.ts';
import { mutator, seededRandom } from '../support/mutate.ts';
import { runClock } from '../support/run-clock.ts';

const DECODER_RUNS = 1_000_000;
const SERVER_RUNS = 150_000;
const CLIENT_RUNS = 60_000;
const V15_POLICIES = ['if-only', 'always', 'never'] as const;
const OEM_AUTHS = [undefined, 'supermicro', 'quanta'] as const;
const COMMAND_RUNS = 60_000;

const suite = suiteById(17);
assert.ok(suite);
const KEYS = sessionKeys(suite, new Uint8Array(32).fill(3), new Uint8Array(0));
/** IPMI 1.5, of which there are no captures: requests and answers of a login and of a session, for each type. */
const old = (['none', 'md2', 'md5', 'password', 'oem'] as const).flatMap((auth) => {
  const sixteen = new Uint8Array(16).fill(9);
  const password = utf8Bytes('secret');
  const challenge = getSessionChallenge(auth, utf8Bytes('admin'));
  const activate = activateSession({
    authNumber: V15_AUTH_NUMBER[auth],
    privilege: 4,
    challenge: sixteen,
    firstFromBmc: 1,
  });
  const answers = [
    encodeChallenge({ temporaryId: 7, challenge: sixteen }),
    encodeActivated({ authNumber: V15_AUTH_NUMBER[auth], sessionId: 8, firstToBmc: 2, privilege: 4 }),
  ];
  const requests = [challenge, activate, getChassisStatus()].map(({ netFn, cmd, data }, i) =>
    requestMessage(netFn, cmd, i + 1, data),
  );
  const packet = (message: LanMessage, i: number) =>
    encodeV15Session(
      { auth: i === 0 ? 'none' : auth, sequence: i, sessionId: i * 7, payload: encodeLanMessage(message) },
      password,
    );
  return [
    ...requests.map((m, i) => ({ from: 'console' as const, bytes: packet(m, i) })),
    ...answers.flatMap((data, i) => {
      const request = requests[i];
      return request === undefined
        ? []
        : [{ from: 'bmc' as const, bytes: packet(responseMessage(request, 0, data), i) }];
    }),
  ];
});
const packets = [...ipmiCaptures().flatMap((c) => c.packets), ...old];
const all = packets.map((p) => p.bytes);

/** Runs `work`; our own errors are the right answer to garbage, anything else is a defect. */
function survives(work: () => unknown, input: Uint8Array, what: string): boolean {
  try {
    work();
    return true;
  } catch (error) {
    if (error instanceof IngotError) return false;
    throw new Error(`${what} broke on ${Buffer.from(input).toString('hex')}`, { cause: error });
  }
}

const PAYLOAD_DECODERS: readonly ((b: Uint8Array) => unknown)[] = [
  decodeLanMessage,
  handshake.decodeOpenSessionRequest,
  handshake.decodeOpenSessionResponse,
  handshake.decodeRakp1,
  handshake.decodeRakp2,
  handshake.decodeRakp3,
  handshake.decodeRakp4,
  decodeChallengeRequest,
  decodeActivateRequest,
  decodeSuiteIds,
  decodeBootFlags,
  decodeSendMessage,
  (b) => decryptPayload(KEYS, b),
  ...[
    getDeviceId(),
    getAuthCapabilities(4),
    setSessionPrivilege(4),
    closeSession(1),
    getSystemGuid(),
    getBootOption(5),
    getChassisStatus(),
  ].map((command) => (b: Uint8Array) => command.parse(new ByteReader(b))),
];

test(`${DECODER_RUNS} mutated captures through the decoders of both sides`, () => {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  const next = mutator(all, 20261);
  let decoded = 0;
  let deeper = 0;
  for (let i = 0; i < DECODER_RUNS; i++) {
    const bytes = next();
    survives(
      () => {
        const datagram = decodeDatagram(bytes);
        decoded++;
        if (datagram.kind === 'asf') return;
        if (datagram.kind === 'v2.0') survives(() => openV20(datagram, KEYS), bytes, 'openV20');
        const decode = PAYLOAD_DECODERS[i % PAYLOAD_DECODERS.length];
        if (decode !== undefined && survives(() => decode(datagram.payload), bytes, 'payload decoder')) deeper++;
      },
      bytes,
      'decodeDatagram',
    );
  }
  Error.stackTraceLimit = limit;
  // The mutations must reach the inside, not bounce off the first byte.
  assert.ok(decoded > DECODER_RUNS / 4, `${decoded} passed the outer decoder`);
  assert.ok(deeper > DECODER_RUNS / 20, `${deeper} passed an inner decoder`);
});

test(`${SERVER_RUNS} mutated console packets to a server: it lives, its sessions stay bounded`, async () => {
  const clock = new FakeClock();
  let handlers: UdpHandlers | undefined;
  let replies = 0;
  const chassis = new FakeChassis();
  const server = await startIpmiServer({
    address: '192.0.2.1',
    port: 623,
    users: [{ name: 'admin', password: 'secret', privilege: 'administrator' }],
    guid: new Uint8Array(16),
    chassis,
    deviceId: { deviceId: 1, manufacturerId: 2, productId: 3 },
    v15: { types: ['none', 'md2', 'md5', 'password', 'oem'], perMessageAuth: true, only: false },
    faults: { quirks: { oemAuth: 'supermicro' } },
    clock,
    random: seededRandom(1),
    log: silentLogger,
    listen: async (_, given) => {
      handlers = given;
      return { port: 623, send: () => void replies++, close: () => {} };
    },
  });
  const next = mutator(
    packets.filter((p) => p.from === 'console').map((p) => p.bytes),
    20262,
  );
  for (let i = 0; i < SERVER_RUNS; i++) {
    handlers?.message(next(), { address: '192.0.2.9', port: 1000 + (i % 1000) });
    if (i % 500 === 0) await clock.advance(10);
    assert.ok(server.sessions <= 15);
  }
  await clock.advance(120_000);
  assert.ok(replies > SERVER_RUNS / 100, `${replies} replies`);
  assert.equal(server.sessions, 0);
  assert.deepEqual(chassis.controls, [], 'nothing ran without a login');
  await server.close();
});

test(`${CLIENT_RUNS} mutated BMC packets to a client that logs in: it gives up in order`, async () => {
  const clock = new FakeClock();
  const next = mutator(
    packets.filter((p) => p.from === 'bmc').map((p) => p.bytes),
    20263,
  );
  const count = { fed: 0, logins: 0 };
  let open = 0;
  const connect = async (_: unknown, handlers: UdpHandlers) => {
    open++;
    return {
      port: 1,
      send: () => {
        for (let i = 0; i < 250; i++, count.fed++) handlers.message(next(), { address: '192.0.2.1', port: 623 });
      },
      close: () => void open--,
    };
  };
  while (count.fed < CLIENT_RUNS) {
    const v15 = V15_POLICIES[count.logins % V15_POLICIES.length] ?? 'never';
    const oemAuth = OEM_AUTHS[Math.floor(count.logins++ / V15_POLICIES.length) % OEM_AUTHS.length];
    const loose = { zeroSessionIds: true, anySequence: true, unsignedReplies: true, ignoreChecksums: true };
    const quirks = { ...loose, ...(oemAuth === undefined ? {} : { oemAuth }) };
    const target = { host: '192.0.2.1', port: 623, username: 'admin', password: 'secret', v15, quirks };
    const client = new IpmiClient(target, { clock, random: seededRandom(2), log: silentLogger, connect });
    const running = client.run(getDeviceId(), new AbortController().signal).catch((e: unknown) => e);
    const { value: outcome } = await runClock(clock, running);
    assert.ok(outcome instanceof IngotError, String(outcome));
    await client.close();
  }
  assert.equal(open, 0);
  assert.equal(clock.waiting, 0, 'no timer left behind');
});

test(`${COMMAND_RUNS} random requests inside a session: always a completion code`, async () => {
  const random = seededRandom(20264);
  const chassis = new FakeChassis();
  const suites = [suite];
  const parts = {
    chassis,
    deviceId: { deviceId: 1, manufacturerId: 2, productId: 3 },
    guid: new Uint8Array(16),
    suites,
    faults: {},
    satellites: [{ channel: 0, address: 0x72, run: () => Promise.resolve({ completion: 0 }) }],
    capabilities: { v2: true, v15: true, types: ['md5' as const], kgSet: false, perMessageAuth: true },
    log: silentLogger,
    clock: new FakeClock(),
    model: plausibleModel({ clock: new FakeClock(), users: [] }),
  };
  const commands = new ServerCommands(parts);
  const sender = {
    privilege: 4,
    limit: 4,
    user: { name: 'a', password: 'b', privilege: 'administrator' },
    bmcSessionId: 9,
  };
  const { known } = commands;
  const codes = new Set<number>();
  for (let i = 0; i < COMMAND_RUNS; i++) {
    const { netFn, cmd } = known[i % known.length] ?? { netFn: 0, cmd: 0 };
    const data = Uint8Array.from({ length: Math.floor(random() * 8) }, () => Math.floor(random() * 256));
    const request = { netFn, cmd, sequence: 1, data, to: 0x20, from: 0x81 };
    const answer = await commands.run(request, sender as Parameters<ServerCommands['run']>[1]);
    assert.ok(answer.completion >= 0 && answer.completion <= 0xff);
    assert.ok((answer.data?.length ?? 0) <= 72);
    codes.add(answer.completion);
  }
  assert.ok(codes.size >= 4 && !codes.has(0xff), [...codes].join(' '));
});
