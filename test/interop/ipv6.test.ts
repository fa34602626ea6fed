/** A BMC at an IPv6 address: `ingot up` as a process, kubectl, a simulated Redfish BMC and its machine, all on [::1]. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import type { BareMetalHost } from '../../src/api/baremetalhost.ts';
import { PASSWORD, USER, startTestBmc } from '../support/redfish-sim.ts';
import { SimAgent, request } from '../support/sim-agent.ts';
import { fetchIso } from '../support/sim-media.ts';
import { NS, Standalone, plainDisk } from '../support/standalone.ts';

const MAC = '52:54:00:aa:00:06';

test('the ISO, the agent’s connection and the events of a BMC all go by IPv6', { timeout: 120_000 }, async () => {
  await using sim = await startTestBmc({ address: '::1' });
  // Which address the machine itself sees cannot be known on loopback alone.
  const bed = await Standalone.start(['--ramdisk-address', '0:0::1', '--bmc-events']);
  const life = new AbortController();
  const isos: (string | undefined)[] = [];
  const failures: unknown[] = [];
  sim.machine.watch(({ kind }) => {
    if (kind === 'boot') setImmediate(() => void boot().catch((error: unknown) => failures.push(error)));
  });
  /** What a machine does that finds a CD. */
  async function boot(): Promise<void> {
    const { from, media } = sim.machine.boots.at(-1) ?? assert.fail('no boot');
    if (from !== 'cd') return;
    isos.push(media);
    const iso = (await fetchIso(media ?? '')) ?? assert.fail(`nothing at ${media}`);
    const hardware = { mac: MAC, uuid: randomUUID(), firmware: 'uefi', disks: [plainDisk()] } as const;
    await new SimAgent({ ...hardware, disks: [...hardware.disks] }, () => {}, life.signal).run(iso);
  }
  try {
    await bed.secret('v6-bmc', { username: USER, password: PASSWORD });
    const address = `redfish-virtualmedia+http://[::1]:${sim.bmc.port}`;
    await bed.apply({
      apiVersion: 'metal3.io/v1alpha1',
      kind: 'BareMetalHost',
      metadata: { namespace: NS, name: 'v6' },
      spec: { online: true, bootMACAddress: MAC, bmc: { address, credentialsName: 'v6-bmc' } },
    });
    const found: BareMetalHost = await bed.hosts.well('v6', 'available');
    assert.equal(found.status?.hardware?.nics?.[0]?.mac, MAC);
    assert.deepEqual(failures, []);
    const port = new URL(bed.httpUrl).port;
    assert.match(isos[0] ?? '', new RegExp(`^http://\\[::1\\]:${port}/media/${NS}/1/`));
    const [subscription] = sim.bmc.service.subscriptions.list();
    assert.match(subscription?.destination ?? '', new RegExp(`^http://\\[::1\\]:${port}/redfish-events/`));
    // By IPv4 as before, by IPv6 too; but what nothing protects is for the boot network alone.
    for (const [host, status] of [
      ['127.0.0.1', 200],
      ['[::1]', 404],
    ] as const) {
      assert.equal((await request('GET', `http://${host}:${port}/healthz`)).status, 200, host);
      assert.equal((await request('GET', `http://${host}:${port}/boot.ipxe`)).status, status, host);
    }
    const nothing = await request('GET', `http://[::1]:${port}/boot/${MAC}`);
    assert.deepEqual([nothing.status, /machines boot by IPv4/.test(nothing.body)], [404, true]);
  } finally {
    life.abort();
    await bed.close();
  }
});
