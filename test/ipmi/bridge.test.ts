/** Requests to controllers behind the BMC: Send Message on both sides, and all the ways in which its answers come. */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { BridgeWatch, type Route, decodeSendMessage, routeText, wrap } from '../../src/ipmi/bridge.ts';
import { getDeviceId } from '../../src/ipmi/commands/app/device-id.ts';
import { chassisControl } from '../../src/ipmi/commands/chassis/control.ts';
import { at } from '../../src/ipmi/commands/command.ts';
import { getSensorReading } from '../../src/ipmi/commands/sensor/reading.ts';
import {
  type LanMessage,
  decodeLanMessage,
  encodeLanMessage,
  requestMessage,
  responseMessage,
} from '../../src/ipmi/lan-message.ts';
import { plausibleModel } from '../../src/ipmi/server-model.ts';
import type { Satellite } from '../../src/ipmi/server-satellites.ts';
import { toHex } from '../../src/wire/hex.ts';
import { FakeClock } from '../../src/core/clock.ts';
import { FakeChassis } from '../support/fake-chassis.ts';
import { done, failure, inSession, never } from '../support/ipmi-kit.ts';
import { runClock } from '../support/run-clock.ts';
import { virtualBmc } from '../support/virtual-bmc.ts';

const SINGLE: Route = [{ channel: 0, address: 0x72 }];
const DUAL: Route = [
  { channel: 7, address: 0x82 },
  { channel: 0, address: 0x74 },
];
const hop = fc.record({ channel: fc.nat(15), address: fc.nat(0x7f).map((n) => n * 2) }, { noNullPrototype: true });
const routes: fc.Arbitrary<Route> = fc.oneof(fc.tuple(hop), fc.tuple(hop, hop));

const model = (manufacturer: string) =>
  plausibleModel({ clock: new FakeClock(), users: [], manufacturer, serialNumber: manufacturer });
const satellite = (address: number, productId: number, more: Partial<Satellite> = {}): Satellite => ({
  channel: 0,
  address,
  deviceId: { deviceId: 1, manufacturerId: 343, productId },
  model: model(`maker of ${productId}`),
  ...more,
});
const SATELLITES: readonly Satellite[] = [
  satellite(0x72, 72),
  satellite(0x82, 82, { channel: 7, satellites: [satellite(0x74, 74), satellite(0x76, 76, { silent: true })] }),
  satellite(0x78, 78, { silent: true }),
];

test('Send Message byte by byte, as ipmitool -t 0x72 sends Get Sensor Reading 5', () => {
  const request = requestMessage(4, 0x2d, 6, Uint8Array.of(5));
  const inner = '72107e20182d0596';
  assert.equal(toHex(encodeLanMessage(wrap(request, SINGLE))), `2018c881183440${inner}f3`);
});

test('Send Message: any request on any route comes apart as it was put together', () => {
  const messages = fc.tuple(fc.nat(31), fc.nat(255), fc.nat(63), fc.uint8Array({ maxLength: 40 }), fc.nat(3));
  fc.assert(
    fc.property(messages, routes, ([netFn, cmd, sequence, data, lun], route) => {
      const request = { ...requestMessage(netFn * 2, cmd, sequence, data), ...(lun === 0 ? {} : { lun }) };
      let left: LanMessage = decodeLanMessage(encodeLanMessage(wrap(request, route)));
      for (const { channel, address } of route) {
        assert.deepEqual([left.netFn, left.cmd, left.sequence], [6, 0x34, sequence]);
        const inside = decodeSendMessage(left.data);
        assert.deepEqual([inside.channel, inside.tracked, inside.message.to], [channel, true, address]);
        left = inside.message;
      }
      assert.deepEqual({ ...left, to: request.to, from: request.from }, request);
    }),
  );
});

test('what ends the wait for a bridged answer, in every order, and what does not', () => {
  const request = requestMessage(4, 0x2d, 6, Uint8Array.of(5));
  const ack = responseMessage(wrap(request, SINGLE), 0, new Uint8Array(0));
  const answer = responseMessage(request, 0, Uint8Array.of(0x37));
  const seen = (...replies: LanMessage[]) => {
    const watch = new BridgeWatch(request, true);
    return { outcomes: replies.map((reply) => watch.see(reply)), taken: watch.taken };
  };
  const whole = { kind: 'answer' as const, data: Uint8Array.of(0, 0x37) };
  assert.deepEqual(seen(ack, answer), { outcomes: [undefined, whole], taken: true });
  assert.deepEqual(seen(answer), { outcomes: [whole], taken: false });
  const inside = responseMessage(wrap(request, SINGLE), 0, encodeLanMessage({ ...answer, sequence: 33 }));
  assert.deepEqual(seen(inside), { outcomes: [whole], taken: true }, 'the number inside is that of the bus');
  const refused = responseMessage(wrap(request, SINGLE), 0x83, new Uint8Array(0));
  assert.deepEqual(seen(refused).outcomes, [{ kind: 'refused', completion: 0x83 }]);
  for (const other of [
    { ...ack, sequence: 7 },
    { ...answer, sequence: 7 },
    { ...answer, cmd: 0x2e },
    { ...refused, data: Uint8Array.of(0xcf) },
    { ...answer, data: Uint8Array.of(0xcf) },
  ]) {
    assert.deepEqual(seen(other), { outcomes: [undefined], taken: false });
  }
  assert.throws(() => seen({ ...ack, data: Uint8Array.of(0, 1, 2, 3) }), { code: 'IPMI_MALFORMED' });
  assert.equal(routeText(DUAL), 'controller 74h on channel 0 behind 82h');
});

for (const bridging of [undefined, 'inside'] as const) {
  for (const [name, route, product] of [
    ['single', SINGLE, 72],
    ['dual', DUAL, 74],
  ] as const) {
    test(`bridging, ${name}, answers ${bridging ?? 'as messages of their own'}`, async () => {
      const bmc = await virtualBmc({
        satellites: SATELLITES,
        faults: bridging === undefined ? {} : { bridging },
      });
      const client = bmc.client();
      for (let i = 0; i < 70; i++) {
        const { value } = await runClock(bmc.clock, client.run(at(getDeviceId(), { route }), never));
        assert.equal(value.productId, product);
      }
      assert.equal((await runClock(bmc.clock, client.run(getDeviceId(), never))).value.productId, 7);
      assert.equal(bmc.net.clientPorts.length, 1);
      await done(bmc, client);
    });
  }
}

test('every message of a bridged exchange lost once: sent again, run once', async () => {
  const power = new FakeChassis();
  for (let lost = 0; lost < 3; lost++) {
    power.power = 'off';
    power.controls.length = 0;
    const bmc = await virtualBmc({ satellites: [satellite(0x72, 72, { chassis: power })] });
    const client = bmc.client();
    await runClock(bmc.clock, client.run(getDeviceId(), never));
    let packets = 0;
    bmc.net.tap = (bytes) => (inSession(bytes) && packets++ === lost ? 'drop' : 'pass');
    await runClock(bmc.clock, client.run(at(chassisControl('power-up'), { route: SINGLE }), never));
    assert.deepEqual(power.controls, ['power-up'], `packet ${lost}`);
    assert.deepEqual(bmc.chassis.controls, []);
    await done(bmc, client);
  }
});

test('nobody there, somebody silent, a BMC without Send Message: told apart, and the session lives on', async () => {
  const reading = getSensorReading(1);
  for (const [where, faults, code, words] of [
    [{ channel: 0, address: 0x70 }, {}, 'IPMI_COMPLETION', /controller 70h on channel 0: 0x83 \(not acknowledged/],
    [{ channel: 1, address: 0x72 }, {}, 'IPMI_COMPLETION', /controller 72h on channel 1: 0x83/],
    [{ channel: 0, address: 0x78 }, {}, 'IPMI_SATELLITE_SILENT', /from controller 78h on channel 0, although/],
    [{ channel: 0, address: 0x72 }, { bridging: 'none' }, 'IPMI_COMPLETION', /0xc1/],
  ] as const) {
    const bmc = await virtualBmc({ satellites: SATELLITES, faults });
    const client = bmc.client();
    const error = await failure(bmc, client.run(at(reading, { route: [where] }), never));
    assert.equal(error.code, code);
    assert.match(error.message, words);
    await runClock(bmc.clock, client.run(getDeviceId(), never));
    assert.equal(bmc.net.clientPorts.length, 1, 'no new session');
    await done(bmc, client);
  }
  const bmc = await virtualBmc({ satellites: SATELLITES });
  const client = bmc.client();
  const [transit] = DUAL;
  assert.ok(transit);
  const silent = await failure(
    bmc,
    client.run(at(reading, { route: [transit, { channel: 0, address: 0x76 }] }), never),
  );
  assert.equal(silent.code, 'IPMI_SATELLITE_SILENT');
  const absent = await failure(
    bmc,
    client.run(at(reading, { route: [transit, { channel: 0, address: 0x10 }] }), never),
  );
  assert.match(absent.message, /controller 10h on channel 0 behind 82h: 0x83/);
  // A BMC that says nothing at all is another matter.
  bmc.net.tap = (bytes, direction) => (direction === 'to-client' && inSession(bytes) ? 'drop' : 'pass');
  assert.equal((await failure(bmc, client.run(at(reading, { route: SINGLE }), never))).code, 'IPMI_SESSION_LOST');
  bmc.net.tap = () => 'pass';
  await done(bmc, client);
});

test('a logical unit other than 0 stands in the second byte, and comes back', async () => {
  const message = { ...requestMessage(6, 1, 3, new Uint8Array(0)), lun: 2 };
  const bytes = encodeLanMessage(message);
  assert.equal(bytes[1], (6 << 2) | 2);
  assert.deepEqual(decodeLanMessage(bytes), message);
});
