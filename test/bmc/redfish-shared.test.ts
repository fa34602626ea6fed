/** Many machines behind one Redfish service: one session, one concurrency limit and one pace for all of them. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { bmcErrors } from '../../src/bmc/errors.ts';
import { openBmc } from '../../src/bmc/open.ts';
import { BmcPool, type BmcRequest } from '../../src/bmc/pool.ts';
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/log.ts';
import { lenovoXcc } from '../../src/sim/redfish/personalities/lenovo-xcc.ts';
import { PASSWORD, ROOT, RedfishServer, SessionBook } from '../support/redfish-server.ts';
import { PASSWORD as SIM_PASSWORD, USER, startTestBmc } from '../support/redfish-sim.ts';

// Unit tests share one process: the time counts from when it started.
const never = AbortSignal.timeout(900_000);
const NODES = 16;
const doors = { clock: systemClock, random: Math.random, log: silentLogger };

/** A chassis manager with 16 nodes, which counts how many requests it works on at a time. */
async function chassis() {
  const server = await new RedfishServer().listen();
  const book = new SessionBook(server);
  const links = Array.from({ length: NODES }, (_, i) => ({ '@odata.id': `${ROOT}/Systems/${i}` }));
  server.get(`${ROOT}/Systems`, { Members: links });
  for (const [i, { '@odata.id': path }] of links.entries()) {
    server.get(path, { '@odata.type': '#ComputerSystem.v1_13_0.ComputerSystem', PowerState: i % 2 ? 'On' : 'Off' });
  }
  const request = (i: number, more: Partial<BmcRequest> = {}): BmcRequest => ({
    address: `redfish+http://127.0.0.1:${server.port}${ROOT}/Systems/${i}`,
    credentials: { username: 'admin', password: PASSWORD },
    credentialsVersion: '1',
    disableCertificateVerification: false,
    ...more,
  });
  return { server, book, request };
}

test('redfish 1: sixteen systems behind one manager share one session and two connections', async () => {
  const { server, book, request } = await chassis();
  await using _ = server;
  book.limit = 1;
  const pool = new BmcPool(doors);
  const bmcs = Array.from({ length: NODES }, (_, i) => pool.get(request(i)));
  const states = await Promise.all(bmcs.map((bmc) => bmc.powerState(never)));
  assert.deepEqual(states.slice(0, 3), ['off', 'on', 'off'], 'each of its own system');
  assert.equal(book.logins, 1);
  assert.ok(server.connections <= 2, `${server.connections} connections`);

  // The scheme is a matter of booting, not of the service.
  const media = pool.get(request(3, { address: request(3).address.replace('redfish+', 'redfish-virtualmedia+') }));
  assert.equal(await media.powerState(never), 'on');
  assert.equal(book.logins, 1);

  // One host goes; the others stay logged in.
  await pool.forget(request(0).address);
  assert.equal(book.tokens.size, 1);
  assert.equal(await pool.get(request(1)).powerState(never), 'on');
  assert.equal(book.logins, 1);

  await pool.close();
  assert.equal(book.tokens.size, 0, 'the last one ends the session');
});

test('a host that is gone ends its own requests, not those of its neighbours', async () => {
  const { server, request } = await chassis();
  await using _ = server;
  const pool = new BmcPool(doors);
  const [gone, stays] = [pool.get(request(0)), pool.get(request(1))];
  await Promise.all([gone.powerState(never), stays.powerState(never)]);
  const { before } = server;
  server.before = (seen) => before(seen) ?? (seen.path.endsWith('/0') ? { delayMs: 5000 } : undefined);
  const waiting = assert.rejects(gone.powerState(never), (error) => bmcErrors.is(error, 'BMC_CLOSED'));
  await pool.forget(request(0).address);
  await waiting;
  assert.equal(await stays.powerState(never), 'on');
  await assert.rejects(gone.powerState(never), (error) => bmcErrors.is(error, 'BMC_CLOSED'));
  await pool.close();
});

test('another user, password or trust is another session; messages name the machine that was meant', async () => {
  const { server, book, request } = await chassis();
  await using _ = server;
  const pool = new BmcPool(doors);
  await pool.get(request(0)).powerState(never);
  const wrong = pool.get(request(1, { credentials: { username: 'admin', password: 'old' }, credentialsVersion: '2' }));
  await assert.rejects(wrong.powerState(never), (error: unknown) => {
    assert.ok(bmcErrors.is(error, 'BMC_AUTH_FAILED'), String(error));
    assert.ok(error.message.startsWith(`BMC ${request(1).address}: user name or password refused`), error.message);
    return true;
  });
  await pool.get(request(2, { disableCertificateVerification: true })).powerState(never);
  assert.equal(book.logins, 2);
  await pool.close();
  assert.equal(book.tokens.size, 0);
});

test('redfish 1: an XCC whose 16 sessions others have lost is managed all the same, and by a session when one is free', async () => {
  await using sim = await startTestBmc({ personality: lenovoXcc });
  const { sessions } = sim.bmc.service;
  const login = () => sim.send('POST', `${ROOT}/SessionService/Sessions`, { UserName: USER, Password: SIM_PASSWORD });
  while ((await login()).status === 201);
  assert.equal(sessions.list().length, 16);
  const bmc = openBmc({
    address: `redfish+http://127.0.0.1:${sim.bmc.port}`,
    credentials: { username: USER, password: SIM_PASSWORD },
    disableCertificateVerification: false,
    doors,
    redfishTiming: { fullMs: 0 },
  });
  await bmc.setPower('on', never);
  assert.equal(await bmc.powerState(never), 'on');
  assert.equal(sessions.list().length, 16, 'none of theirs was touched');
  const [lost] = sessions.list();
  sessions.close(lost?.id ?? '');
  assert.match((await bmc.verify(never)).protocol, /session authentication/);
  await bmc.close();
  assert.equal(sessions.list().length, 15);
});
