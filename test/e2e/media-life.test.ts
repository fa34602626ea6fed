/**
 * Whole lives without a network boot: sushy-emulator's virtual CD (and its UEFI HTTP boot) in front of libvirt's domains, no
 * DHCP server anywhere, addresses from network data.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe } from 'node:test';
import { stringify } from 'yaml';
import { readConsole } from '../../src/sim/console-log.ts';
import { hostManifests } from '../../src/sim/lab-manifests.ts';
import { FullLab, type OtherMachines, buildForTests } from '../support/full-lab.ts';
import { until } from '../support/lab.ts';
import { Libvirt } from '../support/libvirt.ts';
import { deprovisionAndFindWiped, provisionAndCallBack } from '../support/life.ts';
import { Sushy } from '../support/sushy.ts';

let lab: FullLab | undefined;
let libvirt: Libvirt;

const part = (story: string, name: string, seconds: number, work: (lab: FullLab) => Promise<void>) =>
  FullLab.test(() => lab, story, `${story}: ${name}`, seconds, work);

/** Machine by what its BMC is told to boot. */
const MACHINES = [
  { name: 'cd', firmware: 'uefi', scheme: 'redfish-virtualmedia', ip: '10.77.0.51' },
  { name: 'http', firmware: 'uefi', scheme: 'redfish-uefihttp', ip: '10.77.0.52' },
] as const;

before(async () => {
  const built = await buildForTests();
  lab = await FullLab.start(built, {
    hosts: [],
    images: { tiny: built.tinyQcow2, live: join(built.ramdisk, 'ramdisk.iso') },
    dhcp: ['--no-dhcp'],
    others: async ({ network, name }, dir): Promise<OtherMachines> => {
      libvirt = await Libvirt.start({ network, dir, lab: name, domains: MACHINES });
      const sushy = await Sushy.start(libvirt);
      return {
        machines: libvirt.domains.map((domain) => ({
          ...domain,
          diskPaths: [domain.diskPath],
          bmcAddress: sushy.address(domain.name, MACHINES.find((m) => m.name === domain.name)?.scheme),
          username: sushy.username,
          password: sushy.password,
        })),
        async close() {
          await sushy.close();
          await libvirt.close();
        },
      };
    },
  });
});

after(async () => {
  if (lab !== undefined) console.log(lab.story);
  await lab?.close();
});

/** The Secret with the host's network, for the ramdisk, and by Metal3's fallback for its own system too. */
function networkSecret(name: string, mac: string, address: string): object {
  const networkData = JSON.stringify({
    links: [{ id: 'nic', type: 'phy', ethernet_mac_address: mac }],
    networks: [
      {
        id: 'net',
        link: 'nic',
        type: 'ipv4',
        ip_address: address,
        netmask: '255.255.255.0',
        routes: [{ network: '0.0.0.0', netmask: '0.0.0.0', gateway: '10.77.0.1' }],
      },
    ],
  });
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: `${name}-net`, namespace: 'default' },
    stringData: { networkData },
  };
}

/** Enrols a host of which no boot MAC address is known. */
async function enrol(lab: FullLab, name: string): Promise<void> {
  const machine = lab.machine(name);
  const ip = MACHINES.find((m) => m.name === name)?.ip ?? '';
  const [secret, host] = hostManifests(machine) as [object, { spec: Record<string, unknown> }];
  delete host.spec['bootMACAddress'];
  host.spec['preprovisioningNetworkDataName'] = `${name}-net`;
  const all = [networkSecret(name, machine.mac, ip), secret, host];
  await lab.kubectl.apply(all.map((object) => `---\n${stringify(object)}`).join(''));
}

/** Kinds of what was seen of a host, oldest first. */
async function seen(lab: FullLab, name: string): Promise<string[]> {
  return ((await lab.progress(name)).timeline ?? []).map((e) => e.kind);
}

describe('a life without network boot', { concurrency: MACHINES.length }, () => {
  describe('by virtual CD', { concurrency: 1 }, () => {
    part('cd', 'registered, inspected, available', 400, async (lab) => {
      await enrol(lab, 'cd');
      const host = await lab.untilState('cd', 'available', 380);
      const nics = host.status?.hardware?.nics ?? [];
      assert.ok(nics.some((nic) => nic.mac === lab.machine('cd').mac && nic.ip === '10.77.0.51'));
      const kinds = await seen(lab, 'cd');
      for (const kind of [
        'media-inserted',
        'boot-media-set',
        'http-iso',
        'http-iso-whole',
        'agent-registered',
        'media-ejected',
      ])
        assert.ok(kinds.includes(kind), `${kind} in ${kinds.join(' ')}`);
      assert.equal(
        kinds.some((kind) => kind.startsWith('dhcp') || kind.startsWith('tftp')),
        false,
      );
      assert.doesNotMatch(await libvirt.virsh('dumpxml', '--inactive', 'cd'), /<source file='[^']*\.iso'/, 'ejected');
    });

    part('cd', 'provisioned; its own system calls back', 400, async (lab) => {
      await provisionAndCallBack(lab, 'cd', 'tiny');
    });

    part('cd', 'without an image its disk is wiped', 300, async (lab) => {
      await deprovisionAndFindWiped(lab, 'cd');
    });

    part('cd', 'a live ISO runs from the virtual CD', 300, async (lab) => {
      const { text } = await readConsole(lab.machine('cd').consolePath);
      const greeting = 'loading the ramdisk from this medium';
      const before = text.split(greeting).length;
      const { url } = lab.image('live');
      await lab.patch('cd', { image: { url, format: 'live-iso' } });
      await lab.untilState('cd', 'provisioned', 120);
      await until('the ISO to boot', 120, async () => {
        const now = (await readConsole(lab.machine('cd').consolePath)).text;
        return now.split(greeting).length > before;
      });
      await lab.patch('cd', { image: null, automatedCleaningMode: 'disabled', online: false });
      await lab.untilState('cd', 'available', 120);
      await until('libvirt to say that it is off', 30, async () => (await libvirt.state('cd')) === 'shut off');
      assert.doesNotMatch(await libvirt.virsh('dumpxml', '--inactive', 'cd'), /<source file='[^']*\.iso'/, 'ejected');
    });
  });

  describe('by UEFI HTTP', { concurrency: 1 }, () => {
    part('http', 'registered, inspected, available', 400, async (lab) => {
      await enrol(lab, 'http');
      const host = await lab.untilState('http', 'available', 380);
      const nics = host.status?.hardware?.nics ?? [];
      assert.ok(nics.some((nic) => nic.mac === lab.machine('http').mac && nic.ip === '10.77.0.52'));
      const kinds = await seen(lab, 'http');
      assert.ok(kinds.includes('http-iso-whole') && !kinds.includes('media-inserted'), kinds.join(' '));
    });
  });
});
