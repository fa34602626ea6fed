import { missingBios, stageBios, verifyBios } from './bios-steps.ts';
import { type Restart, awaitFlash, flash, forgetFlashed } from './flashing.ts';
import { Machine } from './machine.ts';
import { IDLE, type OperationTable, isFinished, runOperation } from './operation.ts';
import { offGently, setIntent } from './power.ts';
import { step } from './preparing.ts';
import type { FirmwareWish, Outcome } from './provisioner.ts';
import { type Run, type StepResult, outcomeOf } from './run.ts';

/** Nothing is waited for but a reboot. */
const IDLE_MS = 60_000;

/**
 * Firmware and BIOS settings of a machine that has an OS and was switched off by its owner (metal3-compat §2.13). All of
 * it goes through the BMC; the machine boots nothing but its own disk. Its OS may start before the work is over: settings
 * come into force only while the machine starts. So it is never cut off in between, but asked to shut down.
 */
export function servicing({ settings, updates }: FirmwareWish): OperationTable {
  const missing = async (run: Run) => (await missingBios(run, settings)).length > 0;
  const biosSteps = [
    step('bios-set', 'staging BIOS settings', (run) => stageBios(run, settings)),
    // Two steps, so that an engine which dies in between does not shut the OS down a second time.
    step('bios-off', 'powering off for BIOS settings', async (run) =>
      (await missing(run)) ? offGently(run) : { kind: 'next' },
    ),
    step('bios-on', 'powering on for BIOS settings', async (run) =>
      (await missing(run)) ? switchOn(run) : { kind: 'next' },
    ),
    step('bios-verify', 'reading the BIOS settings back', (run) => verifyBios(run, settings)),
  ];
  return {
    kind: 'service',
    phase: 'servicing',
    remembered: true,
    steps: [
      ...(updates.length === 0 ? [] : [step('firmware', 'updating firmware', (run) => flash(run, updates, restart))]),
      ...(Object.keys(settings).length === 0 ? [] : biosSteps),
    ],
  };
}

/**
 * Does a bounded piece of the servicing; a wish for nothing ends what is under way.
 * @param again it failed before
 */
export async function service(run: Run, wish: FirmwareWish, again: boolean): Promise<Outcome<object>> {
  const waiting = await outcomeOf(() => awaitFlash(run, wish.updates));
  if (waiting.kind !== 'done') return waiting;
  const table = servicing(wish);
  if (table.steps.length > 0) {
    // One reboot was asked for and has been had.
    if (again && run.operation?.kind !== 'service' && run.status.bmc?.poweredOn === true) {
      return { kind: 'continue', requeueMs: IDLE_MS, dirty: false, idle: true };
    }
    const outcome = await runOperation(run, table, wish);
    if (outcome.kind === 'failed') await forgetFlashed(run);
    return outcome;
  }
  if (run.operation?.kind !== 'service' || isFinished(run)) return { kind: 'done' };
  run.see('host', 'operation-done', 'servicing ended: nothing is left of what was wished for');
  await run.update({ ...IDLE, firmware: undefined, softOffSince: undefined, phase: 'servicing ended' });
  return { kind: 'done' };
}

/** What is noted between off and on: the OS is asked to shut down once for an update, not by each engine anew. */
const restart: Restart = async (run) => {
  const { firmware } = run.status;
  if (firmware?.switchedOff !== true) {
    const off = await offGently(run);
    if (off.kind !== 'next' || firmware === undefined) return off;
    await run.update({ firmware: { ...firmware, switchedOff: true } });
  }
  return switchOn(run);
};

async function switchOn(run: Run): Promise<StepResult> {
  await setIntent(run, 'disk');
  await new Machine(run).on();
  return { kind: 'next' };
}
