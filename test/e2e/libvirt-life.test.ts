/** Whole lives of machines whose BMC is somebody else's: libvirt's domains behind virtualbmc and sushy-emulator. */
import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import { FullLab, type OtherMachines, buildForTests } from '../support/full-lab.ts';
import { until } from '../support/lab.ts';
import { Libvirt, siteMachine } from '../support/libvirt.ts';
import { deprovisionAndFindWiped, provisionAndCallBack } from '../support/life.ts';
import { Sushy } from '../support/sushy.ts';
import { Vbmc } from '../support/vbmc.ts';

let lab: FullLab | undefined;
let libvirt: Libvirt;

const part = (story: string, name: string, seconds: number, work: (lab: FullLab) => Promise<void>) =>
  FullLab.test(() => lab, story, `${story}: ${name}`, seconds, work);

/** Machines, by the scheme of their addresses. */
const MACHINES = [
  { name: 'libvirt', firmware: 'bios' },
  { name: 'ipmi', firmware: 'uefi' },
  { name: 'redfish', firmware: 'bios' },
] as const;

before(async () => {
  const built = await buildForTests();
  lab = await FullLab.start(built, {
    hosts: [],
    images: { tiny: built.tinyQcow2 },
    others: async ({ network, name }, dir): Promise<OtherMachines> => {
      libvirt = await Libvirt.start({ network, dir, lab: name, domains: MACHINES });
      const [vbmc, sushy] = await Promise.all([
        Vbmc.start(libvirt, { domains: ['libvirt', 'ipmi'] }),
        Sushy.start(libvirt, { username: 'operator' }),
      ]);
      return {
        machines: [
          siteMachine(libvirt, 'libvirt', `libvirt://${vbmc.endpoint('libvirt')}`, vbmc),
          siteMachine(libvirt, 'ipmi', `ipmi://${vbmc.endpoint('ipmi')}`, vbmc),
          siteMachine(libvirt, 'redfish', sushy.address('redfish'), sushy),
        ],
        async close() {
          await Promise.all([vbmc.close(), sushy.close()]);
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
    assert.equal((await libvirt.bootDevices(name))[0], 'hd');
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
