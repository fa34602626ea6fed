/** Whole machines on a network that has a DHCP server already: `--proxy-dhcp` beside it, and `--no-dhcp` behind it. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe } from 'node:test';
import { REPOSITORY } from '../../src/sim/builders.ts';
import { LAB_BRIDGE_ADDRESS } from '../../src/sim/lab-network.ts';
import { ForeignDhcp } from '../support/foreign-dhcp.ts';
import { FullLab, buildForTests, labFolder } from '../support/full-lab.ts';
import { PlainBiosRom } from '../support/plain-bios-rom.ts';

let lab: FullLab | undefined;
let dhcp: ForeignDhcp | undefined;
const roms: PlainBiosRom[] = [];

before(async () => {
  const dir = await labFolder();
  const bios = async (name: string) => {
    const rom = await PlainBiosRom.start(dir, name);
    roms.push(rom);
    return { name, firmware: 'bios', nic: 'e1000', extraArgs: rom.extraArgs } as const;
  };
  const uefi = (name: string) => ({ name, firmware: 'uefi', plainRom: true }) as const;
  lab = await FullLab.start(await buildForTests(), {
    hosts: [await bios('proxy-bios'), uefi('proxy-uefi'), await bios('behind-bios'), uefi('behind-uefi')],
    images: {},
    dhcp: ['--proxy-dhcp'],
  });
  dhcp = await ForeignDhcp.start(lab.lab.network, dir, []);
});

after(async () => {
  if (lab !== undefined) console.log(lab.story);
  await dhcp?.close();
  await lab?.close();
  for (const rom of roms) await rom.close();
});

/** A test of one machine: inspected to the end, and `timeline` says how it booted. */
function inspects(name: string, what: string, timeline: readonly RegExp[]): void {
  FullLab.test(
    () => lab,
    name,
    what,
    300,
    async (lab) => {
      await lab.enrol(name);
      await lab.untilState(name, 'available', 280);
      const said = await lab.explain(name);
      for (const pattern of timeline) assert.match(said, pattern);
      assert.doesNotMatch(said, /answered: (OFFER|ACK) \d/, 'the addresses are the other server’s');
      assert.doesNotMatch(said, /two servers on one network/, 'and that is as it should be');
    },
  );
}

describe('--proxy-dhcp beside the network’s DHCP server', { concurrency: 2 }, () => {
  inspects('proxy-bios', 'a BIOS machine is inspected', [
    /DISCOVER from PXE firmware .* OFFER, boot file undionly\.kpxe/,
    /undionly\.kpxe sent by TFTP/,
    /DISCOVER from iPXE .* OFFER, boot file http/,
  ]);
  inspects('proxy-uefi', 'a UEFI machine is inspected', [
    /DISCOVER from PXE firmware .* OFFER, boot file snponly\.efi/,
    /snponly\.efi sent by TFTP/,
    /DISCOVER from iPXE .* OFFER, boot file http/,
  ]);
});

describe('--no-dhcp', { concurrency: 1 }, () => {
  FullLab.test(
    () => lab,
    'switch',
    'the other server gets the configuration that README tells',
    60,
    async (lab) => {
      await dhcp?.close();
      await lab.stopEngine();
      await lab.startEngine(['--no-dhcp']);
      dhcp = await ForeignDhcp.start(lab.lab.network, lab.dir, await readmeConfig());
    },
  );

  describe('behind that server', { concurrency: 2 }, () => {
    const script = /iPXE script sent: ramdisk/;
    inspects('behind-bios', 'a BIOS machine is inspected', [script]);
    inspects('behind-uefi', 'a UEFI machine is inspected', [script]);
  });
});

/** What README tells people to put into dnsmasq's configuration, with this lab's address. */
async function readmeConfig(): Promise<string[]> {
  const text = await readFile(join(REPOSITORY, 'README.md'), 'utf8');
  const [, block] = /For dnsmasq, with Ingot at 10\.64\.0\.2:\s+```\n([^`]+)```/.exec(text) ?? [];
  const lines = (block ?? '').trim().split('\n');
  assert.equal(lines.length, 6, text);
  return lines.map((line) => line.replaceAll('10.64.0.2', LAB_BRIDGE_ADDRESS));
}
