import assert from 'node:assert/strict';
import test from 'node:test';
import type { BareMetalHost } from '../../src/api/baremetalhost.ts';
import type { BmcRequest } from '../../src/bmc/pool.ts';
import { BmcPool } from '../../src/bmc/pool.ts';
import { pooledBmcs } from '../../src/engine.ts';
import { FakeClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/log.ts';
import { openBmc } from '../../src/bmc/open.ts';
import type { HostContext } from '../../src/provisioner/provisioner.ts';

const doors = { clock: new FakeClock(), random: () => 0.5, log: silentLogger };

function context(annotations: Record<string, string> = {}): HostContext {
  const host: BareMetalHost = {
    apiVersion: 'metal3.io/v1alpha1',
    kind: 'BareMetalHost',
    metadata: { name: 'node', namespace: 'lab', annotations },
    spec: { online: true, bmc: { address: 'ipmi://192.0.2.1', credentialsName: 'bmc' } },
  };
  return { host, credentials: { username: 'admin', password: 'pw' }, signal: new AbortController().signal };
}

test('ipmi 1: the cipher suite that worked is read from the host’s progress, also by a new engine', async () => {
  const requests: BmcRequest[] = [];
  const pool = new BmcPool(doors, (request) => {
    requests.push(request);
    return openBmc({ ...request, doors });
  });
  let cipherSuite: number | undefined;
  const book = { status: () => (cipherSuite === undefined ? {} : { bmc: { cipherSuite } }) };
  const first = await pooledBmcs(pool, book).get(context());
  assert.equal(requests[0]?.preferredSuite, undefined);
  cipherSuite = 3;
  assert.equal(await pooledBmcs(pool, book).get(context()), first, 'no reason for another connection');
  await pool.forget('ipmi://192.0.2.1');
  await pooledBmcs(pool, book).get(context());
  assert.equal(requests[1]?.preferredSuite, 3);
  await pool.close();
});

test('quirks come from the annotation; other quirks are another connection', async () => {
  const pool = new BmcPool(doors);
  const source = pooledBmcs(pool, { status: () => ({}) });
  const plain = await source.get(context());
  const quirky = await source.get(context({ 'ingot.dev/bmc-quirks': 'bad-checksums, intelplus' }));
  assert.notEqual(plain, quirky);
  assert.equal(await source.get(context({ 'ingot.dev/bmc-quirks': 'bad-checksums,intelplus,' })), quirky);
  await assert.rejects(source.get(context({ 'ingot.dev/bmc-quirks': 'intelpuls' })), {
    code: 'BMC_QUIRK_UNKNOWN',
    message: /known are intelplus, i82571spt/,
  });
  await pool.close();
});
