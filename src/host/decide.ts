import type { ProvisioningState } from '../api/baremetalhost.ts';
import { bootModeOf, hasBmcDetails, isBusy, isDeployed, usesUefiHttp, usesVirtualMedia } from '../api/predicates.ts';
import { unreachable } from '../core/errors.ts';
import { type Steps, ask } from './ask.ts';
import { deletionMove, detached, giveUp, powerOffBeforeDelete, remove } from './deletion.ts';
import { inspect } from './inspection.ts';
import { type Pass, type Verdict, count, emit, isDeleting } from './pass.ts';
import { prepare } from './preparation.ts';
import { available, deprovision, externallyProvisioned, provision, provisioned } from './provisioning.ts';
import { ensureRegistered, registered } from './registration.ts';
import { assertMove } from './states.ts';
import { beginOperation, completeStatus, endOperation, operationOf } from './status.ts';
import { UNMANAGED_POLL_MS, capacityDelayMs } from './timers.ts';

/**
 * One pass of the lifecycle over one host, in the order of metal3-compat §2.2 step 9. Pure: questions to the world are
 * yielded, everything that is to be written is left in the pass.
 * @returns how the pass ends; a move between states has already been made in the draft
 * @throws HOST_ILLEGAL_TRANSITION
 */
export function* decide(pass: Pass): Steps<Exclude<Verdict, { kind: 'move' }>> {
  const wasWaiting = resumeDelayed(pass);
  const verdict = yield* settle(pass, wasWaiting);
  if (verdict.kind !== 'move') return verdict;
  // A host on its way out never becomes available again.
  const to = verdict.to === 'available' && isDeleting(pass) ? 'powering off before delete' : verdict.to;
  if (isBusy(to) && !(yield* hasSlot(pass))) return delay(pass, to);
  move(pass, to);
  return { kind: 'again' };
}

/** `delayed` only lasts from one refusal to the next: every pass asks anew. Was the host waiting for a slot? */
function resumeDelayed(pass: Pass): boolean {
  const { status } = pass;
  if (status.operationalStatus !== 'delayed') return status.operationalStatus === 'error';
  status.operationalStatus = status.errorType === undefined ? 'OK' : 'error';
  return true;
}

function* settle(pass: Pass, wasWaiting: boolean): Steps<Verdict> {
  const deletion = deletionMove(pass);
  if (deletion !== undefined) return deletion;
  const detachment = yield* detached(pass);
  if (detachment !== undefined) return detachment;
  const { state } = pass.status.provisioning;
  if (isRegistrable(state)) {
    const registration = yield* ensureRegistered(pass);
    if (registration !== undefined) return giveUp(pass, registration);
  }
  // A host that failed gave up its slot; to work again it needs a new one.
  if (wasWaiting && isBusy(state) && !(yield* hasSlot(pass))) return delay(pass, state);
  return giveUp(pass, yield* handle(pass, state));
}

/** States in which there is a BMC, and reason to reach it. */
function isRegistrable(state: ProvisioningState): boolean {
  return state !== '' && state !== 'unmanaged' && state !== 'deleting';
}

function* handle(pass: Pass, state: ProvisioningState): Steps<Verdict> {
  switch (state) {
    case '':
    case 'unmanaged':
      return unmanaged(pass, state);
    case 'registering':
      return registered(pass);
    case 'match profile':
      return { kind: 'move', to: 'preparing' };
    case 'inspecting':
      return yield* inspect(pass);
    case 'preparing':
      return yield* prepare(pass);
    case 'ready':
    case 'available':
      return yield* available(pass);
    case 'provisioning':
      return yield* provision(pass);
    case 'provisioned':
      return yield* provisioned(pass);
    case 'externally provisioned':
      return yield* externallyProvisioned(pass);
    case 'deprovisioning':
      return yield* deprovision(pass);
    case 'powering off before delete':
      return yield* powerOffBeforeDelete(pass);
    case 'deleting':
      return yield* remove(pass);
    default:
      return unreachable(state);
  }
}

function unmanaged(pass: Pass, state: '' | 'unmanaged'): Verdict {
  if (hasBmcDetails(pass.host)) return { kind: 'move', to: 'registering' };
  count(pass, 'unmanaged');
  return state === '' ? { kind: 'move', to: 'unmanaged' } : { kind: 'continue', requeueMs: UNMANAGED_POLL_MS };
}

/** Virtual media and UEFI HTTP hosts do not load the boot network and need no slot (metal3-compat §2.5). */
function* hasSlot(pass: Pass): Steps<boolean> {
  if (usesVirtualMedia(pass.host) || usesUefiHttp(pass.host)) return true;
  return yield* ask('free-slot', undefined);
}

/** No slot: the host stays exactly as it was read, but for the word that it waits. */
function delay(pass: Pass, to: ProvisioningState): Exclude<Verdict, { kind: 'move' }> {
  restart(pass);
  pass.status.operationalStatus = 'delayed';
  pass.waiting = 'a free slot: too many hosts are busy';
  pass.notes.push({ metric: 'delayed', deprovisioning: to === 'deprovisioning' });
  return { kind: 'continue', requeueMs: capacityDelayMs(pass.random) };
}

/** Forgets everything this pass has drafted. */
function restart(pass: Pass): void {
  for (const key of Object.keys(pass.status)) Reflect.deleteProperty(pass.status, key);
  Object.assign(pass.status, completeStatus(pass.host.status));
  pass.events.length = 0;
  pass.notes.length = 0;
  pass.annotations.clear();
}

/** Makes the move in the draft: history, boot mode, Events. */
function move(pass: Pass, to: ProvisioningState): void {
  const { status, nowMs } = pass;
  const from = status.provisioning.state;
  assertMove(from, to);
  const ending = operationOf(from);
  const seconds = ending === undefined ? undefined : endOperation(status, ending, nowMs);
  if (ending !== undefined && seconds !== undefined) {
    pass.notes.push({ metric: 'operation', operation: ending, seconds });
  }
  const beginning = operationOf(to);
  if (beginning !== undefined) beginOperation(status, beginning, nowMs);
  pass.notes.push({ metric: 'state', from, to });
  status.provisioning.state = to;
  if (status.operationalStatus === 'servicing' && !isDeployed(to)) status.operationalStatus = 'OK';
  entered(pass, to);
}

function entered(pass: Pass, state: ProvisioningState): void {
  const { status, host } = pass;
  switch (state) {
    case 'unmanaged':
      status.operationalStatus = 'discovered';
      return emit(pass, 'Discovered', 'Discovered host with no BMC details');
    case 'registering':
      status.provisioning.bootMode = bootModeOf(host);
      return undefined;
    case 'inspecting':
      status.provisioning.bootMode = bootModeOf(host);
      return emit(pass, 'InspectionStarted', 'Hardware inspection started');
    case 'provisioning':
      status.provisioning.bootMode = bootModeOf(host);
      return emit(pass, 'ProvisioningStarted', `Image provisioning started for ${host.spec.image?.url ?? ''}`);
    case 'deprovisioning':
      return emit(pass, 'DeprovisioningStarted', 'Image deprovisioning started');
    default:
      return undefined;
  }
}
