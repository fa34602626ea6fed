/** What can be switched on in a simulated fleet goes wrong, and our client gets there all the same or says why not. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Bmc } from '../../src/bmc/bmc.ts';
import { bmcErrors } from '../../src/bmc/errors.ts';
import { openBmc } from '../../src/bmc/open.ts';
import { sleep, systemClock } from '../../src/core/clock.ts';
import { Deadline, deadlineErrors } from '../../src/core/deadline.ts';
import { silentLogger } from '../../src/core/log.ts';
import type { BmcFaults } from '../../src/sim/faults.ts';
import { type FleetMember, startFleet } from '../../src/sim/fleet.ts';
import { personalityNamed } from '../../src/sim/redfish/personalities/all.ts';

const credentials = { username: 'admin', password: 'fleet-secret' };

/** The same luck in every run. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 48271) % 0x7fffffff) / 0x7fffffff;
}

async function withBmc(
  protocol: 'ipmi' | 'redfish',
  faults: BmcFaults,
  work: (bmc: Bmc, member: FleetMember) => Promise<void>,
): Promise<void> {
  const fleet = await startFleet({
    count: 1,
    protocol,
    personalities: [personalityNamed('plain')],
    address: '127.0.0.1',
    firstPort: 0,
    faults,
    ...credentials,
    clock: systemClock,
    random: seeded(7),
    log: silentLogger,
  });
  const [member] = fleet.members;
  assert.ok(member);
  const doors = { clock: systemClock, random: Math.random, log: silentLogger };
  const bmc = openBmc({ address: member.bmcAddress, credentials, disableCertificateVerification: true, doors });
  try {
    await work(bmc, member);
  } finally {
    await bmc.close();
    await fleet.close();
  }
}

/** As the engine does: what may succeed later is tried again; anything else is a failure of the test. */
async function stubbornly<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await work();
    } catch (error) {
      if (!bmcErrors.is(error) || !error.retry || tries === 5) throw error;
    }
  }
}

async function until(reached: () => boolean): Promise<void> {
  for (const end = performance.now() + 60_000; !reached();) {
    assert.ok(performance.now() < end, 'never');
    await sleep(systemClock, 5);
  }
}

const FAULTS: Readonly<Record<string, BmcFaults>> = {
  'an eighth is lost, both ways': { loss: 0.125 },
  'every answer is late': { delayMs: 200 },
  'a third comes twice': { duplicates: 0.34 },
  'a third is overtaken': { reordered: 0.34 },
  'it hangs after bursts': { burst: { requests: 5, withinMs: 1000, forMs: 1500 } },
  'it restarts in the middle of every second change': { restartEvery: 2, restartMs: 700 },
  'all of it, a little': { loss: 0.05, delayMs: 30, duplicates: 0.1, reordered: 0.1, restartEvery: 3, restartMs: 500 },
};

describe('faults of a fleet', { concurrency: true }, () => {
  for (const protocol of ['ipmi', 'redfish'] as const) {
    for (const [what, faults] of Object.entries(FAULTS)) {
      test(`${protocol}: ${what}: network boot once, on, off`, { timeout: 300_000 }, () =>
        withBmc(protocol, faults, async (bmc, { machine }) => {
          const signal = AbortSignal.timeout(280_000);
          const pxe = { device: 'pxe', persistence: 'once', firmware: 'uefi' } as const;
          await stubbornly(() => bmc.setBootOverride(pxe, signal));
          await stubbornly(() => bmc.setPower('on', signal));
          assert.equal(await stubbornly(() => bmc.powerState(signal)), 'on');
          await until(() => machine.power() === 'On');
          assert.deepEqual(
            machine.boots.map((boot) => boot.from),
            ['network'],
            'started once, as told',
          );
          await stubbornly(() => bmc.setPower('off', signal));
          await until(() => machine.power() === 'Off');
        }),
      );
    }

    test(`${protocol}: nothing comes through: said with a code, in time`, { timeout: 300_000 }, () =>
      withBmc(protocol, { loss: 1 }, async (bmc) => {
        using deadline = new Deadline(systemClock, 'the BMC', 30_000);
        await assert.rejects(bmc.powerState(deadline.signal), (error) => {
          assert.ok(bmcErrors.is(error, 'BMC_UNREACHABLE') || deadlineErrors.is(error), String(error));
          return true;
        });
      }),
    );
  }

  test('redfish: faults are switched off while it runs', { timeout: 300_000 }, () =>
    withBmc('redfish', { delayMs: 150 }, async (bmc, { redfish }) => {
      assert.ok(redfish);
      const signal = AbortSignal.timeout(280_000);
      const ask = async () => {
        const begin = performance.now();
        await bmc.powerState(signal);
        return performance.now() - begin;
      };
      await ask();
      assert.ok((await ask()) >= 140);
      redfish.faults.delayMs = 0;
      redfish.faults.loss = 0;
      const times = [await ask(), await ask(), await ask()];
      assert.ok(Math.min(...times) < 140, `${times.join(', ')} ms`);
    }),
  );
});
