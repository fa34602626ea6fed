import { detachRequest } from '../api/annotations.ts';
import { isAvailable, isDeployed } from '../api/predicates.ts';
import { type Steps, ask } from './ask.ts';
import { type Pass, type Verdict, count, emit, failedIn, isDeleting, unfinished } from './pass.ts';
import { ON_DELETION } from './states.ts';
import { clearError } from './status.ts';
import { DETACHED_POLL_MS, GIVE_UP_AFTER } from './timers.ts';

/**
 * Where a deletion that was asked for sends the host now (metal3-compat §2.10). undefined: the state's own work goes on.
 */
export function deletionMove(pass: Pass): Verdict | undefined {
  const { host, status } = pass;
  const { state } = status.provisioning;
  if (!isDeleting(pass) || state === 'deleting') return undefined;
  const detach = detachRequest(host);
  if (detach?.deleteAction === 'delay') {
    count(pass, 'deleteDelayedForDetached');
    return undefined;
  }
  if (detach !== undefined) return { kind: 'move', to: 'deleting' };
  // The annotation is gone: the machine is ours again, so it is first attached and then taken down in order.
  if (status.operationalStatus === 'detached') return undefined;
  if (pass.credentials === undefined && state !== '' && state !== 'unmanaged' && state !== 'registering') {
    count(pass, ON_DELETION[state] === 'deprovisioning' ? 'deleteWithoutDeprovisioning' : 'deleteWithoutPowerOff');
    return { kind: 'move', to: 'deleting' };
  }
  const to = ON_DELETION[state];
  return to === undefined ? undefined : { kind: 'move', to };
}

/** A deletion does not fail for ever: after some failures it goes on without the machine. */
export function giveUp(pass: Pass, verdict: Verdict): Verdict {
  const { status } = pass;
  if (!isDeleting(pass) || verdict.kind !== 'failed' || status.errorCount <= GIVE_UP_AFTER) return verdict;
  const { state } = status.provisioning;
  const access = failedIn(pass, 'registration error');
  if (state === 'deprovisioning') {
    count(pass, 'deleteWithoutDeprovisioning');
    clearError(status);
    return { kind: 'move', to: access ? 'deleting' : 'powering off before delete' };
  }
  if (state !== 'powering off before delete') return verdict;
  count(pass, 'deleteWithoutPowerOff');
  clearError(status);
  return { kind: 'move', to: 'deleting' };
}

/** Handler of `powering off before delete`. */
export function* powerOffBeforeDelete(pass: Pass): Steps<Verdict> {
  const { status, host } = pass;
  if (host.spec.disablePowerOff !== true) {
    const outcome = yield* ask('powerOff', { mode: 'hard', force: failedIn(pass, 'power management error') });
    const verdict = unfinished(pass, outcome, 'power management error');
    if (verdict !== undefined) return verdict;
    if (status.poweredOn) {
      emit(pass, 'PowerOff', 'Host powered off');
      pass.notes.push({ metric: 'power', on: false });
    }
    status.poweredOn = false;
  }
  clearError(status);
  status.errorCount = 0;
  return { kind: 'move', to: 'deleting' };
}

/** Handler of `deleting`: lets go of everything; the machine is not touched any more. */
export function* remove(pass: Pass): Steps<Verdict> {
  const outcome = yield* ask('forget', undefined);
  const verdict = unfinished(pass, outcome, 'registration error');
  if (verdict !== undefined && !(verdict.kind === 'failed' && pass.status.errorCount > GIVE_UP_AFTER)) return verdict;
  yield* ask('release', undefined);
  return { kind: 'gone' };
}

/**
 * Detaching (metal3-compat §2.12b): the engine lets go of the machine for as long as the annotation stays.
 * @returns undefined when the host is attached and stays so
 */
export function* detached(pass: Pass): Steps<Verdict | undefined> {
  const { host, status } = pass;
  const request = detachRequest(host);
  const { state } = status.provisioning;
  if (request === undefined) return status.operationalStatus === 'detached' ? attach(pass) : undefined;
  if (state === 'deleting') return undefined;
  if (!request.force && !isDeployed(state) && !isAvailable(state)) return undefined;
  if (status.operationalStatus !== 'detached') {
    const outcome = yield* ask('forget', undefined);
    const verdict = unfinished(pass, outcome, 'registration error');
    if (verdict !== undefined) return verdict;
    status.operationalStatus = 'detached';
    status.errorCount = 0;
  }
  return { kind: 'continue', requeueMs: DETACHED_POLL_MS };
}

/** Nothing that was known about BMC access holds any longer, the address may even be another one. */
function attach(pass: Pass): Verdict {
  const { status } = pass;
  status.operationalStatus = status.errorType === undefined ? 'OK' : 'error';
  status.goodCredentials = {};
  return { kind: 'again' };
}
