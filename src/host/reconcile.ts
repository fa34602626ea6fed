import { isDeepStrictEqual } from 'node:util';
import { detachRequest, isPaused } from '../api/annotations.ts';
import type { BareMetalHost } from '../api/baremetalhost.ts';
import { type ObjectKey, keyOf } from '../api/meta.ts';
import { inspectionDisabled } from '../api/predicates.ts';
import { BARE_METAL_HOST } from '../api/resources.ts';
import { readHardwareData, releaseHardwareData } from './hardware-data.ts';
import type { BmcCredentials, HealthReport, Provisioner } from '../provisioner/provisioner.ts';
import { storeErrors } from '../store/errors.ts';
import { answer } from './answer.ts';
import { computeConditions } from './conditions.ts';
import { decide } from './decide.ts';
import { hostErrors } from './errors.ts';
import { intake } from './intake.ts';
import type { HostMetrics } from './metrics.ts';
import {
  type LifecycleConfig,
  type Pass,
  type Verdict,
  count,
  emit,
  fail,
  failureText,
  isDeleting,
  newPass,
} from './pass.ts';
import { type ClaimedCredentials, claimCredentials, keepNetworkSecret } from './secrets.ts';
import { orMissing } from '../store/or-missing.ts';
import { MISSING_CREDENTIALS_MS } from './timers.ts';
import { type WriteDoors, dropFinalizer, patchHost, publish, saveStatus, writeAnnotations } from './writes.ts';

export interface HostDoors extends WriteDoors {
  provisioner: Provisioner;
  random: () => number;
  metrics: HostMetrics;
  config: LifecycleConfig;
}

export interface PassResult {
  /** When to look again, ms; undefined: when something changes. */
  requeueMs: number | undefined;
  /** A failure was recorded: until then nothing but an edit is a reason to look again. */
  failed?: boolean;
}

const NOTHING: PassResult = { requeueMs: undefined };
const AT_ONCE: PassResult = { requeueMs: 0 };

/**
 * One pass over one host: reads it, runs the lifecycle, writes what the lifecycle drafted. Everything is read anew, so
 * that a pass can be repeated, or another process can go on, after a stop at any instruction.
 * @throws STORE_* (conflict: try again soon) and whatever the provisioner throws; the status is then untouched
 */
export async function reconcileHost(doors: HostDoors, key: ObjectKey, signal: AbortSignal): Promise<PassResult> {
  const host = await orMissing(doors.store.get(BARE_METAL_HOST, key));
  if (host === undefined) {
    doors.index.remove(key);
    return NOTHING;
  }
  doors.index.observe(host);
  if (isPaused(host)) return NOTHING;
  doors.metrics.pass(key);
  try {
    return (await takeIn(doors, host)) ?? (await runLifecycle(doors, host, signal));
  } finally {
    doors.index.settle(key);
  }
}

/** Writes what has to be there before the lifecycle runs; undefined when nothing was missing. */
async function takeIn(doors: HostDoors, host: BareMetalHost): Promise<PassResult | undefined> {
  const { store, clock } = doors;
  const data = usesHardwareData(host) ? await readHardwareData(store, host) : undefined;
  const leaving = host.metadata.deletionTimestamp !== undefined;
  if (leaving && data !== undefined) await releaseHardwareData(store, data);
  const step = intake(host, data?.spec.hardware, clock.now());
  switch (step?.kind) {
    case undefined:
      return undefined;
    case 'status':
      await saveStatus(doors, host, step.status);
      break;
    case 'metadata':
      await patchHost(doors, host, step.patch);
      break;
    case 'refused':
      break;
  }
  await publish(doors, host, step.events);
  return step.kind === 'refused' ? NOTHING : AT_ONCE;
}

/** Saves a request in the many passes that cannot learn anything from HardwareData. */
function usesHardwareData(host: BareMetalHost): boolean {
  return (
    host.metadata.deletionTimestamp !== undefined ||
    host.status?.hardware === undefined ||
    (host.spec.architecture ?? '') === '' ||
    inspectionDisabled(host)
  );
}

async function runLifecycle(doors: HostDoors, host: BareMetalHost, signal: AbortSignal): Promise<PassResult> {
  const { clock, random, config } = doors;
  const facts = { host, nowMs: clock.now(), random, config };
  const claim = await claimed(doors, host);
  if ('problem' in claim) {
    const pass = newPass({ ...facts, credentials: undefined });
    return await finish(doors, pass, withoutCredentials(pass, claim.problem));
  }
  const pass = newPass({ ...facts, credentials: claim.claimed?.version });
  const steps = decide(pass);
  let step = steps.next();
  while (step.done !== true) {
    signal.throwIfAborted();
    step = steps.next(await answer({ ...doors, pass, credentials: claim.claimed?.credentials, signal }, step.value));
  }
  return await finish(doors, pass, step.value, healthOf(doors, pass, claim.claimed?.credentials, signal));
}

/** Of a BMC that lets us in and is ours to ask; the answer is there already, nobody waits for it. */
function healthOf(
  doors: HostDoors,
  pass: Pass,
  credentials: BmcCredentials | undefined,
  signal: AbortSignal,
): HealthReport | undefined {
  const { host, status } = pass;
  if (credentials === undefined || status.goodCredentials?.credentials === undefined || isDeleting(pass))
    return undefined;
  if (status.errorType === 'registration error' || status.operationalStatus === 'detached') return undefined;
  return doors.provisioner.health({ host, credentials, signal });
}

type Problem = { code: string; message: string };
type Claim = { claimed: ClaimedCredentials | undefined } | { problem: Problem };

/** Steps 6 and 7 of a pass: a host on its way out goes on without credentials, any other one does not. */
async function claimed(doors: HostDoors, host: BareMetalHost): Promise<Claim> {
  const state = host.status?.provisioning.state ?? '';
  if (state === '' || state === 'unmanaged' || staysDetached(host)) return { claimed: undefined };
  if (host.metadata.deletionTimestamp === undefined) await keepNetworkSecret(doors.store, host);
  try {
    return { claimed: await claimCredentials(doors.store, host) };
  } catch (error) {
    const known = hostErrors.is(error);
    if (!known && !storeErrors.is(error, 'STORE_CONFLICT')) doors.metrics.count('credentialsUnhandled');
    if (!known) throw error;
    return host.metadata.deletionTimestamp === undefined ? { problem: error } : { claimed: undefined };
  }
}

function staysDetached(host: BareMetalHost): boolean {
  return host.status?.operationalStatus === 'detached' && detachRequest(host) !== undefined;
}

/** A missing Secret is looked for again and again, a wrong one waits for an edit (metal3-compat §2.6). */
function withoutCredentials(pass: Pass, problem: Problem): Verdict {
  const missing = problem.code === 'HOST_SECRET_MISSING';
  const message = failureText(problem);
  count(pass, missing ? 'credentialsMissing' : 'credentialsInvalid');
  fail(pass, 'registration error', message);
  pass.events.length = 0;
  emit(pass, 'BMCCredentialError', message);
  return missing ? { kind: 'continue', requeueMs: MISSING_CREDENTIALS_MS } : { kind: 'idle' };
}

/** Steps 10 and after: conditions, status, annotations, metrics, Events, in this order. */
async function finish(doors: HostDoors, pass: Pass, verdict: Verdict, health?: HealthReport): Promise<PassResult> {
  const { host, status } = pass;
  if (verdict.kind === 'gone') {
    await dropFinalizer(doors, host);
    await report(doors, pass);
    return NOTHING;
  }
  const conditions = computeConditions(host, status, pass.nowMs, pass.waiting, health);
  const changed = !isDeepStrictEqual({ ...status, conditions }, host.status);
  const saved = changed ? await saveStatus(doors, host, { ...status, conditions }) : host;
  await writeAnnotations(doors, host, saved, pass.annotations);
  await report(doors, pass);
  return { requeueMs: requeueOf(verdict), ...(verdict.kind === 'failed' ? { failed: true } : {}) };
}

function requeueOf(verdict: Exclude<Verdict, { kind: 'gone' }>): number | undefined {
  switch (verdict.kind) {
    case 'again':
    case 'move':
      return 0;
    case 'idle':
      return undefined;
    case 'continue':
    case 'failed':
      return verdict.requeueMs;
  }
}

async function report(doors: HostDoors, pass: Pass): Promise<void> {
  for (const note of pass.notes) doors.metrics.note(keyOf(pass.host), note);
  await publish(doors, pass.host, pass.events);
}
