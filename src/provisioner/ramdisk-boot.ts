import { RECORD_CONSOLE_ANNOTATION, annotation } from '../api/annotations.ts';
import type { HostWait } from '../api/hostprogress.ts';
import { bootMacOf } from '../boot/host-index.ts';
import { diagnoseBoot } from '../boot/diagnose.ts';
import { kubeTime } from '../core/clock.ts';
import { errorText, unreachable } from '../core/errors.ts';
import { awaitBootMode, stageBootMode } from './boot-mode.ts';
import { Machine } from './machine.ts';
import { missedBoot } from './missed-boot.ts';
import type { Run, StepResult } from './run.ts';

/** How often a machine that is silent for long is asked whether it is still powered on. */
const POLL_MS = 5000;
/** A machine that was just powered on is not asked. */
const POWER_CHECK_AFTER_MS = 20_000;

/**
 * Gets an agent: keeps the one that lives, else boots the ramdisk (off → network once → on → registered, or with an ISO:
 * off → insert → CD once → on → registered → eject), a bounded number of times per operation. Each sub-step is stored before the next is begun, so any of them can be the one in
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

/**
 * The ramdisk is in memory: the CD is of no use any more, and a later start must not boot it again. Tried once here, when
 * a failure hurts nobody; what is left inserted is ejected before the machine starts anything else.
 */
async function ejectAfterBoot(run: Run): Promise<void> {
  const { media } = run.status;
  if (media === undefined || run.status.mediaEjectTried === media.attempt) return;
  await run.update({ mediaEjectTried: media.attempt });
  try {
    await ejectMedia(run);
  } catch (error) {
    run.context.signal.throwIfAborted();
    run.see('bmc', 'bmc-trouble', `the virtual CD was not ejected, it is tried again later: ${errorText(error)}`);
  }
}

/** Empties the virtual CDs when an ISO of ours may be in one. @throws errors of the BMC */
export async function ejectMedia(run: Run): Promise<void> {
  const { media } = run.status;
  if (media === undefined) return;
  if (media.method === 'virtual-media') await new Machine(run).ejectMedia();
  await run.update({ media: undefined, mediaFetch: undefined, mediaEjectTried: undefined });
}

async function keepOrStart(run: Run): Promise<Advance> {
  const { sessions, limits, board } = run.doors;
  const silent = sessions.silentMs(run.key);
  if (silent === undefined) return startBoot(run);
  if (silent < limits.agentSuspectMs) {
    run.doors.recorder?.finish(run.key);
    await ejectAfterBoot(run);
    return { kind: 'next' };
  }
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
  const method = run.bootMethod;
  if (method === 'ipxe' && bootMacOf(run.host) === undefined) {
    return { kind: 'failed', code: 'PROVISION_NO_BOOT_MAC', message: 'spec.bootMACAddress is not set' };
  }
  if (boots >= limits.boots) return tooManyBoots(run);
  const since = kubeTime(run.now);
  await run.doors.book.update(run.key, (status) => ({
    attempt: (status.attempt ?? 0) + 1,
    agent: undefined,
    boot: { intent: 'ramdisk', since },
    ramdiskBoot: { step: 'power-off', since },
    // Stored before the BMC is told: whatever happens then, it is known that an ISO may be inserted.
    media: method === 'ipxe' ? undefined : { attempt: (status.attempt ?? 0) + 1, method, since },
    mediaFetch: undefined,
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

async function advance(run: Run, step: BootStep, since: number): Promise<Advance> {
  const machine = new Machine(run);
  switch (step) {
    case 'power-off':
      await machine.off();
      if (await stageBootMode(run)) {
        await machine.on();
        await enter(run, 'boot-mode');
      } else {
        await enter(run, FIRST_AFTER_OFF[run.status.media?.method ?? 'ipxe']);
      }
      return 'on';
    case 'boot-mode': {
      const result = await awaitBootMode(run, since);
      if (result.kind !== 'next') return result;
      await enter(run, FIRST_AFTER_OFF[run.status.media?.method ?? 'ipxe']);
      return 'on';
    }
    case 'insert-media':
      await machine.insertMedia(await run.doors.media.url(run.host, run.status));
      // Whatever the user had in the virtual CD is out now.
      await run.update({ liveIso: undefined });
      await enter(run, 'set-boot-media');
      return 'on';
    case 'set-boot-media':
      if (run.status.media?.method === 'uefi-http') {
        await machine.bootHttpOnce(await run.doors.media.url(run.host, run.status));
      } else {
        await machine.bootCdOnce();
      }
      await enter(run, 'power-on');
      return 'on';
    case 'set-boot-network':
      await machine.bootNetworkOnce();
      await enter(run, 'power-on');
      return 'on';
    case 'power-on':
      await recordConsole(run, 'start');
      await machine.on();
      await enter(run, 'wait-agent');
      return 'on';
    case 'wait-agent':
      return awaitAgent(run, machine, since);
    default:
      return unreachable(step);
  }
}

/** Opt-in, and never a reason for a boot to fail. */
async function recordConsole(run: Run, when: 'start' | 'keepOn'): Promise<void> {
  const { recorder, recordAll = false, bmcs } = run.doors;
  const wanted = recordAll || annotation(run.host, RECORD_CONSOLE_ANNOTATION) === 'true';
  if (recorder === undefined || !wanted) return;
  await recorder[when](run.key, await bmcs.get(run.context), run.status.attempt ?? 1);
}

type BootStep = NonNullable<Run['status']['ramdiskBoot']>['step'];

const FIRST_AFTER_OFF = {
  ipxe: 'set-boot-network',
  'virtual-media': 'insert-media',
  'uefi-http': 'set-boot-media',
} as const satisfies Record<string, BootStep>;

async function enter(run: Run, step: BootStep): Promise<void> {
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
  const check =
    run.status.media === undefined
      ? `a DHCP request from ${mac} on the boot network; cabling, boot order, the machine’s console`
      : 'that the BMC fetches the ISO, the machine boots its virtual CD, and finds this server; the machine’s console';
  return {
    name: AGENT_WAIT,
    since: kubeTime(since),
    until: kubeTime(since + run.doors.limits.agentBootMs),
    check,
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
  const { timeline = [], media } = run.status;
  const { limits, listeningSince } = run.doors;
  // A machine that boots from an ISO asks nobody: a BMC may have fetched it whole before.
  if (
    media === undefined &&
    missedBoot({ timeline, poweredOn: since, listening: listeningSince, now: run.now }, limits)
  ) {
    const silent = `nothing heard since the engine is back, ${Math.round(elapsed / 1000)} s after power on`;
    run.see('host', 'ramdisk-boot-missed', `${silent}: the machine has asked while nobody listened`);
    return startBoot(run);
  }
  if (elapsed > POWER_CHECK_AFTER_MS && (await machine.powerState()) === 'off') {
    run.see('host', 'ramdisk-boot-off', 'the machine went off while it should boot the ramdisk');
    return startBoot(run);
  }
  await recordConsole(run, 'keepOn');
  await nameWait(run, since);
  return { kind: 'again', ms: POLL_MS };
}
