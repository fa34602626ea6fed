/**
 * Hostile packets inside sessions that nothing protects (suite 1, IPMI 1.5): every layer above the session meets what a
 * bad BMC, a bad console or somebody between them may send. All ends in a result or in one of our errors, and when the
 * packets are whole again, so is the work.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import type { Bmc } from '../../src/bmc/bmc.ts';
import { openBmc } from '../../src/bmc/open.ts';
import { FakeClock } from '../../src/core/clock.ts';
import { IngotError } from '../../src/core/errors.ts';
import { memoryLogger } from '../../src/core/log.ts';
import { BridgeWatch, decodeSendMessage, wrap } from '../../src/ipmi/bridge.ts';
import { encodeLanMessage, requestMessage, responseMessage } from '../../src/ipmi/lan-message.ts';
import { decodeDatagram } from '../../src/ipmi/packet.ts';
import type { IpmiServerOptions } from '../../src/ipmi/server.ts';
import { plausibleModel } from '../../src/ipmi/server-model.ts';
import type { SdrRecord } from '../../src/ipmi/sdr/record.ts';
import { FakeSerial } from '../support/fake-serial.ts';
import { inSession } from '../support/ipmi-kit.ts';
import { mutator, seededRandom } from '../support/mutate.ts';
import { runClock } from '../support/run-clock.ts';
import { type VirtualBmc, virtualBmc } from '../support/virtual-bmc.ts';

const BRIDGE_RUNS = 200_000;
const ROUNDS = 25;
const never = new AbortController().signal;

test(`${BRIDGE_RUNS} mutated messages to both sides of Send Message`, () => {
  const request = requestMessage(4, 0x2d, 6, Uint8Array.of(5));
  const outer = wrap(request, [
    { channel: 0, address: 0x82 },
    { channel: 7, address: 0x72 },
  ]);
  const answer = responseMessage(request, 0, Uint8Array.of(0x37, 0x40, 0xc0));
  const corpus = [outer.data, encodeLanMessage(answer), encodeLanMessage(responseMessage(outer, 0, outer.data))];
  const next = mutator(corpus, 20281);
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  let understood = 0;
  for (let i = 0; i < BRIDGE_RUNS; i++) {
    const bytes = next();
    try {
      if (i % 2 === 0) decodeSendMessage(bytes);
      else new BridgeWatch(request, i % 3 === 0).see(responseMessage(outer, 0, bytes));
      understood++;
    } catch (error) {
      assert.ok(error instanceof IngotError, Buffer.from(bytes).toString('hex'));
    }
  }
  Error.stackTraceLimit = limit;
  assert.ok(understood > BRIDGE_RUNS / 20, `${understood} were understood`);
});

const clock = new FakeClock();
const PLAUSIBLE = plausibleModel({ clock, users: [] });
const [FIRST] = PLAUSIBLE.sdrs;
/** A sensor of the controller behind the BMC. */
const BRIDGED: readonly SdrRecord[] = FIRST?.kind === 'full' ? [{ ...FIRST, id: 50, owner: 0x72, name: 'behind' }] : [];

const COMMON: Partial<IpmiServerOptions> = {
  model: { ...PLAUSIBLE, sdrs: [...PLAUSIBLE.sdrs, ...BRIDGED] },
  satellites: [
    { channel: 0, address: 0x72, deviceId: { deviceId: 1, manufacturerId: 2, productId: 3 }, model: PLAUSIBLE },
  ],
};
const v15 = (...types: ('none' | 'oem')[]) => ({ types, perMessageAuth: true, only: true });
const MODES: readonly [name: string, options: Partial<IpmiServerOptions>, quirks: readonly string[]][] = [
  ['suite 1', { suites: [1] }, []],
  ['IPMI 1.5 without authentication', { v15: v15('none') }, ['no-authentication']],
  [
    'IPMI 1.5 by OEM authentication',
    { v15: v15('oem'), faults: { quirks: { oemAuth: 'supermicro' } } },
    ['supermicro-oem-auth'],
  ],
];

/** What people and the engine do with a BMC. */
const WORK: readonly ((bmc: Bmc, serial: FakeSerial) => Promise<unknown> | undefined)[] = [
  (bmc) => bmc.verify(never),
  (bmc) => bmc.sensing?.sensors(never),
  (bmc) => bmc.eventLog?.entries(5, never),
  (bmc) => bmc.frus?.fru(never),
  (bmc) => bmc.management?.accounts(never),
  (bmc) => bmc.management?.network(never),
  (bmc) => bmc.setBootOverride({ device: 'pxe', persistence: 'once', firmware: 'uefi' }, never),
  (bmc) => bmc.setPower('cycle', never),
  async (bmc, serial) => {
    const stream = await bmc.console?.open(never);
    if (stream === undefined) return;
    serial.print('a line of the machine\n');
    await stream.write(Buffer.from('typed'));
    await stream.sendBreak();
    await stream[Symbol.asyncDispose]();
  },
];

/** Changes a few bytes behind the session header of one packet in `every`, either way. */
function spoiler(seed: number, every: number) {
  const random = seededRandom(seed);
  const number = (below: number) => Math.floor(random() * below);
  const spoiled = { count: 0, on: false };
  return {
    spoiled,
    tap: (bytes: Uint8Array): 'pass' | 'drop' => {
      if (!spoiled.on || !inSession(bytes) || number(every) !== 0) return 'pass';
      spoiled.count++;
      const body = decodeDatagram(bytes);
      if (body.kind === 'asf' || body.payload.length === 0) return 'pass';
      const from = bytes.length - body.payload.length;
      for (let n = 1 + number(3); n > 0; n--) bytes[from + number(bytes.length - from)] = number(256);
      return number(10) === 0 ? 'drop' : 'pass';
    },
  };
}

for (const [index, [name, options, quirks]] of MODES.entries()) {
  test(`${name}: packets spoiled both ways under all that is done with a BMC`, async () => {
    const serial = new FakeSerial();
    const virtual: VirtualBmc = await virtualBmc({ ...COMMON, serial, ...options });
    const { spoiled, tap } = spoiler(20290 + index, 4);
    virtual.net.tap = tap;
    const open = () =>
      openBmc({
        address: 'ipmi://192.0.2.1',
        credentials: { username: 'admin', password: 'secret' },
        disableCertificateVerification: false,
        quirks: [...quirks, 'bad-checksums'],
        doors: {
          clock: virtual.clock,
          random: seededRandom(index),
          log: memoryLogger([]),
          connect: virtual.net.connect,
        },
      });
    let refused = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const bmc = open();
      spoiled.on = true;
      for (const work of WORK) {
        const running = Promise.resolve(work(bmc, serial)).catch((e: unknown) => e);
        const { value } = await runClock(virtual.clock, running);
        if (!(value instanceof Error)) continue;
        assert.ok(value instanceof IngotError, value.stack);
        refused++;
      }
      spoiled.on = false;
      // A BMC may have been told nonsense meanwhile, but it can be worked with.
      await runClock(virtual.clock, bmc.powerState(never));
      await runClock(virtual.clock, bmc.close());
      await virtual.clock.advance(70_000);
      assert.equal(virtual.server.sessions, 0);
      assert.equal(virtual.net.openClients, 0);
    }
    assert.ok(spoiled.count > ROUNDS * 20, `${spoiled.count} packets were spoiled`);
    assert.ok(refused > ROUNDS / 8, `${refused} calls failed`);
    await virtual.server.close();
    assert.equal(serial.listeners, 0);
  });
}
