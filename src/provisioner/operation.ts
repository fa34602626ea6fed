import { createHash } from 'node:crypto';
import type { BareMetalHostStatus } from '../api/baremetalhost.ts';
import type { OperationKind, OperationStatus } from '../api/hostprogress.ts';
import { isDeployed } from '../api/predicates.ts';
import { kubeTime } from '../core/clock.ts';
import { IngotError, errorCode, errorText, unreachable } from '../core/errors.ts';
import type { Outcome } from './provisioner.ts';
import { ensureAgent, startBoot } from './ramdisk-boot.ts';
import { NO_FIGURES } from './rate.ts';
import type { Run, StepResult } from './run.ts';

/** One step of an operation. Its name is stored in HostProgress: renaming one breaks hosts that are in it. */
export interface Step {
  name: string;
  /** What people read as `HostProgress.status.step`. */
  text: string;
  /** The step needs a living agent; the ramdisk is booted when there is none, also in the middle. */
  agent: boolean;
  /** Says that there is nothing to do. */
  skip?: (run: Run) => boolean;
  run: (run: Run) => Promise<StepResult>;
}

export interface OperationTable {
  kind: OperationKind;
  /** What people read as `HostProgress.status.phase`. */
  phase: string;
  steps: readonly Step[];
  /**
   * Remember a good end until `settle`. Whoever asked may die before it has stored the answer; asked again, a finished
   * provisioning must say `done` and not wipe the machine that by now runs its OS.
   */
  remembered?: boolean;
}

/** `operation.step` of a remembered operation that is over. */
const FINISHED = 'finished';

/** More than any table has: a step that sends itself round is a bug and must not spin. */
const MAX_STEPS_PER_CALL = 20;

/**
 * Does a bounded piece of an operation. The step under way is in HostProgress; each step is stored before it begins and
 * may be run again from its beginning.
 * @param request what was asked for; a different request starts over
 * @param fresh abandons the boot under way and begins anew
 */
export async function runOperation(
  run: Run,
  table: OperationTable,
  request: unknown,
  fresh = false,
): Promise<Outcome<object>> {
  await begin(run, table, digestOf(request), fresh);
  if (isFinished(run)) return { kind: 'done' };
  for (let i = 0; i < MAX_STEPS_PER_CALL; i++) {
    const operation = run.operation;
    const index = table.steps.findIndex((s) => s.name === operation?.step);
    const step = table.steps[index];
    if (operation === undefined || step === undefined) return finish(run, table);
    const result: StepResult = step.skip?.(run) === true ? { kind: 'next' } : await attempt(run, step);
    switch (result.kind) {
      case 'again':
        return { kind: 'continue', requeueMs: result.ms, dirty: false };
      case 'failed':
        return giveUp(run, table, result.code, result.message);
      case 'next':
        await goOn(run, operation, table.steps[index + 1], result.patch);
    }
  }
  return { kind: 'continue', requeueMs: 0, dirty: false };
}

async function begin(run: Run, table: OperationTable, request: string, fresh: boolean): Promise<void> {
  const held = run.operation;
  const [first] = table.steps;
  if (first === undefined) return;
  if (held?.kind === table.kind && held.request === request) {
    if (held.step === FINISHED) return;
    if (fresh) await startBoot(run);
    return;
  }
  run.doors.board.forget(run.key);
  const now = kubeTime(run.now);
  await run.update({
    operation: {
      kind: table.kind,
      id: run.doors.uuid(),
      step: first.name,
      startedAt: now,
      stepSince: now,
      request,
      boots: 0,
      retries: 0,
    },
    phase: table.phase,
    step: first.text,
    task: undefined,
    wait: undefined,
    softOffSince: undefined,
    ...NO_FIGURES,
  });
  run.see('host', 'operation-started', `${table.phase} started`);
}

async function attempt(run: Run, step: Step): Promise<StepResult> {
  try {
    if (step.agent) {
      const agent = await ensureAgent(run);
      if (agent.kind !== 'next') return agent;
    }
    return await step.run(run);
  } catch (error) {
    return troubled(run, error);
  }
}

const TROUBLE = 'the BMC to answer';

/**
 * A BMC that is busy or rebooting comes back; one that refuses does not.
 * @param name of the wait: its own for calls that do not belong to what else is tried meanwhile
 */
export async function troubled(run: Run, error: unknown, name = TROUBLE): Promise<StepResult> {
  run.context.signal.throwIfAborted();
  if (!(error instanceof IngotError)) throw error;
  const failure = { kind: 'failed', code: errorCode(error), message: error.message } as const;
  if (!error.code.startsWith('BMC_') && error.code !== 'DEADLINE_EXCEEDED') {
    if (error.code.startsWith('STORE_')) throw error;
    return failure;
  }
  run.see('bmc', 'bmc-trouble', errorText(error));
  if (!error.retry) return failure;
  const until = run.status.wait?.name === name ? Date.parse(run.status.wait.until) : Number.NaN;
  const { bmcMs, bmcTroubleMs } = run.doors.limits;
  // The next try ends within bmcMs: an older wait is that of an earlier trouble, which went by.
  if (!(run.now - until < bmcMs + bmcTroubleMs)) {
    await run.update({ wait: run.wait(name, bmcTroubleMs, error.hint) });
  } else if (run.now > until) {
    await run.update({ wait: undefined });
    return failure;
  }
  return { kind: 'again', ms: 5000 };
}

async function goOn(
  run: Run,
  operation: OperationStatus,
  next: Step | undefined,
  patch: Extract<StepResult, { kind: 'next' }>['patch'],
): Promise<void> {
  const step = next?.name ?? 'done';
  await run.update({
    ...NO_FIGURES,
    task: undefined,
    wait: undefined,
    // One that is skipped is not what the host does.
    ...(next?.skip?.(run) === true ? {} : { step: next?.text }),
    ...patch,
    operation: { ...(run.operation ?? operation), step, stepSince: kubeTime(run.now), retries: 0 },
  });
  // One that is skipped is no news.
  if (next !== undefined && next.skip?.(run) !== true) run.see('host', 'step', next.text);
}

async function finish(run: Run, table: OperationTable): Promise<Outcome<object>> {
  const { operation } = run;
  if (operation !== undefined) run.see('host', 'operation-done', `${table.phase} done`);
  const kept = table.remembered === true && operation !== undefined ? { ...operation, step: FINISHED } : undefined;
  await run.update({ ...IDLE, operation: kept, phase: `${table.phase} done` });
  return { kind: 'done' };
}

/**
 * Forgets a remembered operation once its good end is stored where people see it. One that was for a servicing goes also
 * when the servicing was given up on the way.
 */
export async function settle(run: Run): Promise<void> {
  const { operation } = run;
  if (operation === undefined || isAskedFor(run.host.status, operation.kind)) return;
  if (operation.step === FINISHED) await run.update({ operation: undefined, firmware: undefined });
  else if (operation.kind === 'service') await run.update({ ...IDLE, phase: 'servicing ended' });
}

/** Is the operation a remembered one that has come to its good end? */
export function isFinished(run: Run): boolean {
  return run.operation?.step === FINISHED;
}

/** Does the host, by its stored status, still wait for the end of such an operation? */
function isAskedFor(status: BareMetalHostStatus | undefined, kind: OperationKind): boolean {
  const state = status?.provisioning.state ?? '';
  switch (kind) {
    case 'inspect':
      return state === 'inspecting';
    case 'prepare':
      return state === 'preparing';
    case 'provision':
      return state === 'provisioning';
    case 'deprovision':
      return state === 'deprovisioning';
    case 'service':
      return (
        isDeployed(state) && (status?.operationalStatus === 'servicing' || status?.errorType === 'servicing error')
      );
    default:
      return unreachable(kind);
  }
}

/** The ramdisk, if it runs, keeps running: the next try is then quick, and nothing half-written is ever booted. */
async function giveUp(run: Run, table: OperationTable, code: string, message: string): Promise<Outcome<object>> {
  run.doors.board.forget(run.key);
  run.see('host', 'operation-failed', `${table.phase} failed: ${code}: ${message}`);
  await run.update({ ...IDLE, phase: `${table.phase} failed` });
  return { kind: 'failed', code, message };
}

/** An operation that is over. */
export const IDLE = {
  operation: undefined,
  ramdiskBoot: undefined,
  task: undefined,
  wait: undefined,
  step: undefined,
  ...NO_FIGURES,
};

function digestOf(request: unknown): string {
  return createHash('sha256').update(JSON.stringify(request)).digest('hex').slice(0, 16);
}
