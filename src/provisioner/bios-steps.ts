import { biosChanges } from '../bmc/bios-values.ts';
import type { BiosControl, BiosValue } from '../bmc/capabilities.ts';
import type { FirmwareWish } from './provisioner.ts';
import { type Run, type StepResult, unsupported } from './run.ts';

const POLL_MS = 5000;

type Settings = FirmwareWish['settings'];

/** Hands the settings to the BMC, in the types of the machine; they come into force when it starts. */
export async function stageBios(run: Run, settings: Settings): Promise<StepResult> {
  return withBios(run, async (bios, signal) => {
    const { attributes } = await bios.state(signal);
    const { changes, bad } = biosChanges(settings, attributes, await bios.registry(signal));
    if (bad.length > 0) return notApplied(`the machine does not take these BIOS settings: ${bad.join(', ')}`);
    if (Object.keys(changes).length === 0) return { kind: 'next' };
    await bios.set(changes, signal);
    run.see('bmc', 'bios-staged', `BIOS settings staged, read back: ${Object.keys(changes).join(', ')}`);
    return { kind: 'next' };
  });
}

/** After the start of the machine: done when all settings are in force, failed when its time is over. */
export async function verifyBios(run: Run, settings: Settings): Promise<StepResult> {
  const left = await missingBios(run, settings);
  if (left.length === 0) {
    run.see('bmc', 'bios-applied', `BIOS settings in force: ${Object.keys(settings).join(', ')}`);
    return { kind: 'next' };
  }
  const { biosMs } = run.doors.limits;
  const since = Date.parse(run.operation?.stepSince ?? '');
  if (run.now - since > biosMs) {
    return notApplied(`BIOS settings not in force ${biosMs / 1000} s after the restart: ${left.join(', ')}`);
  }
  if (run.status.wait === undefined) {
    await run.update({ wait: run.wait('the machine to take its BIOS settings', biosMs, 'the console of the machine') });
  }
  return { kind: 'again', ms: POLL_MS };
}

/** Names of wished settings that are not in force. */
export async function missingBios(run: Run, settings: Settings): Promise<string[]> {
  let names: string[] = [];
  await withBios(run, async (bios, signal) => {
    const { attributes } = await bios.state(signal);
    names = Object.keys(settings).filter((name) => !isInForce(attributes[name], settings[name]));
    return { kind: 'next' };
  });
  return names;
}

function isInForce(now: BiosValue | undefined, wished: number | string | undefined): boolean {
  return typeof now === 'number' ? now === Number(wished) : String(now) === String(wished);
}

function notApplied(message: string): StepResult {
  return { kind: 'failed', code: 'PROVISION_BIOS_NOT_APPLIED', message };
}

async function withBios(
  run: Run,
  work: (bios: BiosControl, signal: AbortSignal) => Promise<StepResult>,
): Promise<StepResult> {
  return await run.withBmc('the BMC to handle BIOS settings', async ({ bios, address }, signal) => {
    if (bios !== undefined) return await work(bios, signal);
    return unsupported(`BMC ${address} has no BIOS settings (HostFirmwareSettings)`);
  });
}
