import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { buildImage } from '../../src/sim/builders.ts';
import type { Firmware } from '../../src/sim/machine-spec.ts';
import { type TestLab, consoleMark, ipmitool, testLab, until, waitConsole } from '../support/lab.ts';
import { startPxe } from '../support/lab-pxe.ts';

/** The network's answer: says so, then the guest itself resets, as an installer does when it is done. */
const SCRIPT = '#!ipxe\necho NET-BOOTED by ${platform}\nsleep 1\nreboot\n';

describe('boot order', { concurrency: 2 }, () => {
  for (const firmware of ['bios', 'uefi'] as const) {
    describe(`boot order, ${firmware}`, { concurrency: 1 }, () => bootOrder(firmware));
  }
});

function bootOrder(firmware: Firmware): void {
  let lab: TestLab;
  const efi = firmware === 'uefi' ? ['options=efiboot'] : [];
  const persistent = firmware === 'uefi' ? 'options=persistent,efiboot' : 'options=persistent';

  before(async () => {
    const tiny = join(await buildImage('demo-os/tiny/build'), 'disk.raw');
    lab = await testLab([{ name: `n-${firmware}`, firmware, memoryMiB: 512 }], { [`n-${firmware}`]: tiny });
    await startPxe(lab, SCRIPT);
  });
  after(() => lab.close());

  test(
    `${firmware}: network once, then the disk after a reset from inside the guest`,
    { timeout: 240_000 },
    async () => {
      const host = lab.lab.hosts[0]!;
      await ipmitool(lab, host, 'chassis', 'bootdev', 'pxe', ...efi);
      assert.match(await ipmitool(lab, host, 'chassis', 'bootparam', 'get', '5'), /Boot Flag Valid[^]*Force PXE/);
      await ipmitool(lab, host, 'chassis', 'power', 'on');
      await waitConsole(host, /NET-BOOTED by (pcbios|efi)/, 90);
      await waitConsole(host, new RegExp(`TINY: up firmware=${firmware}`), 120);
      assert.equal(host.machine.observe().boots, 2);
      assert.equal(host.machine.observe().powerOns, 1);
      assert.match(await ipmitool(lab, host, 'chassis', 'bootparam', 'get', '5'), /Boot Flag Invalid/);
    },
  );

  test(`${firmware}: the power button reaches the operating system`, { timeout: 60_000 }, async () => {
    const host = lab.lab.hosts[0]!;
    await waitConsole(host, /TINY: ready/, 30);
    await ipmitool(lab, host, 'chassis', 'power', 'soft');
    await until('the machine to switch itself off', 30, () => host.machine.observe().power === 'off');
    assert.match(await ipmitool(lab, host, 'chassis', 'power', 'status'), /is off/);
  });

  test(
    `${firmware}: a persistent network boot survives resets; an order for the disk ends it`,
    { timeout: 300_000 },
    async () => {
      const host = lab.lab.hosts[0]!;
      const from = await consoleMark(host);
      await ipmitool(lab, host, 'chassis', 'bootdev', 'pxe', persistent);
      await ipmitool(lab, host, 'chassis', 'power', 'on');
      await waitConsole(host, /NET-BOOTED[^]*NET-BOOTED/, 150, from);
      await ipmitool(lab, host, 'chassis', 'bootdev', 'disk', ...efi);
      const later = await consoleMark(host);
      await ipmitool(lab, host, 'chassis', 'power', 'reset');
      await waitConsole(host, /DISK-BOOTED/, 90, later);
      await ipmitool(lab, host, 'chassis', 'power', 'cycle');
      await until('the cycle to end', 10, () => host.machine.observe().powerOns === 3);
      await ipmitool(lab, host, 'chassis', 'power', 'off');
      assert.equal(host.machine.observe().power, 'off');
    },
  );

  test(`${firmware}: the mains can fail`, { timeout: 30_000 }, async () => {
    const host = lab.lab.hosts[0]!;
    await ipmitool(lab, host, 'chassis', 'power', 'on');
    await host.machine.setLink(0, false);
    await host.machine.throttleDisk(0, 1 << 20);
    await host.machine.cutPower();
    assert.match(await ipmitool(lab, host, 'chassis', 'power', 'status'), /is off/);
  });
}
