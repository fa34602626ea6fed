/** A first stage that is not iPXE already: the firmware's own PXE, which fetches our loader by TFTP. */
import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { FullLab, buildForTests } from '../support/full-lab.ts';

const NAME = 'pxe';

let lab: FullLab | undefined;

before(async () => {
  lab = await FullLab.start(await buildForTests(), {
    hosts: [{ name: NAME, firmware: 'uefi', plainRom: true }],
    images: {},
  });
});

after(async () => {
  if (lab !== undefined) console.log(lab.story);
  await lab?.close();
});

FullLab.test(
  () => lab,
  NAME,
  'the firmware’s own PXE loads snponly.efi by TFTP, and the machine is inspected',
  300,
  async (lab) => {
    await lab.enrol(NAME);
    await lab.untilState(NAME, 'available', 280);
    assert.match(await lab.explain(NAME), /tftp.*snponly\.efi/i);
  },
);
