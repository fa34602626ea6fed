import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { BootFlags } from '../../src/ipmi/chassis.ts';
import { bootDeviceSupported, flagsAfterBoot, flagsAt, planBoot } from '../../src/sim/boot-order.ts';

const pxeOnce: BootFlags = { valid: true, persistent: false, efi: true, device: 'pxe' };
const DEVICES = ['none', 'pxe', 'disk', 'disk-safe-mode', 'diagnostic', 'cdrom', 'bios-setup', 'floppy'] as const;
const anyFlags = fc.record({
  valid: fc.boolean(),
  persistent: fc.boolean(),
  efi: fc.boolean(),
  device: fc.constantFrom(...DEVICES),
});

test('a one-time network boot is the network once and the disk afterwards', () => {
  assert.deepEqual(planBoot(pxeOnce, 'uefi'), { first: 'network' });
  assert.deepEqual(planBoot(flagsAfterBoot(pxeOnce), 'uefi'), { first: 'disk' });
});

test('a persistent network boot stays', () => {
  const flags = { ...pxeOnce, persistent: true };
  assert.deepEqual(planBoot(flagsAfterBoot(flags), 'uefi'), { first: 'network' });
});

test('an override for the other firmware is ignored and says so', () => {
  const plan = planBoot(pxeOnce, 'bios');
  assert.equal(plan.first, 'disk');
  assert.match(plan.ignored ?? '', /ask for UEFI boot, this machine boots by bios/);
});

test('one-time flags are dropped after 60 s, persistent ones never', () => {
  assert.equal(flagsAt({ flags: pxeOnce, setAt: 1000 }, 60_999).valid, true);
  assert.equal(flagsAt({ flags: pxeOnce, setAt: 1000 }, 61_000).valid, false);
  assert.equal(flagsAt({ flags: { ...pxeOnce, persistent: true }, setAt: 0 }, 1e9).valid, true);
  assert.equal(flagsAt(undefined, 0).valid, false);
});

test('a machine without menu, CD or floppy says so when they are asked for', () => {
  for (const device of ['cdrom', 'bios-setup', 'floppy', 'diagnostic'] as const)
    assert.equal(bootDeviceSupported({ ...pxeOnce, device }), false, device);
  assert.equal(bootDeviceSupported({ ...pxeOnce, valid: false, device: 'cdrom' }), true);
});

test('property: spent flags never change a later boot, and invalid flags never move it off the disk', () => {
  fc.assert(
    fc.property(anyFlags, fc.constantFrom('bios' as const, 'uefi' as const), (flags, firmware) => {
      const after = flagsAfterBoot(flags);
      assert.deepEqual(flagsAfterBoot(after), after);
      if (!flags.persistent) assert.equal(planBoot(after, firmware).first, 'disk');
      if (!flags.valid) assert.deepEqual(planBoot(flags, firmware), { first: 'disk' });
    }),
  );
});
