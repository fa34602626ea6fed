import assert from 'node:assert/strict';
import test from 'node:test';
import { IngotError } from '../../src/core/errors.ts';
import type { Bmc, BootOverride } from '../../src/bmc/bmc.ts';
import { compareBoot } from '../../src/bmc/boot-compare.ts';
import { openBmc } from '../../src/bmc/open.ts';
import { STANDARD, quirksOf } from '../../src/bmc/quirks.ts';
import { memoryLogger } from '../../src/core/log.ts';
import type { BootFlags } from '../../src/ipmi/chassis.ts';
import { runClock } from '../support/run-clock.ts';
import { type VirtualBmc, virtualBmc } from '../support/virtual-bmc.ts';

const never = new AbortController().signal;
const PXE: BootOverride = { device: 'pxe', persistence: 'once', firmware: 'uefi' };

function open(virtual: VirtualBmc, change: Partial<Parameters<typeof openBmc>[0]> = {}): Bmc {
  return openBmc({
    address: 'ipmi://192.0.2.1',
    credentials: { username: 'admin', password: 'secret' },
    disableCertificateVerification: false,
    doors: { clock: virtual.clock, random: () => 0.5, log: memoryLogger(virtual.lines), connect: virtual.net.connect },
    ...change,
  });
}

async function failure(virtual: VirtualBmc, promise: Promise<unknown>): Promise<IngotError> {
  const outcome = await runClock(
    virtual.clock,
    promise.then(
      () => undefined,
      (e: unknown) => e,
    ),
  );
  assert.ok(outcome.value instanceof IngotError, String(outcome.value));
  return outcome.value;
}

async function done(virtual: VirtualBmc, bmc: Bmc): Promise<void> {
  await runClock(virtual.clock, bmc.close());
  assert.equal(virtual.server.sessions, 0);
  assert.equal(virtual.net.openClients, 0);
  await virtual.server.close();
}

test('verify tells what was met', async () => {
  const virtual = await virtualBmc();
  const bmc = open(virtual);
  assert.deepEqual((await runClock(virtual.clock, bmc.verify(never))).value, {
    manufacturer: 'Intel',
    product: '0x0007',
    firmwareVersion: '2.34',
    protocol: 'IPMI 2.0, cipher suite 17',
    guid: '0102030405060708090a0b0c0d0e0f10',
    cipherSuite: 17,
  });
  await done(virtual, bmc);
});

test('the suite that worked last time is tried first', async () => {
  const virtual = await virtualBmc({ suites: [3] });
  const bmc = open(virtual, { preferredSuite: 3 });
  assert.equal((await runClock(virtual.clock, bmc.verify(never))).value.cipherSuite, 3);
  assert.equal(virtual.net.clientPorts.length, 1);
  await done(virtual, bmc);
});

test('boot override: every device, persistence and firmware is set and read back', async () => {
  const virtual = await virtualBmc();
  const bmc = open(virtual);
  for (const device of ['pxe', 'disk', 'cdrom', 'bios-setup'] as const) {
    for (const persistence of ['once', 'persistent'] as const) {
      for (const firmware of ['uefi', 'legacy'] as const) {
        const override = { device, persistence, firmware };
        await runClock(virtual.clock, bmc.setBootOverride(override, never));
        const expected: BootFlags = {
          valid: true,
          persistent: persistence === 'persistent',
          efi: firmware === 'uefi',
          device,
        };
        assert.deepEqual(virtual.chassis.flags, expected);
        assert.deepEqual((await runClock(virtual.clock, bmc.bootOverride(never))).value, override);
      }
    }
  }
  await runClock(virtual.clock, bmc.setBootOverride({ ...PXE, device: 'none' }, never));
  assert.equal(virtual.chassis.flags.valid, false);
  assert.equal((await runClock(virtual.clock, bmc.bootOverride(never))).value.device, 'none');
  await done(virtual, bmc);
});

test('a BMC without parameter 3 is no obstacle', async () => {
  const virtual = await virtualBmc({ faults: { noBootParameter3: true } });
  const bmc = open(virtual);
  await runClock(virtual.clock, bmc.setBootOverride(PXE, never));
  assert.equal(virtual.chassis.flags.device, 'pxe');
  await done(virtual, bmc);
});

test('a BMC that says yes and keeps another device is found out', async () => {
  const virtual = await virtualBmc();
  let sets = 0;
  virtual.chassis.setBootFlags = async () => void sets++;
  const bmc = open(virtual);
  const error = await failure(virtual, bmc.setBootOverride(PXE, never));
  assert.equal(error.code, 'BMC_BOOT_NOT_ACCEPTED');
  assert.match(error.message, /ipmi:\/\/192\.0\.2\.1.*asked for pxe, reads back none/);
  assert.equal(sets, 2, 'set once more before giving up');
  await done(virtual, bmc);
});

test('Supermicro gets its own selector for a UEFI disk boot', async () => {
  const virtual = await virtualBmc({ deviceId: { deviceId: 0x20, manufacturerId: 10876, productId: 1 } });
  const bmc = open(virtual);
  await runClock(
    virtual.clock,
    bmc.setBootOverride({ device: 'disk', persistence: 'persistent', firmware: 'uefi' }, never),
  );
  assert.equal(virtual.chassis.flags.device, 'disk');
  assert.equal(
    quirksOf({
      deviceId: 32,
      deviceRevision: 0,
      firmwareVersion: '',
      updating: false,
      ipmiVersion: '2.0',
      support: 0,
      manufacturerId: 10876,
      productId: 1,
    }).efiSelectors.disk,
    0x24,
  );
  await done(virtual, bmc);
});

test('read-back comparison: what is tolerated and what is not', () => {
  const wanted: BootFlags = { valid: true, persistent: false, efi: true, device: 'pxe' };
  const kind = (read: Partial<BootFlags>, quirks = STANDARD, on = false) =>
    compareBoot(wanted, { ...wanted, ...read }, quirks, on).kind;
  assert.equal(kind({}), 'same');
  assert.equal(kind({ device: 'disk' }), 'different');
  assert.equal(kind({ persistent: true }), 'different');
  assert.equal(kind({ efi: false }), 'tolerated');
  assert.equal(kind({ valid: false, efi: false }), 'tolerated');
  const vbmc = { ...STANDARD, overrideAppliesAtPowerOn: true };
  assert.equal(kind({ device: 'disk' }, vbmc, true), 'tolerated', 'virtualbmc shows the device in use while running');
  assert.equal(kind({ device: 'disk' }, vbmc, false), 'different');
  const none: BootFlags = { valid: false, persistent: false, efi: true, device: 'none' };
  assert.equal(
    compareBoot(none, { ...none, device: 'pxe' }, STANDARD, false).kind,
    'same',
    'not valid means no override',
  );
  assert.equal(compareBoot(none, { ...none, device: 'pxe', valid: true }, STANDARD, false).kind, 'different');
});

test('power: each action ends in the state read back', async () => {
  const virtual = await virtualBmc({}, { lagReads: 5 });
  const bmc = open(virtual);
  const act = async (action: Parameters<Bmc['setPower']>[0]) => {
    virtual.chassis.controls.length = 0;
    await runClock(virtual.clock, bmc.setPower(action, never));
    return virtual.chassis.controls.join(' ');
  };
  assert.equal(await act('on'), 'power-up');
  assert.equal(await act('on'), '', 'already on');
  assert.equal(await act('reset'), 'hard-reset');
  assert.equal(await act('cycle'), 'power-down power-up', 'off and on, each confirmed');
  assert.equal(await act('soft-off'), 'soft-shutdown');
  await runClock(virtual.clock, bmc.setPower('off', never));
  assert.equal((await runClock(virtual.clock, bmc.powerState(never))).value, 'off');
  assert.equal(await act('off'), '');
  assert.equal(await act('soft-off'), '');
  assert.equal(await act('cycle'), 'power-up', 'a machine that is off is switched on');
  await runClock(virtual.clock, bmc.setPower('off', never));
  assert.equal(await act('reset'), 'power-up', 'a machine that is off has nothing to reset');
  await done(virtual, bmc);
});

test('power that never comes: sent again, then a named error', async () => {
  const virtual = await virtualBmc();
  const asked: number[] = [];
  virtual.chassis.control = async () => void asked.push(virtual.clock.monotonic());
  const bmc = open(virtual);
  const error = await failure(virtual, bmc.setPower('on', never));
  assert.equal(error.code, 'BMC_POWER_NOT_REACHED');
  assert.match(error.message, /power is still off 120 s after it was to be on/);
  assert.equal(asked.length, 6, 'once, and every 20 s again');
  await done(virtual, bmc);
});

test('a caller that gives up gets its own reason', async () => {
  const virtual = await virtualBmc();
  virtual.chassis.control = async () => {};
  const bmc = open(virtual);
  const abort = new AbortController();
  const waiting = bmc.setPower('on', abort.signal);
  waiting.catch(() => {});
  await virtual.clock.advance(5000);
  abort.abort(new Error('host was deleted'));
  await assert.rejects(waiting, /host was deleted/);
  await done(virtual, bmc);
});

for (const [name, faults, change, code, words] of [
  ['wrong password', {}, { credentials: { username: 'admin', password: 'nope' } }, 'BMC_AUTH_FAILED', /wrong password/],
  [
    'unknown user',
    {},
    { credentials: { username: 'who', password: 'secret' } },
    'BMC_AUTH_FAILED',
    /unauthorized name/,
  ],
  [
    'unknown user and silence',
    { silentUnknownUser: true },
    { credentials: { username: 'who', password: 'secret' } },
    'BMC_AUTH_FAILED',
    /silent after RAKP 1/,
  ],
  ['nothing there', {}, { address: 'ipmi://192.0.2.1:9999' }, 'BMC_UNREACHABLE', /no answer/],
  ['sessions exhausted', { openStatus: () => 1 }, {}, 'BMC_BUSY', /no session left/],
  ['no common suite', { openStatus: () => 0x11 }, {}, 'BMC_INCOMPATIBLE', /none of the cipher suites 17, 3/],
  [
    'user is only a viewer',
    {},
    { address: 'ipmi://192.0.2.1?privilegelevel=USER', credentials: { username: 'viewer', password: 'viewpass' } },
    'BMC_COMMAND_REFUSED',
    /insufficient privilege/,
  ],
] as const) {
  test(`${name} → ${code}`, async () => {
    const virtual = await virtualBmc({ faults });
    const bmc = open(virtual, change);
    const error = await failure(virtual, bmc.setBootOverride(PXE, never));
    assert.equal(error.code, code);
    assert.match(error.message, words);
    assert.match(error.message, /BMC ipmi:\/\/192\.0\.2\.1/);
    assert.ok(!JSON.stringify([error.message, error.seen, virtual.lines]).includes('nope'));
    await runClock(virtual.clock, bmc.close());
    await virtual.server.close();
  });
}

test('addresses that cannot be opened are refused before anything is sent', async () => {
  const virtual = await virtualBmc();
  for (const [address, code] of [
    ['ilo5://192.0.2.1', 'BMC_SCHEME_REMOVED'],
    ['ipmi://192.0.2.1?privilegelevel=KING', 'BMC_ADDRESS_INVALID'],
  ] as const) {
    assert.throws(
      () => open(virtual, { address }),
      (e) => e instanceof IngotError && e.code === code && e.message.includes('192.0.2.1'),
    );
  }
  assert.throws(
    () => open(virtual, { credentials: { username: 'a-name-of-17-bytes', password: 'x' } }),
    (e) => e instanceof IngotError && e.code === 'BMC_AUTH_FAILED' && /16 bytes/.test(e.message),
  );
  assert.equal(virtual.net.sent, 0);
  await virtual.server.close();
});
