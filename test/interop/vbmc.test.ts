/** Our IPMI client against virtualbmc in front of a machine of libvirt. What happened is asked of libvirt, not of the BMC. */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import type { Bmc, BootDevice, BootOverride } from '../../src/bmc/bmc.ts';
import { openBmc } from '../../src/bmc/open.ts';
import { systemClock } from '../../src/core/clock.ts';
import { type LogLine, memoryLogger } from '../../src/core/log.ts';
import { type TestLab, testLab, until } from '../support/lab.ts';
import { Libvirt } from '../support/libvirt.ts';
import { Vbmc } from '../support/vbmc.ts';

const NAME = 'node';
const within = (ms: number) => AbortSignal.timeout(ms);
const PXE: BootOverride = { device: 'pxe', persistence: 'once', firmware: 'legacy' };
const DISK: BootOverride = { device: 'disk', persistence: 'persistent', firmware: 'legacy' };

let lab: TestLab;
let libvirt: Libvirt;
let vbmc: Vbmc;
let bmc: Bmc;
const lines: LogLine[] = [];

function open(credentials = { username: vbmc.username, password: vbmc.password }): Bmc {
  return openBmc({
    address: `libvirt://${vbmc.endpoint(NAME)}`,
    credentials,
    disableCertificateVerification: false,
    doors: { clock: systemClock, random: Math.random, log: memoryLogger(lines) },
  });
}

/** libvirt counts a machine's starts: it changes with a power cycle and not with a reset. */
const startNumber = async () => (await libvirt.virsh('domid', NAME)).trim();

/** Repeats `action` until QEMU tells that `event` happened to the machine: there is no telling when virsh listens. */
async function causes(event: string, action: () => Promise<void>): Promise<void> {
  const seen = libvirt.virsh('qemu-monitor-event', '--domain', NAME, '--event', event, '--timeout', '30');
  for (let said = ''; said === '';) {
    await action();
    said = await Promise.race([seen, new Promise<string>((resolve) => setTimeout(resolve, 500, ''))]);
  }
  assert.match(await seen, new RegExp(`event ${event} `));
}

before(async () => {
  lab = await testLab([]);
  const domains = [{ name: NAME, firmware: 'bios', memoryMiB: 64, diskBytes: 2 ** 24 }] as const;
  libvirt = await Libvirt.start({ network: lab.lab.network, dir: lab.dir, lab: lab.lab.name, domains });
  vbmc = await Vbmc.start(libvirt);
  bmc = open();
});

after(async () => {
  await bmc?.close();
  await vbmc?.close();
  await libvirt?.close();
  await lab?.close();
});

test('asked for suite 17 it answers 3; its device id has 14 bytes of nothing but a version', async () => {
  const { guid, ...info } = await bmc.verify(within(40_000));
  assert.match(guid ?? '', /^[0-9a-f]{32}$/);
  assert.deepEqual(info, {
    manufacturer: 'IANA 0',
    product: '0x0000',
    firmwareVersion: '1.00',
    protocol: 'IPMI 2.0, cipher suite 3',
    cipherSuite: 3,
  });
  const retry = lines.find((l) => l.message === 'IPMI login tried again');
  assert.deepEqual(retry?.fields['after'], { kind: 'other-suite', suite: 3 });
});

suite('boot device', () => {
  for (const [device, boot] of [
    ['pxe', 'network'],
    ['cdrom', 'cdrom'],
    ['disk', 'hd'],
  ] as const) {
    test(`${device}: read back and in libvirt; asked for once it stays, for both firmwares`, async () => {
      for (const firmware of ['uefi', 'legacy'] as const) {
        await bmc.setBootOverride({ device, persistence: 'once', firmware }, within(40_000));
        assert.deepEqual(await libvirt.bootDevices(NAME), [boot]);
        assert.equal((await bmc.bootOverride(within(30_000))).device, device);
      }
    });
  }

  test('what it takes and drops is not reported as done', async () => {
    for (const device of ['none', 'bios-setup'] satisfies BootDevice[]) {
      const set = bmc.setBootOverride({ device, persistence: 'once', firmware: 'uefi' }, within(40_000));
      await assert.rejects(set, { code: 'BMC_BOOT_NOT_ACCEPTED' });
      assert.deepEqual(await libvirt.bootDevices(NAME), ['hd']);
    }
  });
});

suite('power', () => {
  test('on, twice', async () => {
    await bmc.setBootOverride(PXE, within(40_000));
    await bmc.setPower('on', within(60_000));
    assert.equal(await libvirt.state(NAME), 'running');
    const started = await startNumber();
    await bmc.setPower('on', within(60_000));
    assert.equal(await startNumber(), started);
  });

  test('reset resets the machine without a power off', async () => {
    const started = await startNumber();
    await causes('RESET', () => bmc.setPower('reset', within(60_000)));
    assert.equal(await startNumber(), started);
  });

  test('soft-off asks its system by ACPI', async () => {
    await causes('POWERDOWN', () => bmc.setPower('soft-off', within(60_000)));
  });

  test('cycle, which it refuses as a command, and a boot device set while the machine runs', async () => {
    const raw = await lab.run('sh', [
      '-c',
      `ipmitool -I lanplus -C 3 -H ${vbmc.endpoint(NAME).split(':').join(' -p ')} -U ${vbmc.username} -P ${vbmc.password} power cycle 2>&1 || true`,
    ]);
    assert.match(raw.stdout, /Invalid data field/);
    const started = await startNumber();
    await bmc.setBootOverride(DISK, within(40_000));
    const note = lines.findLast((l) => l.message === 'boot override accepted as read back');
    assert.match(String(note?.fields['why']), /asked for disk, reads back pxe: it applies at the next power on/);
    assert.deepEqual(await libvirt.bootDevices(NAME), ['hd']);
    await bmc.setPower('cycle', within(60_000));
    assert.notEqual(await startNumber(), started);
    assert.equal((await bmc.bootOverride(within(30_000))).device, 'disk');
  });

  test('off, twice; soft-off is no error then, and reset switches on', async () => {
    for (const action of ['off', 'off', 'soft-off'] as const) {
      await bmc.setPower(action, within(60_000));
      assert.equal(await libvirt.state(NAME), 'shut off');
    }
    await bmc.setPower('reset', within(60_000));
    assert.equal(await libvirt.state(NAME), 'running');
  });
});

suite('logins', () => {
  test('wrong password', async () => {
    const other = open({ username: vbmc.username, password: 'wrong' });
    await assert.rejects(other.verify(within(40_000)), { code: 'BMC_AUTH_FAILED', message: /wrong password/ });
    await other.close();
  });

  test('unknown user: it is silent, which is told as such', async () => {
    const other = open({ username: 'nobody', password: vbmc.password });
    await assert.rejects(other.verify(within(60_000)), { code: 'BMC_AUTH_FAILED', message: /silent after RAKP 1/ });
    await other.close();
  });

  test('sessions beside each other', async () => {
    const others = [open(), open(), open()];
    const states = await Promise.all([bmc, ...others].map((b) => b.powerState(within(60_000))));
    assert.deepEqual(states, ['on', 'on', 'on', 'on']);
    await Promise.all(others.map((b) => b.close()));
  });
});

suite('when it is not there', () => {
  test('restarted in mid-session: the next command logs in again and is carried out', async () => {
    await vbmc.restart(NAME);
    await bmc.setPower('off', within(90_000));
    assert.equal(await libvirt.state(NAME), 'shut off');
  });

  test('gone: told within seconds; back: the same client works on', async () => {
    await vbmc.stop(NAME);
    await assert.rejects(bmc.powerState(within(60_000)), { code: 'BMC_UNREACHABLE', message: /connection refused/ });
    await vbmc.cli('start', NAME);
    await until('the BMC to answer again', 30, () =>
      bmc.powerState(within(30_000)).then(
        (state) => state === 'off',
        () => false,
      ),
    );
  });

  test('its machine is gone: the completion code is told', async () => {
    await libvirt.virsh('undefine', NAME);
    await assert.rejects(bmc.powerState(within(60_000)), { code: 'BMC_COMMAND_REFUSED', message: /FF|ff/ });
  });
});
