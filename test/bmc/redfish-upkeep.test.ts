/** What keeps a BMC fit for use: its clock, and the queue of its jobs. Against simulated BMCs. */
import assert from 'node:assert/strict';
import test from 'node:test';
import type { Bmc } from '../../src/bmc/bmc.ts';
import { bmcErrors } from '../../src/bmc/errors.ts';
import { openBmc } from '../../src/bmc/open.ts';
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/log.ts';
import { RedfishClient } from '../../src/redfish/client.ts';
import { dellIdrac9 } from '../../src/sim/redfish/personalities/dell-idrac9.ts';
import { assumed } from '../../src/sim/redfish/evidence.ts';
import type { Quirk } from '../../src/sim/redfish/quirks.ts';
import { QUICK } from '../support/redfish-client.ts';
import { PASSWORD, type TestBmc, USER, startTestBmc } from '../support/redfish-sim.ts';

// Unit tests share one process: the time counts from when it started.
const never = AbortSignal.timeout(900_000);
const YEAR_MS = 365 * 86_400_000;

async function withBmc(options: Parameters<typeof startTestBmc>[0], work: (bmc: Bmc, sim: TestBmc) => Promise<void>) {
  await using sim = await startTestBmc(options);
  const bmc = openBmc({
    address: `redfish+http://127.0.0.1:${sim.bmc.port}`,
    credentials: { username: USER, password: PASSWORD },
    disableCertificateVerification: false,
    doors: { clock: systemClock, random: Math.random, log: silentLogger },
    redfishTiming: { ...QUICK, busyPauseMs: 250 },
  });
  try {
    await work(bmc, sim);
  } finally {
    await bmc.close();
  }
}

test('a BMC whose clock is off is told, with how far and how to set it; setting it is read back', () =>
  withBmc({}, async (bmc, { bmc: { service } }) => {
    assert.equal((await bmc.verify(never)).warnings, undefined);
    service.clockOffsetMs = -4 * YEAR_MS - 1000;
    const { warnings = [] } = await bmc.verify(never);
    assert.equal(warnings.length, 1);
    assert.match(warnings[0] ?? '', /clock of the BMC is 4 years behind \(it says 20.*`ingot bmc clock HOST --set`/);
    const seen = await bmc.management?.clock?.(never);
    assert.ok((seen?.aheadMs ?? 0) < -4 * YEAR_MS);
    const set = await bmc.management?.setClock?.(never);
    assert.ok(Math.abs(set?.aheadMs ?? YEAR_MS) < 10_000);
    assert.ok(Math.abs(service.clockOffsetMs) < 10_000);
    assert.equal((await bmc.verify(never)).warnings, undefined);
  }));

test('iDRAC: jobs that wait or hang are forgotten, those that have ended stay; others have no such queue', async () => {
  await withBmc({ personality: dellIdrac9 }, async (bmc, { bmc: { service } }) => {
    assert.equal(await bmc.management?.clearJobs?.(never), 0);
    assert.equal(await bmc.bios?.set({ LogicalProc: 'Disabled' }, never), 'pending');
    service.tasks.start('hangs for ever');
    assert.equal(await bmc.management?.clearJobs?.(never), 2);
    assert.deepEqual((await bmc.bios?.state(never))?.pending, {}, 'what waited with them is gone');
    assert.equal(await bmc.management?.clearJobs?.(never), 0);
  });
  await withBmc({}, async (bmc) => assert.equal(await bmc.management?.clearJobs?.(never), undefined));
});

test('redfish 3: iDRAC: a task that is purged too early is looked for among the jobs', async () => {
  const evidence = assumed('gone before anybody reads it');
  const quirks: Quirk[] = [{ kind: 'tasks-purged', afterMs: 0, evidence }];
  await using sim = await startTestBmc({ personality: dellIdrac9, quirks });
  const { tasks } = sim.bmc.service;
  const endpoint = { transport: 'http', host: '127.0.0.1', port: sim.bmc.port, trust: { verify: true } } as const;
  const login = { username: USER, password: PASSWORD };
  const doors = { clock: systemClock, log: silentLogger };
  const client = new RedfishClient({ address: 'redfish+http://127.0.0.1', ...endpoint, ...login }, doors, QUICK);
  try {
    for (const ends of ['done', 'fail'] as const) {
      const job = tasks.start('update');
      const { id } = job.record;
      job[ends](`it has ${ends}`);
      await sim.until('/redfish/v1/TaskService/Tasks', (body) => !JSON.stringify(body).includes(id));
      const handle = {
        task: `/redfish/v1/TaskService/Tasks/${id}`,
        monitor: `/redfish/v1/TaskService/TaskMonitors/${id}`,
      };
      const state = await client.task(handle, never);
      assert.equal(state.kind, ends === 'done' ? 'done' : 'failed', JSON.stringify(state));
      assert.match(state.messages.join(), new RegExp(`it has ${ends}`));
    }
    const other = await client.task({ task: '/redfish/v1/TaskService/Tasks/JID_999' }, never);
    assert.equal(other.kind, 'gone');
  } finally {
    await client.close();
  }
});

test('a clock that follows something else is not reported as set', () =>
  withBmc({}, async (bmc, { bmc: { service } }) => {
    Object.defineProperty(service, 'clockOffsetMs', { get: () => YEAR_MS, set: () => {} });
    const set = bmc.management?.setClock?.(never) ?? Promise.resolve();
    await assert.rejects(set, (error: Error) => {
      assert.ok(bmcErrors.is(error, 'BMC_CHANGE_NOT_ACCEPTED'), String(error));
      assert.match(error.message, /reads back otherwise: it may follow NTP/);
      return true;
    });
  }));
