/** Our driver against every personality of the simulator: the wanted state is reached, or the error says why not. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { bmcErrors } from '../../src/bmc/errors.ts';
import { openBmc } from '../../src/bmc/open.ts';
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/log.ts';
import { assumed } from '../../src/sim/redfish/evidence.ts';
import { dellIdrac9 } from '../../src/sim/redfish/personalities/dell-idrac9.ts';
import { EXTRA_QUIRKS } from '../../src/sim/redfish/extra-quirks.ts';
import { PERSONALITIES } from '../../src/sim/redfish/personalities/all.ts';
import { redfishAddressOf } from '../../src/sim/redfish/server.ts';
import { QUICK } from '../support/redfish-client.ts';
import { PASSWORD, type TestBmc, USER, startTestBmc } from '../support/redfish-sim.ts';

// Unit tests share one process: the time counts from when it started.
const never = AbortSignal.timeout(900_000);
/** The simulator's vendors are busy for hundreds of milliseconds, not for seconds. */
const TIMING = { ...QUICK, busyPauseMs: 250, postPauseMs: 50, postPauseMaxMs: 200 };

suite('vendors', { concurrency: true }, () => {
  for (const personality of PERSONALITIES) {
    test(`redfish 4, 6: ${personality.name}: network once, then disk; power; boot mode; no session left`, async () => {
      await using t = await startTestBmc({ personality });
      const bmc = openBmc({
        // With the path: a DGX has two systems.
        address: redfishAddressOf(t.bmc),
        credentials: { username: USER, password: PASSWORD },
        disableCertificateVerification: true,
        doors: { clock: systemClock, random: Math.random, log: silentLogger },
        redfishTiming: TIMING,
        powerTiming: { reachMs: 30_000, pollMs: 20, pollMaxMs: 200, resendMs: 1000 },
      });
      try {
        assert.match((await bmc.verify(never)).protocol, /^Redfish 1\.\d+/);
        await bmc.setPower('off', never);
        await bmc.setBootOverride({ device: 'pxe', persistence: 'once', firmware: 'uefi' }, never);
        await bmc.setPower('on', never);
        await started(t.machine, 1);
        assert.deepEqual(t.machine.boots.at(-1), { from: 'network', mode: 'UEFI', media: undefined });
        await bmc.setBootOverride({ device: 'disk', persistence: 'persistent', firmware: 'uefi' }, never);
        await bmc.setPower('cycle', never);
        await started(t.machine, 2);
        assert.equal(t.machine.boots.at(-1)?.from, 'disk');
        await bmc.setBootOverride({ device: 'cdrom', persistence: 'once', firmware: 'uefi' }, never);
        assert.equal((await bmc.bootOverride(never)).device, 'cdrom');
        await bmc.setPower('reset', never);
        assert.equal(await bmc.powerState(never), 'on');
        await uefiHttp(bmc, t, personality.bootTargets.includes('UefiHttp'));
        await legacy(bmc);
      } finally {
        await bmc.close();
      }
      assert.equal(t.bmc.service.sessions.list().length, 0);
    });
  }
});

test('redfish 4: iDRAC: another boot mode is a job for the next start, and the override for it is taken all the same', async () => {
  const machineOptions = { bootMode: 'Legacy' } as const;
  await using t = await startTestBmc({ personality: dellIdrac9, machineOptions });
  const bmc = openBmc({
    address: `redfish+http://127.0.0.1:${t.bmc.port}`,
    credentials: { username: USER, password: PASSWORD },
    disableCertificateVerification: false,
    doors: { clock: systemClock, random: Math.random, log: silentLogger },
    redfishTiming: TIMING,
    powerTiming: { reachMs: 30_000, pollMs: 20, pollMaxMs: 200, resendMs: 1000 },
  });
  try {
    const modes = bmc.bootMode ?? assert.fail();
    assert.equal(await modes.setBootMode('uefi', never), 'pending');
    assert.equal(await modes.bootMode(never), 'legacy');
    await bmc.setPower('on', never);
    await started(t.machine, 1);
    assert.equal(await modes.bootMode(never), 'uefi');
    assert.equal(await modes.setBootMode('uefi', never), 'done');
    assert.equal(await modes.setSecureBoot(true, never), 'pending');
    await bmc.setPower('cycle', never);
    await started(t.machine, 2);
    assert.equal(await modes.setSecureBoot(true, never), 'done');
  } finally {
    await bmc.close();
  }
});

test('redfish 4: an override that the BMC drops after it was read back is there again when the machine starts', async () => {
  const evidence = assumed('seen after self tests and BIOS jobs');
  await using t = await startTestBmc({ quirks: [{ kind: 'boot-silently-reverts', afterMs: 50, evidence }] });
  const bmc = openBmc({
    address: `redfish+http://127.0.0.1:${t.bmc.port}`,
    credentials: { username: USER, password: PASSWORD },
    disableCertificateVerification: false,
    doors: { clock: systemClock, random: Math.random, log: silentLogger },
    redfishTiming: TIMING,
  });
  try {
    await bmc.setBootOverride({ device: 'pxe', persistence: 'once', firmware: 'uefi' }, never);
    await t.until(t.bmc.service.paths.system, (body) => body.Boot.BootSourceOverrideTarget === 'None');
    await bmc.setPower('on', never);
    await started(t.machine, 1);
    assert.equal(t.machine.boots.at(-1)?.from, 'network');
    assert.equal((await bmc.bootOverride(never)).device, 'none', 'once');
  } finally {
    await bmc.close();
  }
});

/** What a person tells us with the annotation or `--quirks`, where no vendor’s name gives it away. */
const TOLD: Partial<Record<string, string[]>> = { 'always-continuous': ['boot-reads-continuous'] };

suite('quirks of no vendor in particular', { concurrency: true }, () => {
  for (const quirk of EXTRA_QUIRKS) {
    test(`redfish 4, 5, 6: ${quirk.kind}: the wanted state, or an error that says why not`, async () => {
      await using t = await startTestBmc({ quirks: [quirk] });
      const bmc = openBmc({
        address: redfishAddressOf(t.bmc),
        credentials: { username: USER, password: PASSWORD },
        disableCertificateVerification: false,
        quirks: TOLD[quirk.kind] ?? [],
        doors: { clock: systemClock, random: Math.random, log: silentLogger },
        redfishTiming: TIMING,
        powerTiming: { reachMs: 30_000, pollMs: 20, pollMaxMs: 200, resendMs: 1000 },
      });
      /** @returns whether it was reached */
      const reach = async (work: Promise<unknown>): Promise<boolean> => {
        try {
          await work;
          return true;
        } catch (error) {
          assert.ok(bmcErrors.is(error), String(error));
          return false;
        }
      };
      try {
        const pxe = { device: 'pxe', persistence: 'once', firmware: 'uefi' } as const;
        assert.ok(await reach(bmc.setBootOverride(pxe, never)), 'boot override');
        assert.ok(await reach(bmc.setPower('on', never)), 'power');
        await started(t.machine, 1);
        assert.equal(t.machine.boots[0]?.from, 'network');
        const url = 'http://192.0.2.1/ramdisk.iso';
        const slot = bmc.media?.insert(url, { keepOthers: false }, never);
        assert.ok(slot);
        if (await reach(slot)) assert.equal((await slot).image, url);
        await reach(bmc.bios?.reset(never) ?? Promise.resolve());
        assert.ok(await reach(bmc.setPower('off', never)), 'power off');
        assert.equal(t.machine.power(), 'Off');
      } finally {
        await bmc.close();
      }
    });
  }
});

async function started(machine: { boots: readonly unknown[] }, count: number): Promise<void> {
  for (let i = 0; machine.boots.length < count; i++) {
    assert.ok(i < 1000, `${machine.boots.length} starts`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Set and taken back where the BMC has it, refused in words where it has not (Lenovo, Cisco, Huawei, bmcweb). */
async function uefiHttp(bmc: ReturnType<typeof openBmc>, t: TestBmc, has: boolean): Promise<void> {
  const httpUri = 'http://192.0.2.1/ramdisk.iso';
  const setting = bmc.setBootOverride({ device: 'http', persistence: 'once', firmware: 'uefi', httpUri }, never);
  if (!has) {
    await assert.rejects(setting, (error) => bmcErrors.is(error, 'BMC_UNSUPPORTED'));
    return;
  }
  await setting;
  assert.equal((await bmc.bootOverride(never)).httpUri, httpUri);
  await bmc.setBootOverride({ device: 'none', persistence: 'once', firmware: 'uefi' }, never);
  assert.equal((await bmc.bootOverride(never)).device, 'none');
  const { pendingBoot } = t.bmc.service;
  assert.ok(!(pendingBoot ?? t.machine.bootOrder()).httpUri, 'nothing boots from there any more');
}

async function legacy(bmc: ReturnType<typeof openBmc>): Promise<void> {
  assert.ok(bmc.bootMode !== undefined);
  try {
    const result = await bmc.bootMode.setBootMode('legacy', never);
    if (result === 'done') assert.equal(await bmc.bootMode.bootMode(never), 'legacy');
  } catch (error) {
    assert.ok(bmcErrors.is(error, 'BMC_UNSUPPORTED') || bmcErrors.is(error, 'BMC_COMMAND_REFUSED'), String(error));
  }
}
