import assert from 'node:assert/strict';
import test from 'node:test';
import type { Bmc } from '../../src/bmc/bmc.ts';
import { BmcPool, type BmcRequest } from '../../src/bmc/pool.ts';
import { FakeClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/log.ts';
import { runClock } from '../support/run-clock.ts';
import { virtualBmc } from '../support/virtual-bmc.ts';

const clock = new FakeClock();
const doors = { clock, random: () => 0.5, log: silentLogger };
const request: BmcRequest = {
  address: 'ipmi://192.0.2.1',
  credentials: { username: 'admin', password: 'secret' },
  credentialsVersion: '1',
  disableCertificateVerification: false,
};

function recorded(): { pool: BmcPool; closed: string[]; opened: string[] } {
  const opened: string[] = [];
  const closed: string[] = [];
  const pool = new BmcPool(doors, ({ address, credentialsVersion }) => {
    const name = `${address}#${credentialsVersion}`;
    opened.push(name);
    return { address, close: async () => void closed.push(name) } as unknown as Bmc;
  });
  return { pool, opened, closed };
}

test('one BMC per address; new credentials replace it', async () => {
  const { pool, opened, closed } = recorded();
  const first = pool.get(request);
  assert.equal(pool.get({ ...request }), first);
  const second = pool.get({ ...request, credentialsVersion: '2' });
  assert.notEqual(second, first);
  pool.get({ ...request, address: 'ipmi://192.0.2.2' });
  assert.deepEqual(opened, ['ipmi://192.0.2.1#1', 'ipmi://192.0.2.1#2', 'ipmi://192.0.2.2#1']);
  assert.deepEqual(closed, [], 'somebody may still be at work with the old one');
  await clock.advance(200_000);
  assert.deepEqual(closed, ['ipmi://192.0.2.1#1']);
  assert.equal(pool.size, 2);
  await pool.forget('ipmi://192.0.2.1');
  await pool.forget('ipmi://192.0.2.99');
  assert.equal(pool.size, 1);
  await pool.close();
  assert.equal(pool.size, 0);
  assert.deepEqual(closed.toSorted(), opened.toSorted());
});

test('who has not heard of a change yet and who has do not close each other’s BMC', async () => {
  const { pool, opened, closed } = recorded();
  const old = pool.get(request);
  const changed = pool.get({ ...request, credentialsVersion: '2' });
  for (let i = 0; i < 3; i++) {
    await clock.advance(100_000);
    assert.equal(pool.get(request), old);
    assert.equal(pool.get({ ...request, credentialsVersion: '2' }), changed);
  }
  assert.deepEqual(closed, []);
  await clock.advance(200_000);
  assert.deepEqual(closed, ['ipmi://192.0.2.1#1'], 'the one asked for last stays');
  assert.equal(pool.get({ ...request, credentialsVersion: '2' }), changed);
  assert.equal(opened.length, 2);
  await pool.close();
  await clock.advance(200_000);
  assert.equal(closed.length, 2, 'each once');
});

test('another fingerprint, other quirks or other trust replace it too', async () => {
  const { pool, opened } = recorded();
  const more = [{ fingerprint: 'sha256:1' }, { quirks: ['boot-full'] }, { disableCertificateVerification: true }, {}];
  for (const change of more) {
    const bmc = pool.get({ ...request, ...change });
    assert.equal(pool.get({ ...request, ...structuredClone(change) }), bmc);
  }
  assert.equal(opened.length, more.length);
  await pool.close();
});

test('a bad address leaves the pool as it was', async () => {
  const pool = new BmcPool(doors);
  assert.throws(() => pool.get({ ...request, address: 'foo://x' }), /unknown BMC type/);
  assert.equal(pool.size, 0);
  await pool.close();
});

test('all users of a host share one session, and closing the pool ends it', async () => {
  const virtual = await virtualBmc();
  const pool = new BmcPool({
    clock: virtual.clock,
    random: () => 0.5,
    log: silentLogger,
    connect: virtual.net.connect,
  });
  const { signal } = new AbortController();
  await runClock(virtual.clock, Promise.all([pool.get(request).powerState(signal), pool.get(request).verify(signal)]));
  assert.equal(virtual.net.clientPorts.length, 1);
  assert.equal(virtual.server.sessions, 1);
  await runClock(virtual.clock, pool.close());
  assert.equal(virtual.server.sessions, 0);
  await virtual.server.close();
});
