/** Whole lives of machines whose BMC is somebody else's: libvirt's domains behind virtualbmc. */
import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import { FullLab, type OtherMachines, buildForTests } from '../support/full-lab.ts';
import { until } from '../support/lab.ts';
import { Libvirt } from '../support/libvirt.ts';
import { deprovisionAndFindWiped, provisionAndCallBack } from '../support/life.ts';
import { Vbmc } from '../support/vbmc.ts';

let lab: FullLab | undefined;
let libvirt: Libvirt;

const part = (story: string, name: string, seconds: number, work: (lab: FullLab) => Promise<void>) =>
  FullLab.test(() => lab, story, `${story}: ${name}`, seconds, work);

/** Machine by scheme of its address; each with another firmware, so that both meet a real peer. */
const MACHINES = [
  { name: 'libvirt', firmware: 'bios' },
  { name: 'ipmi', firmware: 'uefi' },
] as const;

before(async () => {
  const built = await buildForTests();
  lab = await FullLab.start(built, {
    hosts: [],
    images: { tiny: built.tinyQcow2 },
    others: async ({ network, name }, dir): Promise<OtherMachines> => {
      libvirt = await Libvirt.start({ network, dir, lab: name, domains: MACHINES });
      const vbmc = await Vbmc.start(libvirt);
      return {
        machines: libvirt.domains.map((domain) => ({
          ...domain,
          diskPaths: [domain.diskPath],
          bmcAddress: `${domain.name}://${vbmc.endpoint(domain.name)}`,
          username: vbmc.username,
          password: vbmc.password,
        })),
        async close() {
          await vbmc.close();
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

describe('a whole life', { concurrency: MACHINES.length }, () => {
  for (const { name } of MACHINES) describe(`a whole life, ${name}://`, { concurrency: 1 }, () => wholeLife(name));
});

function wholeLife(name: string): void {
  part(name, 'registered, inspected, available', 400, async (lab) => {
    await lab.enrol(name);
    const host = await lab.untilState(name, 'available', 380);
    const { mac, diskSerial } = lab.machine(name);
    const { nics, storage, systemVendor } = host.status?.hardware ?? {};
    assert.ok(nics?.some((nic) => nic.mac === mac && nic.pxe === true));
    assert.equal(storage?.[0]?.serialNumber, diskSerial);
    assert.equal(systemVendor?.manufacturer, 'QEMU');
  });

  part(name, 'provisioned; its own system calls back', 400, async (lab) => {
    await provisionAndCallBack(lab, name, 'tiny');
    assert.deepEqual(await libvirt.bootDevices(name), ['hd']);
  });

  part(name, 'without an image its disk is wiped', 300, async (lab) => {
    await deprovisionAndFindWiped(lab, name);
  });

  part(name, 'offline means off', 90, async (lab) => {
    await lab.patch(name, { online: false });
    await lab.until(name, 'power off', 60, (h) => h.status?.poweredOn === false);
    await until('libvirt to say so', 10, async () => (await libvirt.state(name)) === 'shut off');
  });
}
