import type { BareMetalHost } from '../api/baremetalhost.ts';
import { bootModeOf } from '../api/predicates.ts';
import type { Bmc } from '../bmc/bmc.ts';
import type { BootModeControl } from '../bmc/capabilities.ts';
import { bmcErrors } from '../bmc/errors.ts';
import { errorText } from '../core/errors.ts';
import { Machine } from './machine.ts';
import type { Step } from './operation.ts';
import { type Run, type StepResult, unsupported } from './run.ts';

const POLL_MS = 5000;
const WAIT = 'the machine to change its boot mode';

/**
 * Asks for the boot mode of `spec.bootMode` where the machine has the other one. Most BMCs set it together with the boot
 * override; an iDRAC makes a job of it that runs at a start of its own (facts §2.3). A BMC that cannot change it is told
 * and no failure: the machine then boots as it can.
 * @returns whether the machine must be started for it
 */
export async function stageBootMode(run: Run): Promise<boolean> {
  const { firmware } = run;
  try {
    return await withBootMode(run, async (control, signal) => {
      if (control === undefined) return false;
      await letUnsignedBoot(run, control, signal);
      const now = await control.bootMode(signal);
      if (now === undefined || now === firmware) return false;
      const pending = (await control.setBootMode(firmware, signal)) === 'pending';
      run.see(
        'bmc',
        'boot-mode-set',
        `boot mode ${firmware}${pending ? ' at the next start' : ', read back'}, was ${now}`,
      );
      return pending;
    });
  } catch (error) {
    run.context.signal.throwIfAborted();
    const cannot = ['BMC_UNSUPPORTED', 'BMC_COMMAND_REFUSED', 'BMC_CHANGE_NOT_ACCEPTED'] as const;
    if (!cannot.some((code) => bmcErrors.is(error, code))) throw error;
    run.see('bmc', 'bmc-trouble', `boot mode ${firmware} cannot be set: ${errorText(error)}`);
    return false;
  }
}

/**
 * Where we switched Secure Boot on it goes off for the ramdisk’s iPXE, which nobody has signed (Metal3 does so for every
 * ramdisk; our ISO is signed). Where somebody else switched it on it is not ours to change.
 */
async function letUnsignedBoot(run: Run, control: BootModeControl, signal: AbortSignal): Promise<void> {
  if (bootModeOf(run.host) !== 'UEFISecureBoot' || run.bootMethod !== 'ipxe') return;
  if ((await control.secureBoot(signal)) !== true) return;
  await control.setSecureBoot(false, signal);
  run.see('bmc', 'secure-boot-off', 'Secure Boot is off for the ramdisk, read back');
}

/**
 * One look, after the machine was started for its boot mode.
 * @param since start of that, ms
 * @returns `next` once it has it, and is off again
 */
export async function awaitBootMode(run: Run, since: number): Promise<StepResult> {
  const now = await withBootMode(run, async (control, signal) => control?.bootMode(signal));
  if (now === run.firmware) {
    run.see('bmc', 'boot-mode-applied', `boot mode ${now} is in force`);
    await new Machine(run).off();
    return { kind: 'next', patch: { wait: undefined } };
  }
  const { biosMs } = run.doors.limits;
  if (run.now - since > biosMs) {
    const message = `boot mode ${run.firmware} is not in force ${biosMs / 1000} s after the start that it waited for: ${now}`;
    return { kind: 'failed', code: 'PROVISION_BOOT_MODE_NOT_APPLIED', message };
  }
  if (run.status.wait?.name !== WAIT) await run.update({ wait: run.wait(WAIT, biosMs, 'the job queue of the BMC') });
  return { kind: 'again', ms: POLL_MS };
}

const NO_SECURE_BOOT = unsupported(
  'spec.bootMode UEFISecureBoot: this BMC cannot switch Secure Boot on; Redfish BMCs can',
);

/** Told when the host is registered, long before it matters (metal3-compat §3.1). */
export function secureBootProblem(host: BareMetalHost, bmc: Bmc): typeof NO_SECURE_BOOT | undefined {
  return bootModeOf(host) === 'UEFISecureBoot' && bmc.bootMode === undefined ? NO_SECURE_BOOT : undefined;
}

/** `bootMode: UEFISecureBoot`: on before the machine boots its own OS, whose first start it then takes effect at. */
export const SECURE_BOOT_STEP: Step = {
  name: 'secure-boot',
  text: 'switching Secure Boot on',
  agent: false,
  skip: (run) => bootModeOf(run.host) !== 'UEFISecureBoot',
  run: (run) =>
    withBootMode(run, async (control, signal) => {
      if (control === undefined) return NO_SECURE_BOOT;
      const pending = (await control.setSecureBoot(true, signal)) === 'pending';
      run.see('bmc', 'secure-boot-on', `Secure Boot is on${pending ? ' from the next start on' : ''}, read back`);
      return { kind: 'next' };
    }),
};

async function withBootMode<T>(
  run: Run,
  work: (control: BootModeControl | undefined, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  return await run.withBmc('the BMC to handle the boot mode', (bmc, signal) => work(bmc.bootMode, signal));
}
