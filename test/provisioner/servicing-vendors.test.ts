/** Servicing through the real Redfish driver and each simulated vendor's BMC: all come to the wanted state. */
import assert from 'node:assert/strict';
import { type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { BARE_METAL_HOST } from '../../src/api/resources.ts';
import { openBmc } from '../../src/bmc/open.ts';
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/log.ts';
import { completeStatus } from '../../src/host/status.ts';
import { PERSONALITIES } from '../../src/sim/redfish/personalities/all.ts';
import { redfishAddressOf } from '../../src/sim/redfish/server.ts';
import { Engine, KEY, World } from '../support/engine.ts';
import { QUICK } from '../support/redfish-client.ts';
import { PASSWORD, USER, startTestBmc } from '../support/redfish-sim.ts';

describe('provisioner: servicing, by vendor', { concurrency: true }, () => {
  let files: Server;
  let url: string;

  before(async () => {
    files = createServer((_request, response) => response.end('component=BIOS\nversion=99.1\n'));
    await new Promise<void>((resolve) => files.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(files.address() as AddressInfo).port}/bios`;
  });

  after(() => void files.close());

  for (const personality of PERSONALITIES) {
    it(personality.name, { timeout: 60_000 }, async () => {
      await using sim = await startTestBmc({ personality, machineOptions: { timing: { shutdownMs: 20 } } });
      const world = new World();
      Object.assign(world.limits, { settleEveryMs: 20, bmcTroubleMs: 20_000 });
      // With the path: a DGX has two systems.
      const address = redfishAddressOf(sim.bmc);
      world.bmc = openBmc({
        address,
        credentials: { username: USER, password: PASSWORD },
        disableCertificateVerification: true,
        doors: { clock: systemClock, random: Math.random, log: silentLogger },
        redfishTiming: { ...QUICK, busyPauseMs: 250, postPauseMs: 50, postPauseMaxMs: 200 },
        powerTiming: { reachMs: 30_000, pollMs: 20, pollMaxMs: 200, resendMs: 1000 },
      });
      const engine = await Engine.start(world);
      try {
        await world.addHost({ bmc: { address, credentialsName: 's' } });
        const status = completeStatus({
          operationalStatus: 'servicing',
          provisioning: { state: 'provisioned', ID: 'x' },
        });
        await world.store.patchStatus(BARE_METAL_HOST, KEY, { status });
        const { bios } = sim.bmc.service;
        assert.equal(bios.attributes['ProcVirtualization'], 'Enabled');
        const firmware = {
          settings: { ProcVirtualization: 'Disabled', AcPwrRcvryUserDelay: 90 },
          updates: [{ component: 'bios', url }],
        };
        const outcome = await engine.until((p, c) => p.service(c, { restart: false, firmware }), { timeoutMs: 50_000 });
        assert.deepEqual(outcome, { kind: 'done' });
        assert.equal(bios.attributes['ProcVirtualization'], 'Disabled');
        assert.equal(bios.attributes['AcPwrRcvryUserDelay'], 90);
        assert.equal(sim.bmc.service.firmware.find((f) => f.id === 'BIOS')?.version, '99.1');
        assert.deepEqual([...new Set(sim.machine.boots.map((b) => b.from))], ['disk']);
      } finally {
        await engine.kill();
        await world.bmc.close();
        await world.end();
      }
    });
  }
});
