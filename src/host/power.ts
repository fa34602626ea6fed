import {
  REBOOTED_FOR_ANNOTATION,
  REBOOT_ANNOTATION,
  type RebootRequest,
  annotation,
  rebootRequests,
} from '../api/annotations.ts';
import { isDeployed } from '../api/predicates.ts';
import { type Steps, ask } from './ask.ts';
import { syncDataImage } from './data-image.ts';
import { type Pass, type Verdict, emit, fail, failedIn, failureText, unfinished } from './pass.ts';
import { isServicing, serviceIfDue } from './servicing.ts';
import { clearError } from './status.ts';
import { STEADY_POLL_MS } from './timers.ts';

interface RebootWish {
  mode: 'soft' | 'hard';
  /** Names of the suffixed annotations behind it. */
  held: string[];
  base: boolean;
}

/** Look again soon after a change, yet not at once: a machine that switches itself back must not make a busy loop. */
const RECHECK_MS = 1_000;

const SOFT_FAILED = 'Soft power off failed, a hard power off follows. ';

/**
 * Brings the machine to the wanted power state, in the order of metal3-compat §2.9. Works in available, provisioned and
 * externally provisioned.
 */
export function* managePower(pass: Pass): Steps<Verdict> {
  const { status, host } = pass;
  const seen = yield* ask('powerState', undefined);
  // While it is serviced the machine is not power's to judge: the servicing, which cannot go on either, says so.
  const type = isServicing(pass) ? 'servicing error' : 'power management error';
  if (seen.kind === 'failed') return fail(pass, type, failureText(seen));
  // A BMC that is slow to answer is no progress: an error on record stays.
  if (seen.kind === 'continue') return seen;
  if (seen.poweredOn !== undefined && seen.poweredOn !== status.poweredOn) {
    status.poweredOn = seen.poweredOn;
    settlePower(pass, false);
    return { kind: 'again' };
  }
  const wish = rebootWish(pass);
  const first = yield* beforePower(pass, wish);
  if (first !== undefined) return first;
  if (host.spec.disablePowerOff === true) return yield* withoutPowerOff(pass, wish);
  const wanted = wish === undefined && host.spec.online;
  if (wanted === status.poweredOn) return steady(pass);
  return wanted ? yield* switchOn(pass) : yield* switchOff(pass, wish?.mode ?? 'soft');
}

/** What comes before power: the DataImage of a machine about to start, the reboot that has had its off, the firmware. */
function* beforePower(pass: Pass, wish: RebootWish | undefined): Steps<Verdict | undefined> {
  const { status, host } = pass;
  const startsNext = isDeployed(status.provisioning.state) && host.spec.online && !status.poweredOn;
  const media = startsNext && !isServicing(pass) ? yield* syncDataImage(pass) : undefined;
  if (media !== undefined) return media;
  if (!status.poweredOn && annotation(host, REBOOT_ANNOTATION) !== undefined) {
    pass.annotations.set(REBOOT_ANNOTATION, null);
    return { kind: 'again' };
  }
  // Held off by somebody's annotation it must not start, not even for its firmware.
  return yield* serviceIfDue(pass, startsNext && wish === undefined);
}

/** The reboot that applies now: in `available` an annotation needs force, hard wins over soft. */
function rebootWish(pass: Pass): RebootWish | undefined {
  const requests = rebootRequests(pass.host);
  for (const key of requests.invalid) {
    emit(pass, 'InvalidAnnotationValue', `annotation ${key} is not understood, a soft reboot is assumed`);
  }
  const applies = (r: RebootRequest) => isDeployed(pass.status.provisioning.state) || r.force;
  const held = [...requests.held].filter(([, r]) => applies(r));
  const base = requests.base !== undefined && applies(requests.base) ? requests.base : undefined;
  if (base === undefined && held.length === 0) return undefined;
  const hard = base?.mode === 'hard' || held.some(([, r]) => r.mode === 'hard');
  return { mode: hard ? 'hard' : 'soft', held: held.map(([key]) => key), base: base !== undefined };
}

function* switchOn(pass: Pass): Steps<Verdict> {
  const outcome = yield* ask('powerOn', { force: failedIn(pass, 'power management error') });
  const verdict = unfinished(pass, outcome, 'power management error');
  if (verdict !== undefined) return verdict;
  return switched(pass, true, 'Host powered on');
}

function* switchOff(pass: Pass, wanted: 'soft' | 'hard'): Steps<Verdict> {
  const failedBefore = failedIn(pass, 'power management error');
  // Whatever failed before, politeness has been tried long enough. A servicing that failed has left an OS that is well.
  const mode = pass.status.errorCount > 0 && !failedIn(pass, 'servicing error') ? 'hard' : wanted;
  const outcome = yield* ask('powerOff', { mode, force: failedBefore });
  if (outcome.kind === 'failed' && mode === 'soft') {
    return fail(pass, 'power management error', SOFT_FAILED + failureText(outcome));
  }
  const verdict = unfinished(pass, outcome, 'power management error');
  if (verdict !== undefined) return verdict;
  return switched(pass, false, mode === 'soft' ? 'Host soft powered off' : 'Host powered off');
}

function switched(pass: Pass, on: boolean, message: string): Verdict {
  pass.status.poweredOn = on;
  emit(pass, on ? 'PowerOn' : 'PowerOff', message);
  pass.notes.push({ metric: 'power', on });
  settlePower(pass, true);
  return { kind: 'continue', requeueMs: RECHECK_MS };
}

/** A host that may never be off is restarted instead: once for the base annotation, once for each suffixed one. */
function* withoutPowerOff(pass: Pass, wish: RebootWish | undefined): Steps<Verdict> {
  const done = (annotation(pass.host, REBOOTED_FOR_ANNOTATION) ?? '').split(',').filter((key) => key !== '');
  const held = wish?.held ?? [];
  const remembered = held.length === 0 ? null : held.toSorted().join(',');
  const due = wish !== undefined && (wish.base || held.some((key) => !done.includes(key)));
  // A machine that went off because it was asked to reboot is switched on by that reboot, or it would be asked again.
  if (!pass.status.poweredOn && !(due && pass.host.spec.online)) {
    return pass.host.spec.online ? yield* switchOn(pass) : steady(pass);
  }
  if (due) {
    const outcome = yield* ask('reboot', { mode: wish.mode });
    const verdict = unfinished(pass, outcome, 'power management error');
    if (verdict !== undefined) return verdict;
    if (wish.base) pass.annotations.set(REBOOT_ANNOTATION, null);
    pass.annotations.set(REBOOTED_FOR_ANNOTATION, remembered);
    pass.status.poweredOn = true;
    emit(pass, 'Reboot', 'Host rebooted, its power off is disabled');
    settlePower(pass, true);
    return { kind: 'again' };
  }
  if (done.some((key) => !held.includes(key))) pass.annotations.set(REBOOTED_FOR_ANNOTATION, remembered);
  return steady(pass);
}

function steady(pass: Pass): Verdict {
  settlePower(pass, true);
  return { kind: 'continue', requeueMs: STEADY_POLL_MS };
}

/** Power is as wanted (`reached`) or at least readable: forgets a power error; other errors are not power's to clear. */
function settlePower(pass: Pass, reached: boolean): void {
  const { status } = pass;
  if (failedIn(pass, 'power management error')) clearError(status);
  else if (status.errorType !== undefined) return;
  else if (status.operationalStatus === '') status.operationalStatus = 'OK';
  if (reached) status.errorCount = 0;
}
