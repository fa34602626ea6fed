/** First stages that are not iPXE already: firmware that fetches our loader by TFTP or by HTTP. */
import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import { FullLab, buildForTests, labFolder } from '../support/full-lab.ts';
import { PlainBiosRom } from '../support/plain-bios-rom.ts';

/** Takes OVMF's PXE entries away, which leaves those of HTTP boot. */
const HTTP_BOOT_ONLY = [4, 6].flatMap((v) => ['-fw_cfg', `name=opt/org.tianocore/IPv${v}PXESupport,string=n`]);

let lab: FullLab | undefined;
let rom: PlainBiosRom | undefined;

before(async () => {
  rom = await PlainBiosRom.start(await labFolder(), 'bios-pxe');
  lab = await FullLab.start(await buildForTests(), {
    hosts: [
      { name: 'bios-pxe', firmware: 'bios', nic: 'e1000', extraArgs: rom.extraArgs },
      { name: 'uefi-pxe', firmware: 'uefi', plainRom: true },
      { name: 'uefi-http', firmware: 'uefi', plainRom: true, extraArgs: HTTP_BOOT_ONLY },
    ],
    images: {},
  });
});

after(async () => {
  if (lab !== undefined) console.log(lab.story);
  await lab?.close();
  await rom?.close();
});

/** Inspects a machine. @returns its timeline, in words */
async function inspected(lab: FullLab, name: string): Promise<string> {
  await lab.enrol(name);
  await lab.untilState(name, 'available', 280);
  return lab.explain(name);
}

const part = (name: string, what: string, work: (lab: FullLab) => Promise<void>) =>
  FullLab.test(() => lab, name, what, 300, work);

describe('the firmware’s own network boot, to the end of the inspection', { concurrency: 3 }, () => {
  part('bios-pxe', 'a BIOS card’s ROM loads undionly.kpxe by TFTP', async (lab) => {
    const timeline = await inspected(lab, 'bios-pxe');
    assert.match(timeline, /DISCOVER from PXE firmware .* boot file undionly\.kpxe/);
    assert.match(timeline, /tftp-sent: undionly\.kpxe sent by TFTP/);
    assert.match(timeline, /DISCOVER from iPXE .* boot file http/);
    assert.ok((rom?.disguised ?? 0) >= 2, 'DISCOVER and REQUEST passed as a plain ROM’s');
  });

  part('uefi-pxe', 'UEFI PXE loads snponly.efi by TFTP', async (lab) => {
    assert.match(await inspected(lab, 'uefi-pxe'), /tftp-sent: snponly\.efi sent by TFTP/);
  });

  part('uefi-http', 'UEFI HTTP boot loads snponly.efi by HTTP', async (lab) => {
    const timeline = await inspected(lab, 'uefi-http');
    assert.match(timeline, /DISCOVER from UEFI HTTP boot/);
    assert.match(timeline, /http-loader: snponly\.efi sent by HTTP/);
    assert.doesNotMatch(timeline, /tftp/);
  });
});
