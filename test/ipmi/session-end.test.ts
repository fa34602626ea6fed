/** However a login or a command ends, the BMC keeps no session of ours: it has few, and a lost one is kept for a minute. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { getDeviceId } from '../../src/ipmi/commands/app/device-id.ts';
import { chassisControl } from '../../src/ipmi/commands/chassis/control.ts';
import { getChassisStatus } from '../../src/ipmi/commands/chassis/status.ts';
import { PayloadType } from '../../src/ipmi/numbers.ts';
import { decodeDatagram } from '../../src/ipmi/packet.ts';
import { done, failure, inSession, never, typeOf } from '../support/ipmi-kit.ts';
import { runClock } from '../support/run-clock.ts';
import { virtualBmc } from '../support/virtual-bmc.ts';

const STEPS = [
  ['RAKP 1', PayloadType.rakp1, false],
  ['RAKP 2', PayloadType.rakp2, false],
  ['RAKP 3', PayloadType.rakp3, true],
  ['RAKP 4', PayloadType.rakp4, true],
] as const;

for (const [name, type, told] of STEPS) {
  test(`ipmi 4: given up when ${name} is on its way: the BMC forgets the login`, async () => {
    const bmc = await virtualBmc();
    const client = bmc.client();
    const stop = new AbortController();
    bmc.net.tap = (bytes) => {
      if (typeOf(bytes) === type) stop.abort(new Error('interrupted'));
      return 'pass';
    };
    await assert.rejects(runClock(bmc.clock, client.run(getDeviceId(), stop.signal)), /interrupted/);
    await runClock(bmc.clock, client.close());
    if (!told) {
      // virtualbmc dies of what would tell it; the BMC forgets the login by itself.
      assert.ok(bmc.server.sessions <= 1);
      await bmc.clock.advance(20_000);
    }
    assert.equal(bmc.server.sessions, 0);
    await done(bmc);
  });

  test(`ipmi 4: ${name} is lost: the attempt after it leaves no session of the one before`, async () => {
    const bmc = await virtualBmc();
    const client = bmc.client();
    let lost = 0;
    bmc.net.tap = (bytes) => (typeOf(bytes) === type && lost++ === 0 ? 'drop' : 'pass');
    await runClock(bmc.clock, client.run(getDeviceId(), never));
    assert.equal(bmc.server.sessions, told ? 1 : 2);
    await runClock(bmc.clock, client.close());
    if (!told) await bmc.clock.advance(20_000);
    assert.equal(bmc.server.sessions, 0);
    await done(bmc);
  });
}

test('ipmi 4: given up between the login and its first command, and in the middle of a command', async () => {
  for (const at of [1, 2, 3, 4]) {
    const bmc = await virtualBmc();
    const client = bmc.client();
    const stop = new AbortController();
    let packets = 0;
    bmc.net.tap = (bytes) => {
      if (inSession(bytes) && ++packets === at) stop.abort(new Error('interrupted'));
      return 'pass';
    };
    const running = client.run(getDeviceId(), stop.signal).catch(() => {});
    await runClock(bmc.clock, running);
    await runClock(bmc.clock, client.close());
    assert.equal(bmc.server.sessions, 0, `packet ${at}`);
    await done(bmc);
  }
});

test('ipmi 4: a command that is refused, that times out, and one whose answer never comes', async () => {
  const bmc = await virtualBmc();
  const client = bmc.client();
  assert.equal((await failure(bmc, client.run(chassisControl('hard-reset'), never))).seen['completion'], 0xd5);
  const limit = new AbortController();
  bmc.net.tap = (bytes, direction) => (direction === 'to-client' && inSession(bytes) ? 'drop' : 'pass');
  const status = client.run(getChassisStatus(), limit.signal);
  bmc.clock.timer(700, () => limit.abort(new Error('too late')));
  await assert.rejects(runClock(bmc.clock, status), /too late/);
  assert.equal((await failure(bmc, client.run(chassisControl('power-cycle'), never))).code, 'IPMI_UNCERTAIN');
  await runClock(bmc.clock, client.close());
  assert.equal(bmc.server.sessions, 0);
  await done(bmc);
});

test('ipmi 3: Close Session is lost once: sent again', async () => {
  const bmc = await virtualBmc({ suites: [1] });
  const client = bmc.client({ suites: [1] });
  await runClock(bmc.clock, client.run(getDeviceId(), never));
  let lost = 0;
  bmc.net.tap = (bytes, direction) => {
    const datagram = decodeDatagram(bytes);
    const closes = datagram.kind === 'v2.0' && datagram.payload[5] === 0x3c && direction === 'to-server';
    return closes && lost++ === 0 ? 'drop' : 'pass';
  };
  const { ms } = await runClock(bmc.clock, client.close());
  assert.deepEqual([lost, bmc.server.sessions], [2, 0]);
  assert.ok(ms <= 500, `${ms} ms`);
  await done(bmc);
});
