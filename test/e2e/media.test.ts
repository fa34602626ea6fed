/**
 * The ramdisk from its own ISO on whole machines (QEMU, software emulation), no DHCP and no TFTP: our HTTP server makes the
 * ISO while nbdkit fetches it in ranges, the real agent registers with the token that is on it.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import test from 'node:test';
import { buildRamdisk } from '../../images/ramdisk/build.ts';
import { SECRET } from '../../src/api/resources.ts';
import { exec } from '../../src/core/exec.ts';
import { CdMachine } from '../support/cd-machine.ts';
import { Engine, KEY, World } from '../support/engine.ts';
import { type VmOptions, virtioDisk } from '../support/ramdisk-vm.ts';

const CACHE = resolve(import.meta.dirname, '../../.cache/ramdisk');
const RAMDISK = join(CACHE, 'out');
const MAC = '52:54:00:12:00:07';
/** Emulated machines on busy build hosts are slow; nothing here takes this long otherwise. */
const PATIENCE_MS = 240_000;

const CARD = { id: 'nic', type: 'phy', ethernet_mac_address: MAC };
/** QEMU’s user-mode network; its DHCP server is switched off by nobody, so that the ramdisk must be seen not to ask. */
const ADDRESS = {
  type: 'ipv4',
  ip_address: '10.0.2.77',
  netmask: '255.255.255.0',
  routes: [{ network: '0.0.0.0', netmask: '0.0.0.0', gateway: '10.0.2.2' }],
};

/** The same network by IPv6: there we are fec0::2, which is ::1 for the listener. */
const ADDRESS_V6 = { type: 'ipv6', ip_address: 'fec0::77/64' };

/** Inspects a machine that boots from a virtual CD, and switches it off. @param v6 it finds the agent API by IPv6 */
async function inspectedByCd(
  network: object,
  v6: boolean,
  options: (dir: string) => VmOptions,
  check: (lab: { machine: CdMachine; engine: Engine }) => void,
) {
  const dir = await mkdtemp(join(tmpdir(), 'ingot-media-'));
  const world = new World();
  const machine = new CdMachine(dir, options(dir));
  let engine: Engine | undefined;
  try {
    world.bmc = machine;
    world.ramdiskDir = RAMDISK;
    world.ramdiskAddress = v6 ? 'fec0::2' : '10.0.2.2';
    world.agentListens = v6 ? '::1' : '127.0.0.1';
    world.kernelArguments = 'ignore_loglevel';
    world.limits = {
      ...world.limits,
      agentBootMs: PATIENCE_MS,
      agentSuspectMs: 60_000,
      agentLostMs: 90_000,
      inspectMs: PATIENCE_MS,
    };
    engine = await Engine.start(world);
    const data = { networkData: Buffer.from(JSON.stringify(network)).toString('base64') };
    await world.store.create(SECRET, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { namespace: KEY.namespace, name: 'net' },
      data,
    });
    await world.addHost({
      bmc: { address: 'redfish-virtualmedia://cd', credentialsName: 's' },
      preprovisioningNetworkDataName: 'net',
    });
    const outcome = await engine.until((p, c) => p.inspect(c, { restart: false, force: false }), {
      timeoutMs: PATIENCE_MS,
    });
    assert.equal(outcome?.kind, 'done', JSON.stringify(outcome));
    const nics = outcome.kind === 'done' ? outcome.details.nics : [];
    assert.ok(nics?.some((n) => n.mac === MAC));
    assert.deepEqual(machine.writes, ['insert', 'boot cdrom once', 'on', 'eject']);
    const { mediaFetch, timeline = [] } = engine.book.status(KEY);
    assert.equal(mediaFetch, undefined, 'forgotten with the CD');
    const kinds = timeline.map((e) => e.kind);
    for (const kind of [
      'media-inserted',
      'boot-media-set',
      'power-on',
      'http-iso',
      'agent-registered',
      'media-ejected',
    ]) {
      assert.ok(kinds.includes(kind), kind);
    }
    check({ machine, engine });
    await engine.until((p, c) => p.powerOff(c, { mode: 'hard', force: false }));
    assert.equal(machine.vm, undefined);
  } catch (error) {
    throw new Error(`${String(error)}\n${machine.output}`, { cause: error });
  } finally {
    await machine.close();
    await engine?.kill();
    await world.end();
    await rm(dir, { recursive: true });
  }
}

/** A disk that an installer was once copied to: what signed GRUB would find if it had to search for its files. */
async function makeTrap(path: string): Promise<void> {
  await writeFile(path, '');
  await truncate(path, 64 * 2 ** 20);
  await exec('mkfs.vfat', ['-F', '32', '-n', 'INSTALLER', path], { env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' } });
  const config = `${path}.cfg`;
  writeFileSync(config, 'echo TRAPPED\nsleep 1000\n');
  await exec('mmd', ['-i', path, '::/.disk', '::/boot', '::/boot/grub']);
  await exec('mcopy', ['-i', path, config, '::/.disk/info']);
  await exec('mcopy', ['-i', path, config, '::/boot/grub/grub.cfg']);
}

// Side by side: each waits for its machine most of the time.
test('the ramdisk from an ISO', { timeout: 900_000, concurrency: 2 }, async (t) => {
  await buildRamdisk({ outDir: RAMDISK, cacheDir: CACHE, log: () => {} });

  const bios = t.test('BIOS, static addresses: registers without DHCP, by IPv6', async () => {
    const networks = [ADDRESS, ADDRESS_V6].map((address) => ({ ...address, link: 'nic' }));
    await inspectedByCd(
      { links: [CARD], networks },
      true,
      () => ({ memoryMib: 768, mac: MAC }),
      ({ machine, engine }) => {
        assert.equal(engine.book.status(KEY).agent?.firmware, 'bios');
        assert.match(machine.output, /network made from the network data on the medium/);
        assert.match(machine.output, /registering server=https:\/\/\[fec0::2\]:/);
        assert.doesNotMatch(machine.output, /ingot-ramdisk: network/, 'DHCP was not asked');
        assert.doesNotMatch(machine.output, /\bingot\.token=/);
      },
    );
  });

  const uefi = t.test('UEFI with Secure Boot, bond and VLAN, beside a disk with an installer of long ago', async () => {
    const network = {
      links: [
        CARD,
        { id: 'bond', type: 'bond', bond_links: ['nic'], bond_mode: 'active-backup' },
        { id: 'vlan', type: 'vlan', vlan_link: 'bond', vlan_id: 7 },
      ],
      networks: [
        { ...ADDRESS, link: 'bond' },
        { link: 'vlan', type: 'ipv4', ip_address: '10.7.0.5/24' },
      ],
    };
    const trap = join(await mkdtemp(join(tmpdir(), 'ingot-trap-')), 'trap.raw');
    await makeTrap(trap);
    try {
      await inspectedByCd(
        network,
        false,
        (dir) => ({
          memoryMib: 1024,
          mac: MAC,
          devices: virtioDisk(trap, 'TRAP'),
          uefi: { vars: join(dir, 'vars.fd'), secureBoot: true },
        }),
        ({ machine, engine }) => {
          assert.equal(engine.book.status(KEY).agent?.firmware, 'uefi');
          assert.match(machine.output, /secureboot: Secure boot enabled/);
          assert.doesNotMatch(machine.output, /TRAPPED/);
        },
      );
    } finally {
      await rm(join(trap, '..'), { recursive: true });
    }
  });
  await Promise.all([bios, uefi]);
});
