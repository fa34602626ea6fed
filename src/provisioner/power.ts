import { isDeployed } from '../api/predicates.ts';
import type { BareMetalHost } from '../api/baremetalhost.ts';
import { kubeTime } from '../core/clock.ts';
import { awaitFlash } from './flashing.ts';
import { Machine } from './machine.ts';
import { troubled } from './operation.ts';
import type { Outcome } from './provisioner.ts';
import { type Run, type StepResult, outcomeOf } from './run.ts';
import { ejectMedia, ensureAgent, startBoot } from './ramdisk-boot.ts';

const POLL_MS = 2000;

/** Trouble with the BMC is waited out for a while before it is a failure. */
function patiently(run: Run, action: () => Promise<StepResult>): Promise<Outcome<object>> {
  return outcomeOf(() => action().catch((error: unknown) => troubled(run, error)));
}

/** Nothing that takes the power away begins while the BMC flashes the machine. */
function unlessFlashing(run: Run, action: () => Promise<StepResult>): Promise<Outcome<object>> {
  return patiently(run, async () => {
    const waiting = await awaitFlash(run);
    return waiting.kind === 'next' ? action() : waiting;
  });
}

/**
 * On. A machine that runs something boots its disk; an idle one boots the ramdisk and waits there, so that its next
 * provisioning begins at once.
 */
export function powerOn(run: Run): Promise<Outcome<object>> {
  return patiently(run, async () => {
    const machine = new Machine(run);
    if ((await machine.powerState()) === 'on') return settled(run);
    if (runsSomething(run.host)) {
      await setIntent(run, 'disk');
      await machine.on();
      return settled(run);
    }
    if (run.status.ramdiskBoot === undefined) await startBoot(run);
    const agent = await ensureAgent(run);
    return agent.kind === 'again' ? { kind: 'next' } : agent;
  });
}

export function powerOff(run: Run, mode: 'soft' | 'hard'): Promise<Outcome<object>> {
  return unlessFlashing(run, async () => {
    const machine = new Machine(run);
    // The ramdisk has nothing to save and does not listen to the power button.
    const inRamdisk = run.status.boot?.intent === 'ramdisk';
    if (inRamdisk) await endRamdisk(run);
    if ((await machine.powerState()) === 'off') return emptied(run);
    if (mode === 'hard' || inRamdisk) {
      await machine.off();
      return emptied(run);
    }
    return softOff(run, machine);
  });
}

/**
 * Restarts a machine whose power off is forbidden. Soft: the OS is asked to shut down and the machine switched on again;
 * one that does not react in time is reset. In the ramdisk there is nothing to save: it is booted anew.
 */
export function reboot(run: Run, mode: 'soft' | 'hard'): Promise<Outcome<object>> {
  return unlessFlashing(run, async () => {
    const machine = new Machine(run);
    if (run.status.boot?.intent === 'ramdisk') return bootRamdiskAnew(run);
    if ((await machine.powerState()) === 'off') {
      if (runsSomething(run.host)) await setIntent(run, 'disk');
      await machine.on();
      return settled(run);
    }
    if (mode === 'soft' && (await askToShutDown(run, machine)) === 'waiting') return { kind: 'again', ms: POLL_MS };
    if (mode === 'soft') seeTimeout(run, 'resetting');
    await machine.reset();
    return settled(run);
  });
}

/** A boot that is under way already is as good as a new one. */
async function bootRamdiskAnew(run: Run): Promise<StepResult> {
  if (run.status.ramdiskBoot === undefined) {
    run.doors.board.forget(run.key);
    await startBoot(run);
  }
  const agent = await ensureAgent(run);
  return agent.kind === 'again' ? { kind: 'next' } : agent;
}

/** A shutdown that nobody has followed for this long was taken back meanwhile: a later one begins with asking again. */
const FORSAKEN_MS = 60_000;

/** Off, after the OS was asked to shut down and had its time. `next`: it is off. */
export async function offGently(run: Run): Promise<StepResult> {
  const machine = new Machine(run);
  return (await machine.powerState()) === 'off' ? settled(run) : softOff(run, machine);
}

async function softOff(run: Run, machine: Machine): Promise<StepResult> {
  if ((await askToShutDown(run, machine)) === 'waiting') return { kind: 'again', ms: POLL_MS };
  seeTimeout(run, 'powering off hard');
  await machine.off();
  return settled(run);
}

/** Asks once and gives the OS its time. `late`: it is over, and the machine is still on. */
async function askToShutDown(run: Run, machine: Machine): Promise<'waiting' | 'late'> {
  const { softOffMs } = run.doors.limits;
  const asked = Date.parse(run.status.softOffSince ?? '');
  // Written so that a stamp that is missing counts as forsaken.
  if (!(run.now - asked < softOffMs + FORSAKEN_MS)) {
    await machine.askOff();
    const wait = run.wait('the OS to shut down', softOffMs, 'the OS must react to the power button (ACPI)');
    await run.update({ softOffSince: kubeTime(run.now), wait });
    return 'waiting';
  }
  return run.now - asked < softOffMs ? 'waiting' : 'late';
}

function seeTimeout(run: Run, instead: string): void {
  const seconds = run.doors.limits.softOffMs / 1000;
  run.see('bmc', 'soft-off-timeout', `the OS did not shut down in ${seconds} s; ${instead}`);
}

/** The machine is off: whoever waited for the OS to shut down waits no more. */
export async function endSoftOff(run: Run): Promise<void> {
  if (run.status.softOffSince !== undefined) await settled(run);
}

async function settled(run: Run): Promise<StepResult> {
  const { softOffSince, wait, ramdiskBoot } = run.status;
  if (softOffSince !== undefined || (wait !== undefined && ramdiskBoot === undefined)) {
    await run.update({ softOffSince: undefined, wait: undefined });
  }
  return { kind: 'next' };
}

/** Off, and nothing of ours left in its virtual CD. */
async function emptied(run: Run): Promise<StepResult> {
  await ejectMedia(run);
  return settled(run);
}

/** The session ends before the machine does: nothing is taken from an agent whose machine is being switched off. */
export async function endRamdisk(run: Run): Promise<void> {
  run.doors.board.forget(run.key);
  await run.update({
    boot: { intent: 'none', since: kubeTime(run.now) },
    agent: undefined,
    ramdiskBoot: undefined,
    wait: undefined,
  });
}

export async function setIntent(run: Run, intent: 'disk' | 'none'): Promise<void> {
  if (run.status.boot?.intent === intent) return;
  await run.update({ boot: { intent, since: kubeTime(run.now) } });
}

export function runsSomething(host: BareMetalHost): boolean {
  return host.spec.externallyProvisioned === true || isDeployed(host.status?.provisioning.state ?? '');
}
