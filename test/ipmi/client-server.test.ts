import assert from 'node:assert/strict';
import test from 'node:test';
import { getDeviceId } from '../../src/ipmi/commands/app/device-id.ts';
import { getSystemGuid } from '../../src/ipmi/commands/app/guid.ts';
import { setSessionPrivilege } from '../../src/ipmi/commands/session/privilege.ts';
import { BootParameter } from '../../src/ipmi/commands/chassis/boot-parameters.ts';
import { getBootOption } from '../../src/ipmi/commands/chassis/get-boot-option.ts';
import { setBootOption } from '../../src/ipmi/commands/chassis/set-boot-option.ts';
import { chassisControl } from '../../src/ipmi/commands/chassis/control.ts';
import { getChassisStatus } from '../../src/ipmi/commands/chassis/status.ts';
import { PayloadType } from '../../src/ipmi/numbers.ts';
import { decodeDatagram } from '../../src/ipmi/packet.ts';
import { done, failure, inSession, never, typeOf } from '../support/ipmi-kit.ts';
import { runClock } from '../support/run-clock.ts';
import { virtualBmc } from '../support/virtual-bmc.ts';

for (const suite of [1, 2, 3, 6, 7, 8, 11, 12, 15, 16, 17]) {
  test(`ipmi 1: suite ${suite}: login, commands, close`, async () => {
    const bmc = await virtualBmc({ suites: [suite] });
    const client = bmc.client({ suites: [suite] });
    const { value: id } = await runClock(bmc.clock, client.run(getDeviceId(), never));
    assert.deepEqual(
      { fw: id.firmwareVersion, manufacturer: id.manufacturerId, product: id.productId, suite: client.suite },
      { fw: '2.34', manufacturer: 343, product: 7, suite },
    );
    assert.deepEqual((await runClock(bmc.clock, client.run(getSystemGuid(), never))).value[15], 16);
    assert.equal(bmc.server.sessions, 1);
    await runClock(bmc.clock, client.close());
    assert.equal(bmc.server.sessions, 0, 'Close Session was sent');
    await done(bmc);
  });
}

/** Without these a login stays half-open. */
const FINISHING: ReadonlySet<number> = new Set([PayloadType.rakp2, PayloadType.rakp3]);

test('one session carries all commands, one at a time', async () => {
  const bmc = await virtualBmc();
  const client = bmc.client();
  const all = Promise.all(Array.from({ length: 8 }, () => client.run(getChassisStatus(), never)));
  await runClock(bmc.clock, all);
  assert.equal(bmc.net.clientPorts.length, 1);
  assert.equal(bmc.server.sessions, 1);
  // 4 exchanges of login, Set Session Privilege, 8 commands; two datagrams each.
  assert.equal(bmc.net.sent, (4 + 1 + 8) * 2);
  await done(bmc, client);
});

test('the pace: a chain at once, then twenty a second; power commands count for eight', async () => {
  const bmc = await virtualBmc();
  const client = bmc.client();
  await runClock(bmc.clock, client.run(getDeviceId(), never));
  const burst = Promise.all(Array.from({ length: 79 }, () => client.run(getDeviceId(), never)));
  const { ms } = await runClock(bmc.clock, burst);
  assert.ok(ms >= 1900 && ms <= 2300, `${ms} ms for 79 commands after 1 of a burst of 40`);
  await bmc.clock.advance(10_000);
  const power = Promise.all(Array.from({ length: 10 }, () => client.run(chassisControl('power-up'), never)));
  const { ms: powerMs } = await runClock(bmc.clock, power);
  assert.ok(powerMs >= 1900 && powerMs <= 2300, `${powerMs} ms for ten power commands`);
  await done(bmc, client);
});

test('ipmi 1: BMC that knows suite 3 only: 17 is refused, 3 is tried', async () => {
  const bmc = await virtualBmc({ suites: [3] });
  const client = bmc.client();
  const { ms } = await runClock(bmc.clock, client.run(getDeviceId(), never));
  assert.equal(client.suite, 3);
  assert.ok(ms < 100, `${ms} ms`);
  await done(bmc, client);
});

test('ipmi 1: BMC that answers suite 3 whatever is asked, as virtualbmc does', async () => {
  const bmc = await virtualBmc({ faults: { echoSuite: 3 } });
  const client = bmc.client();
  await runClock(bmc.clock, client.run(getDeviceId(), never));
  assert.equal(client.suite, 3);
  assert.equal(bmc.net.clientPorts.length, 2, 'a new source port for the second login');
  await done(bmc, client);
});

test('ipmi 1: a suite that was not allowed is not taken although the BMC picks it', async () => {
  const bmc = await virtualBmc({ suites: [17, 3, 2], faults: { echoSuite: 2 } });
  const client = bmc.client({ suites: [17, 3] });
  const error = await failure(bmc, client.run(getDeviceId(), never));
  assert.equal(error.code, 'IPMI_NO_SUITE');
  await done(bmc, client);
});

test('no suite in common', async () => {
  const bmc = await virtualBmc({ suites: [16] });
  const client = bmc.client({ suites: [17, 3] });
  const error = await failure(bmc, client.run(getDeviceId(), never));
  assert.equal(error.code, 'IPMI_NO_SUITE');
  assert.match(error.message, /17, 3.*0x10.*0x04/);
  await done(bmc, client);
});

test('ipmi 1: "insufficient resources" that means "not this suite" is met by the next suite', async () => {
  const bmc = await virtualBmc({ faults: { openStatus: (s) => (s === 17 ? 0x01 : undefined) } });
  const client = bmc.client();
  const { ms } = await runClock(bmc.clock, client.run(getDeviceId(), never));
  assert.equal(client.suite, 3);
  assert.ok(ms < 100);
  await done(bmc, client);
});

test('ipmi 4: no free session for a while: waits, then gets in', async () => {
  let refused = 0;
  const bmc = await virtualBmc({ faults: { openStatus: () => (refused++ < 3 ? 0x01 : undefined) } });
  const client = bmc.client();
  const { ms } = await runClock(bmc.clock, client.run(getDeviceId(), never));
  assert.ok(ms >= 2000 && ms < 8000, `${ms} ms`);
  await done(bmc, client);
});

test('no free session at all', async () => {
  const bmc = await virtualBmc({ faults: { openStatus: () => 0x01 } });
  const client = bmc.client();
  assert.equal((await failure(bmc, client.run(getDeviceId(), never))).code, 'IPMI_BUSY');
  await done(bmc, client);
});

test('wrong password: said at once, the half-open session is released', async () => {
  const bmc = await virtualBmc();
  const client = bmc.client({ password: 'wrong' });
  const sentBefore = bmc.net.sent;
  const error = await failure(bmc, client.run(getDeviceId(), never));
  assert.equal(error.code, 'IPMI_AUTH_FAILED');
  assert.match(error.message, /wrong password/);
  assert.ok(!error.message.includes('wrong1'));
  assert.equal(bmc.server.sessions, 0);
  // One attempt: three exchanges and the RAKP 3 that gives up.
  assert.equal(bmc.net.sent - sentBefore, 7);
  await done(bmc, client);
});

test('ipmi 2: a BMC key: needed, and said to be missing', async () => {
  const kg = new Uint8Array(20).fill(0x42);
  const bmc = await virtualBmc({ kg });
  const without = bmc.client();
  const error = await failure(bmc, without.run(getDeviceId(), never));
  assert.equal(error.code, 'IPMI_AUTH_FAILED');
  assert.match(error.message, /K_g/);
  const client = bmc.client({ kg });
  await runClock(bmc.clock, client.run(getDeviceId(), never));
  await done(bmc, client, without);
});

test('unknown user, said by the BMC', async () => {
  const bmc = await virtualBmc();
  const client = bmc.client({ username: 'nobody' });
  const error = await failure(bmc, client.run(getDeviceId(), never));
  assert.equal(error.code, 'IPMI_AUTH_FAILED');
  assert.match(error.message, /unauthorized name/);
  await done(bmc, client);
});

test('unknown user, met by silence after RAKP 1', async () => {
  const bmc = await virtualBmc({ faults: { silentUnknownUser: true } });
  const client = bmc.client({ username: 'nobody' });
  const error = await failure(bmc, client.run(getDeviceId(), never));
  assert.equal(error.code, 'IPMI_LOGIN_SILENT');
  assert.match(error.message, /after RAKP 1/);
  assert.equal(bmc.net.clientPorts.length, 3);
  await done(bmc, client);
});

test('ipmi 2: a user who is only operator: logged in as that', async () => {
  const bmc = await virtualBmc();
  const client = bmc.client({ username: 'oper', password: 'operpass' });
  await runClock(bmc.clock, client.run(chassisControl('power-up'), never));
  assert.equal(bmc.chassis.power, 'on');
  await done(bmc, client);
});

test('privileges are enforced by the server', async () => {
  const bmc = await virtualBmc();
  const client = bmc.client({ username: 'viewer', password: 'viewpass', privilege: 2 });
  await runClock(bmc.clock, client.run(getChassisStatus(), never));
  for (const command of [chassisControl('power-up'), setBootOption(5, new Uint8Array(5))]) {
    const error = await failure(bmc, client.run(command, never));
    assert.equal(error.seen['completion'], 0xd4);
  }
  assert.equal((await failure(bmc, client.run(setSessionPrivilege(4), never))).seen['completion'], 0x80);
  assert.deepEqual(bmc.chassis.controls, []);
  await done(bmc, client);
});

test('nobody answers: growing timeouts, a new source port each time, then unreachable', async () => {
  const bmc = await virtualBmc();
  bmc.net.tap = () => 'drop';
  const client = bmc.client();
  const start = bmc.clock.monotonic();
  const error = await failure(bmc, client.run(getDeviceId(), never));
  const ms = bmc.clock.monotonic() - start;
  assert.equal(error.code, 'IPMI_TIMEOUT');
  assert.match(error.message, /Get Channel Authentication Capabilities/);
  assert.equal(new Set(bmc.net.clientPorts).size, 4);
  // 1 + 2 + 3 + 4 s at 87.5 %, and 1 s for a ping.
  assert.ok(ms >= 9700 && ms <= 10_000, `${ms} ms`);
  await done(bmc, client);
});

test('silent to IPMI but not to a ping: the person is told to enable IPMI over LAN', async () => {
  const bmc = await virtualBmc();
  bmc.net.tap = (bytes) => (decodeDatagram(bytes).kind === 'asf' ? 'pass' : 'drop');
  const client = bmc.client();
  const error = await failure(bmc, client.run(getDeviceId(), never));
  assert.equal(error.code, 'IPMI_TIMEOUT');
  assert.match(error.message, /does answer an RMCP ping/);
  assert.match(error.hint, /enable IPMI over LAN/);
  await done(bmc, client);
});

for (const [step, type] of [
  ['Get Channel Authentication Capabilities', -1],
  ['Open Session Response', PayloadType.openSessionResponse],
  ['RAKP 1', PayloadType.rakp1],
  ['RAKP 2', PayloadType.rakp2],
  ['RAKP 3', PayloadType.rakp3],
  ['RAKP 4', PayloadType.rakp4],
] as const) {
  test(`ipmi 3: ${step} lost once: a new login from the start`, async () => {
    const bmc = await virtualBmc();
    let lost = 0;
    bmc.net.tap = (bytes) => (typeOf(bytes) === type && lost++ === 0 ? 'drop' : 'pass');
    const client = bmc.client();
    const { ms } = await runClock(bmc.clock, client.run(getDeviceId(), never));
    assert.equal(bmc.net.clientPorts.length, 2);
    assert.ok(ms >= 750 && ms <= 1100, `${ms} ms`);
    await done(bmc, client);
  });
}

test('ipmi 3: a request or its answer lost: sent again, run once', async () => {
  for (const direction of ['to-server', 'to-client']) {
    const bmc = await virtualBmc();
    const client = bmc.client();
    await runClock(bmc.clock, client.run(getDeviceId(), never));
    let lost = 0;
    bmc.net.tap = (_, d) => (d === direction && lost++ === 0 ? 'drop' : 'pass');
    const { ms } = await runClock(bmc.clock, client.run(chassisControl('power-up'), never));
    assert.deepEqual(bmc.chassis.controls, ['power-up'], `${direction}: the command ran once`);
    assert.ok(ms >= 1000 && ms <= 1200, `${ms} ms`);
    await done(bmc, client);
  }
});

test('ipmi 3: a command that must not run twice is sent once, and says so', async () => {
  const bmc = await virtualBmc();
  const client = bmc.client();
  await runClock(bmc.clock, client.run(chassisControl('power-up'), never));
  let requests = 0;
  bmc.net.tap = (bytes, direction) => {
    if (direction === 'to-server' && inSession(bytes)) requests++;
    return direction === 'to-client' ? 'drop' : 'pass';
  };
  const error = await failure(bmc, client.run(chassisControl('power-cycle'), never));
  assert.equal(error.code, 'IPMI_UNCERTAIN');
  assert.deepEqual(bmc.chassis.controls, ['power-up', 'power-cycle']);
  // The request, and Close Session, twice.
  assert.equal(requests, 3);
  bmc.net.tap = () => 'pass';
  await runClock(bmc.clock, client.run(getChassisStatus(), never));
  await done(bmc, client);
});

test('ipmi 4: a BMC that restarts in mid-session: the session is lost and opened again', async () => {
  const bmc = await virtualBmc();
  const client = bmc.client();
  await runClock(bmc.clock, client.run(getDeviceId(), never));
  await bmc.restart();
  const { ms } = await runClock(bmc.clock, client.run(getChassisStatus(), never));
  assert.ok(ms > 9000 && ms < 13_000, `${ms} ms`);
  assert.equal(bmc.net.clientPorts.length, 2);
  await done(bmc, client);
});

test('a stale session is probed before a command that is sent once', async () => {
  const bmc = await virtualBmc();
  bmc.chassis.power = 'on';
  const client = bmc.client();
  await runClock(bmc.clock, client.run(getDeviceId(), never));
  await bmc.clock.advance(12_000);
  await bmc.restart();
  await runClock(bmc.clock, client.run(chassisControl('hard-reset'), never));
  assert.deepEqual(bmc.chassis.controls, ['hard-reset']);
  await done(bmc, client);
});

test('a busy BMC is asked again; a command refused is not', async () => {
  const bmc = await virtualBmc();
  const client = bmc.client();
  const error = await failure(bmc, client.run(setBootOption(99, new Uint8Array(1)), never));
  assert.equal(error.code, 'IPMI_COMPLETION');
  assert.equal(error.seen['completion'], 0x80);
  assert.equal((await failure(bmc, client.run(chassisControl('hard-reset'), never))).seen['completion'], 0xd5);
  await done(bmc, client);
});

test('ipmi 4: kept alive while used, closed when idle, opened again when needed', async () => {
  const bmc = await virtualBmc();
  const client = bmc.client();
  await runClock(bmc.clock, client.run(getDeviceId(), never));
  const after = bmc.net.sent;
  await bmc.clock.advance(80_000);
  assert.equal(bmc.server.sessions, 1, 'alive after 80 s, although BMCs drop silent sessions after 60 s');
  assert.equal(bmc.net.sent - after, 3 * 2, 'a keep-alive every 25 s');
  await bmc.clock.advance(30_000);
  assert.equal(bmc.server.sessions, 0, 'closed, not left to time out');
  assert.equal(bmc.net.openClients, 0);
  await runClock(bmc.clock, client.run(getDeviceId(), never));
  assert.equal(bmc.server.sessions, 1);
  await done(bmc, client);
});

test('ipmi 4: the server drops idle sessions after 60 s and half-open ones after 10 s', async () => {
  const bmc = await virtualBmc();
  const client = bmc.client({}, { keepAliveMs: 1_000_000 });
  await runClock(bmc.clock, client.run(getDeviceId(), never));
  // A client that vanishes: it does not even take its login back.
  bmc.net.tap = (bytes) => (FINISHING.has(typeOf(bytes)) ? 'drop' : 'pass');
  const other = bmc.client();
  await failure(bmc, other.run(getDeviceId(), never));
  assert.ok(bmc.server.sessions > 1);
  await bmc.clock.advance(20_000);
  assert.equal(bmc.server.sessions, 1);
  await bmc.clock.advance(60_000);
  assert.equal(bmc.server.sessions, 0);
  bmc.net.tap = () => 'pass';
  await done(bmc, client, other);
});

test('the server never has more sessions than its limit; unfinished logins make way', async () => {
  const bmc = await virtualBmc({ limits: { sessions: 3 } });
  const clients = [bmc.client(), bmc.client(), bmc.client()];
  for (const c of clients.slice(0, 2)) await runClock(bmc.clock, c.run(getDeviceId(), never));
  bmc.net.tap = (bytes) => (FINISHING.has(typeOf(bytes)) ? 'drop' : 'pass');
  const lost = bmc.client();
  await failure(bmc, lost.run(getDeviceId(), never));
  bmc.net.tap = () => 'pass';
  const [, , third] = clients;
  assert.ok(third);
  await runClock(bmc.clock, third.run(getDeviceId(), never));
  assert.equal(bmc.server.sessions, 3);
  const fourth = bmc.client({}, { timeoutMs: 10 });
  assert.equal((await failure(bmc, fourth.run(getDeviceId(), never))).code, 'IPMI_BUSY');
  await done(bmc, ...clients, lost, fourth);
});

test('a datagram replayed to the server runs nothing', async () => {
  const bmc = await virtualBmc();
  const client = bmc.client();
  const seen: Uint8Array[] = [];
  bmc.net.tap = (bytes, direction) => {
    if (direction === 'to-server' && inSession(bytes)) seen.push(bytes);
    return 'pass';
  };
  await runClock(bmc.clock, client.run(chassisControl('power-up'), never));
  const replay = await bmc.net.connect({ host: '192.0.2.1', port: 623 }, { message: () => {}, error: () => {} });
  await bmc.clock.advance(10_000);
  for (const bytes of seen.slice()) replay.send(bytes);
  await bmc.clock.advance(10);
  assert.deepEqual(bmc.chassis.controls, ['power-up']);
  replay.close();
  await done(bmc, client);
});

test('ipmi 3: answers that come twice, and garbage in between, change nothing', async () => {
  const bmc = await virtualBmc({ faults: { sent: () => 'twice', received: () => 'twice' } });
  const client = bmc.client();
  await runClock(bmc.clock, client.run(chassisControl('power-up'), never));
  await runClock(bmc.clock, client.run(chassisControl('power-cycle'), never));
  const { value } = await runClock(bmc.clock, client.run(getChassisStatus(), never));
  assert.equal(value.powerOn, true);
  assert.deepEqual(bmc.chassis.controls, ['power-up', 'power-cycle']);
  await done(bmc, client);
});

test('ipmi 3: every fifth datagram lost: everything still gets through', async () => {
  let seed = 7;
  const random = () => (seed = (seed * 48271) % 0x7fffffff) / 0x7fffffff;
  const bmc = await virtualBmc({ faults: { loss: 0.18 }, random });
  const client = bmc.client({}, { sends: 6 });
  for (let i = 0; i < 20; i++) await runClock(bmc.clock, client.run(getChassisStatus(), never));
  await done(bmc, client);
});

test('ipmi 3: late answers: the slow first one serves the second send, none is taken for another command', async () => {
  const bmc = await virtualBmc({ faults: { sent: (n) => (n > 5 && n < 8 ? { delayMs: 1400 } : 'pass') } });
  const client = bmc.client();
  await runClock(bmc.clock, client.run(getDeviceId(), never));
  const { value } = await runClock(bmc.clock, client.run(getBootOption(BootParameter.infoAcknowledge), never));
  assert.equal(value.parameter, 4);
  assert.equal((await runClock(bmc.clock, client.run(getChassisStatus(), never))).value.powerOn, false);
  await done(bmc, client);
});

test('an aborted command leaves the session usable', async () => {
  const bmc = await virtualBmc();
  const client = bmc.client();
  await runClock(bmc.clock, client.run(getDeviceId(), never));
  bmc.net.tap = (_, d) => (d === 'to-client' ? 'drop' : 'pass');
  const abort = new AbortController();
  const waiting = client.run(getDeviceId(), abort.signal);
  const queued = client.run(getChassisStatus(), abort.signal);
  waiting.catch(() => {});
  queued.catch(() => {});
  await bmc.clock.advance(100);
  abort.abort(new Error('enough'));
  await assert.rejects(waiting, /enough/);
  await assert.rejects(queued, /enough/);
  bmc.net.tap = () => 'pass';
  await runClock(bmc.clock, client.run(getChassisStatus(), never));
  assert.equal(bmc.net.clientPorts.length, 1);
  await done(bmc, client);
});

test('who gives up in the queue need not wait for the command in front', async () => {
  const bmc = await virtualBmc();
  const client = bmc.client();
  await runClock(bmc.clock, client.run(getDeviceId(), never));
  bmc.net.tap = (_, d) => (d === 'to-client' ? 'drop' : 'pass');
  const front = client.run(getDeviceId(), never);
  const abort = new AbortController();
  const queued = client.run(getChassisStatus(), abort.signal);
  const behind = client.run(getChassisStatus(), never);
  await bmc.clock.advance(100);
  abort.abort(new Error('no more'));
  await assert.rejects(queued, /no more/);
  bmc.net.tap = () => 'pass';
  await runClock(bmc.clock, Promise.all([front, behind]));
  assert.equal(bmc.net.clientPorts.length, 1);
  await done(bmc, client);
});

test('close ends what waits with IPMI_CLOSED and may be called twice', async () => {
  const bmc = await virtualBmc();
  const client = bmc.client();
  await runClock(bmc.clock, client.run(getDeviceId(), never));
  bmc.net.tap = (_, d) => (d === 'to-client' ? 'drop' : 'pass');
  const waiting = failure(bmc, client.run(getDeviceId(), never));
  await runClock(bmc.clock, client.close());
  assert.equal((await waiting).code, 'IPMI_CLOSED');
  await client.close();
  assert.equal((await failure(bmc, client.run(getDeviceId(), never))).code, 'IPMI_CLOSED');
  assert.equal(bmc.server.sessions, 0, 'Close Session arrived although nothing came back');
  await done(bmc);
});

test('payloads other than IPMI messages: both ways, between commands, each once, until the session is over', async () => {
  const seen: string[] = [];
  const bmc = await virtualBmc({
    faults: { sent: () => 'twice' },
    payload: ({ type, bytes }, session) => {
      seen.push(`bmc got ${type} ${bytes.join('.')}`);
      session.post({ type, bytes: Uint8Array.of(bytes[0] ?? 0, 0xee) });
      session.post({ type: 2, bytes });
    },
  });
  const client = bmc.client();
  const handlers = {
    payload: (bytes: Uint8Array) => void seen.push(`console got ${bytes.join('.')}`),
    ended: () => void seen.push('ended'),
  };
  const { value: link } = await runClock(bmc.clock, client.link(PayloadType.sol, handlers, never));
  const running = client.run(getChassisStatus(), never);
  link.send(Uint8Array.of(7));
  await runClock(bmc.clock, running);
  assert.deepEqual(seen.splice(0), ['bmc got 1 7', 'console got 7.238']);
  await bmc.clock.advance(300_000);
  assert.equal(bmc.server.sessions, 1, 'a link keeps the session');
  link.send(Uint8Array.of(8));
  await bmc.clock.advance(10);
  assert.deepEqual(seen.splice(0), ['bmc got 1 8', 'console got 8.238']);
  await bmc.restart();
  await runClock(bmc.clock, client.run(getChassisStatus(), never));
  assert.deepEqual(seen.splice(0), ['ended'], 'the link does not move to the new session');
  link.send(Uint8Array.of(9));
  await bmc.clock.advance(10);
  assert.deepEqual(seen, []);
  const again = await runClock(bmc.clock, client.link(PayloadType.sol, handlers, never));
  again.value.release();
  await bmc.clock.advance(200_000);
  assert.equal(bmc.server.sessions, 0, 'released and idle: closed');
  assert.deepEqual(seen, []);
  await done(bmc, client);
});

test('nothing logged or thrown holds the password', async () => {
  const bmc = await virtualBmc();
  const client = bmc.client({ password: 'hunter2-very-secret' });
  const error = await failure(bmc, client.run(getDeviceId(), never));
  const all = JSON.stringify([bmc.lines, error.message, error.hint, error.seen, error.stack]);
  assert.ok(!all.includes('hunter2'));
  assert.ok(bmc.lines.length > 0 || error.message !== '');
  await done(bmc, client);
});
