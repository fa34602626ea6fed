import type { HostWait } from '../api/hostprogress.ts';
import { bootMacOf } from '../boot/host-index.ts';
import { diagnoseBoot } from '../boot/diagnose.ts';
import { kubeTime } from '../core/clock.ts';
import { unreachable } from '../core/errors.ts';
import { Machine } from './machine.ts';
import type { Run, StepResult } from './run.ts';

/** How often a machine that is silent for long is asked whether it is still powered on. */
const POLL_MS = 5000;
/** A machine that was just powered on is not asked. */
const POWER_CHECK_AFTER_MS = 20_000;

/**
 * Gets an agent: keeps the one that lives, else boots the ramdisk (off → network once → on → registered), a bounded
 * number of times per operation. Each sub-step is stored before the next is begun, so any of them can be the one in
 * which the engine dies. `next` means that an agent is there.
 */
export async function ensureAgent(run: Run): Promise<StepResult> {
  for (;;) {
    // Only a machine that reboots by itself gets beyond the limit: `startBoot` stops at it.
    if ((run.operation?.boots ?? 0) > run.doors.limits.boots) return tooManyBoots(run);
    const boot = run.status.ramdiskBoot;
    const result = boot === undefined ? await keepOrStart(run) : await advance(run, boot.step, Date.parse(boot.since));
    if (result !== 'on') return result;
  }
}

type Advance = StepResult | 'on';

async function keepOrStart(run: Run): Promise<Advance> {
  const { sessions, limits, board } = run.doors;
  const silent = sessions.silentMs(run.key);
  if (silent === undefined) return startBoot(run);
  if (silent < limits.agentSuspectMs) return { kind: 'next' };
  const off = (await new Machine(run).powerState()) === 'off';
  if (!off && silent < limits.agentLostMs) return { kind: 'next' };
  board.clear(run.key);
  const why = off ? 'the machine is powered off' : `not heard for ${Math.round(silent / 1000)} s`;
  run.see('agent', 'agent-lost', `the agent is lost: ${why}`);
  return startBoot(run);
}

/** A new attempt: old tokens and sessions end here, before the machine is touched. */
export async function startBoot(run: Run): Promise<Advance> {
  const { limits } = run.doors;
  const boots = run.operation?.boots ?? 0;
  if (bootMacOf(run.host) === undefined) {
    return { kind: 'failed', code: 'PROVISION_NO_BOOT_MAC', message: 'spec.bootMACAddress is not set' };
  }
  if (boots >= limits.boots) return tooManyBoots(run);
  const since = kubeTime(run.now);
  await run.doors.book.update(run.key, (status) => ({
    attempt: (status.attempt ?? 0) + 1,
    agent: undefined,
    boot: { intent: 'ramdisk', since },
    ramdiskBoot: { step: 'power-off', since },
    softOffSince: undefined,
    wait: undefined,
    ...(status.operation === undefined ? {} : { operation: { ...status.operation, boots: boots + 1 } }),
  }));
  run.see('host', 'ramdisk-boot', `booting the ramdisk, attempt ${run.status.attempt ?? 1}`);
  return 'on';
}

function tooManyBoots(run: Run): StepResult {
  const why = diagnoseBoot(run.status, bootMacOf(run.host), run.now);
  const boots = run.operation?.boots ?? 0;
  const message = `the ramdisk’s agent did not stay or did not register in ${boots} boots: ${why}`;
  return { kind: 'failed', code: 'AGENT_NOT_REGISTERED', message };
}

async function advance(
  run: Run,
  step: NonNullable<Run['status']['ramdiskBoot']>['step'],
  since: number,
): Promise<Advance> {
  const machine = new Machine(run);
  switch (step) {
    case 'power-off':
      await machine.off();
      await enter(run, 'set-boot-network');
      return 'on';
    case 'set-boot-network':
      await machine.bootNetworkOnce();
      await enter(run, 'power-on');
      return 'on';
    case 'power-on':
      await machine.on();
      await enter(run, 'wait-agent');
      return 'on';
    case 'wait-agent':
      return awaitAgent(run, machine, since);
    default:
      return unreachable(step);
  }
}

async function enter(run: Run, step: 'set-boot-network' | 'power-on' | 'wait-agent'): Promise<void> {
  const ramdiskBoot = { step, since: kubeTime(run.now) };
  if (step !== 'wait-agent') return run.update({ ramdiskBoot });
  // A fast machine may have registered already: the wait is then over before it began.
  return run.doors.book.update(run.key, (status) =>
    status.ramdiskBoot === undefined ? undefined : { ramdiskBoot, wait: agentWait(run, run.now) },
  );
}

const AGENT_WAIT = 'the ramdisk’s agent to register';

function agentWait(run: Run, since: number): HostWait {
  const mac = bootMacOf(run.host) ?? 'the host';
  return {
    name: AGENT_WAIT,
    since: kubeTime(since),
    until: kubeTime(since + run.doors.limits.agentBootMs),
    check: `a DHCP request from ${mac} on the boot network; cabling, boot order, the machine’s console`,
  };
}

/** The wait may be missing: the machine rebooted by itself, or its BMC was waited for in between. */
async function nameWait(run: Run, since: number): Promise<void> {
  if (run.status.wait?.name === AGENT_WAIT) return;
  await run.doors.book.update(run.key, (status) =>
    status.ramdiskBoot === undefined ? undefined : { wait: agentWait(run, since) },
  );
}

async function awaitAgent(run: Run, machine: Machine, since: number): Promise<Advance> {
  const elapsed = run.now - since;
  if (elapsed > run.doors.limits.agentBootMs) {
    const why = diagnoseBoot(run.status, bootMacOf(run.host), run.now);
    run.see('host', 'ramdisk-boot-timeout', `no agent after ${Math.round(elapsed / 1000)} s: ${why}`);
    return startBoot(run);
  }
  if (elapsed > POWER_CHECK_AFTER_MS && (await machine.powerState()) === 'off') {
    run.see('host', 'ramdisk-boot-off', 'the machine went off while it should boot the ramdisk');
    return startBoot(run);
  }
  await nameWait(run, since);
  return { kind: 'again', ms: POLL_MS };
}
