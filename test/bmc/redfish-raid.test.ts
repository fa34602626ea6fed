/** What stands in the way of hardware RAID, vendor by vendor: done away with, or named together with what to do. */
import assert from 'node:assert/strict';
import test from 'node:test';
import type { Bmc } from '../../src/bmc/bmc.ts';
import { type BmcCode } from '../../src/bmc/protocol-errors.ts';
import { bmcErrors } from '../../src/bmc/errors.ts';
import { openBmc } from '../../src/bmc/open.ts';
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/log.ts';
import { dellIdrac9 } from '../../src/sim/redfish/personalities/dell-idrac9.ts';
import { hpeIlo5 } from '../../src/sim/redfish/personalities/hpe-ilo5.ts';
import type { StorageOptions } from '../../src/sim/redfish/state/storage.ts';
import { QUICK } from '../support/redfish-client.ts';
import { PASSWORD, type TestBmc, USER, startTestBmc } from '../support/redfish-sim.ts';

// Unit tests share one process: the time counts from when it started.
const never = AbortSignal.timeout(900_000);

async function withBmc(
  options: Parameters<typeof startTestBmc>[0],
  work: (bmc: Bmc, sim: TestBmc, paths: { controller: string; drive: (n: number) => string }) => Promise<void>,
): Promise<void> {
  await using sim = await startTestBmc(options);
  const bmc = openBmc({
    address: `redfish+http://127.0.0.1:${sim.bmc.port}`,
    credentials: { username: USER, password: PASSWORD },
    disableCertificateVerification: false,
    doors: { clock: systemClock, random: Math.random, log: silentLogger },
    redfishTiming: { ...QUICK, busyPauseMs: 250 },
    powerTiming: { reachMs: 30_000, pollMs: 20, pollMaxMs: 200, resendMs: 500 },
  });
  const controller = sim.bmc.service.paths.storage;
  try {
    await work(bmc, sim, { controller, drive: (n) => `${controller}/Drives/Disk.Bay.${n}` });
  } finally {
    await bmc.close();
  }
}

const dell = (storage: StorageOptions) => ({ personality: dellIdrac9, storage });

const refuses = (code: BmcCode, words: RegExp, hint: RegExp) => (error: unknown) => {
  assert.ok(bmcErrors.is(error, code), String(error));
  assert.match(error.message, words);
  assert.match(error.hint, hint);
  return true;
};

/** Volumes come a moment after their order. */
async function until(what: string, condition: () => boolean): Promise<void> {
  for (let i = 0; !condition(); i++) {
    assert.ok(i < 2000, what);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

test('iDRAC: a controller in HBA mode makes no volumes, and says how to change that; RAID mode is for the next start', () =>
  withBmc(dell({ mode: 'HBA' }), async (bmc, sim, { controller, drive }) => {
    const storage = bmc.storage ?? assert.fail();
    const wanted = { controller, level: '1', drives: [drive(0), drive(1)] };
    assert.equal((await storage.controllers(never))[0]?.mode, 'HBA');
    const words = /controller RAID\.Integrated\.1-1 is in HBA mode/;
    await assert.rejects(storage.createVolume(wanted, never), refuses('BMC_RAID_MODE', words, /raid mode HOST/));
    assert.equal(sim.bmc.service.tasks.list().length, 0, 'nothing was ordered');

    assert.equal(await storage.setControllerMode?.('RAID.Integrated.1-1', 'RAID', never), 'pending');
    await bmc.setPower('on', never);
    await until('the mode to change', () => sim.bmc.service.storage.mode === 'RAID');
    assert.equal(await storage.setControllerMode?.(controller, 'RAID', never), 'done');
    await storage.createVolume(wanted, never);
    await until('a volume', () => sim.bmc.service.storage.list().length === 1);
  }));

test('iDRAC: drives that the controller passes through become RAID drives; a volume of those left alone is refused', () =>
  withBmc(dell({ nonRaid: ['Disk.Bay.0', 'Disk.Bay.3'] }), async (bmc, sim, { controller, drive }) => {
    const storage = bmc.storage ?? assert.fail();
    await storage.createVolume({ controller, level: '1', drives: [drive(0), drive(1)] }, never);
    await until('a volume', () => sim.bmc.service.storage.list().length === 1);
    assert.deepEqual([...sim.bmc.service.storage.nonRaid], ['Disk.Bay.3'], 'no other drive was touched');
    const [seen] = await storage.controllers(never);
    assert.deepEqual(
      seen?.drives.map((d) => d.raidStatus),
      ['Online', 'Online', 'Ready', 'NonRAID'],
    );
  }));

test('iDRAC: a foreign configuration is cleared when that was agreed to, and named otherwise', () =>
  withBmc(dell({ foreign: ['Disk.Bay.1'] }), async (bmc, sim, { controller, drive }) => {
    const storage = bmc.storage ?? assert.fail();
    const state = sim.bmc.service.storage;
    const wanted = { controller, level: '1', drives: [drive(0), drive(1)] };
    const words = /drives Disk\.Bay\.1 of RAID\.Integrated\.1-1 hold the configuration of another controller/;
    const refusal = refuses('BMC_RAID_FOREIGN', words, /raid clear-foreign HOST/);
    await assert.rejects(storage.createVolume(wanted, never), refusal);
    assert.equal(state.foreign.size, 1, 'nothing is lost without a word');
    await storage.createVolume({ ...wanted, clearForeign: true }, never);
    await until('a volume', () => state.list().length === 1);
    state.foreign.add('Disk.Bay.2');
    await storage.clearForeign?.(controller, never);
    assert.equal(state.foreign.size, 0);
    await storage.clearForeign?.(controller, never);
  }));

test('iDRAC: one job at a time; a second order is “occupied”, not refused for good, and no other form is tried', () =>
  withBmc(dell({ realTime: false }), async (bmc, sim, { controller, drive }) => {
    const storage = bmc.storage ?? assert.fail();
    const { tasks, storage: state } = sim.bmc.service;
    assert.equal(
      await storage.createVolume({ controller, level: '1', drives: [drive(0), drive(1)] }, never),
      'pending',
    );
    const second = { controller, level: '1', drives: [drive(2), drive(3)] };
    const refusal = refuses('BMC_RAID_OCCUPIED', /a configuration job exists already/, /job queue/);
    await assert.rejects(storage.createVolume(second, never), refusal);
    assert.equal(tasks.list().length, 1);
    await bmc.setPower('on', never);
    await until('the first volume', () => state.list().length === 1);
    const [made] = (await storage.controllers(never))[0]?.volumes ?? [];
    assert.equal(await storage.createVolume(second, never), 'pending');
    await assert.rejects(storage.deleteVolume(made?.id ?? '', never), refusal);
    await bmc.setPower('cycle', never);
    await until('the second volume', () => state.list().length === 2);
  }));

test('iLO 5 makes no volumes by Redfish', () =>
  withBmc({ personality: hpeIlo5 }, async (bmc, _sim, { controller, drive }) => {
    const storage = bmc.storage ?? assert.fail();
    const wanted = { controller, level: '1', drives: [drive(0), drive(1)] };
    const refusal = refuses('BMC_UNSUPPORTED', /makes no volumes by Redfish \(iLO 5 does not/, /./);
    await assert.rejects(storage.createVolume(wanted, never), refusal);
  }));
