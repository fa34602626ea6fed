import { INSPECT_ANNOTATION, rebootRequests, REBOOT_ANNOTATION } from '../api/annotations.ts';
import { inspectionDisabled, inspectionRequested } from '../api/predicates.ts';
import { type Steps, ask } from './ask.ts';
import { type Pass, type Verdict, emit, failedIn, unfinished } from './pass.ts';
import { clearError } from './status.ts';

/** Is the wait for the ramdisk to be aborted and begun anew? Only the base annotation can say so (metal3-compat §2.9). */
export function forcedRestart(pass: Pass): boolean {
  return rebootRequests(pass.host).base?.force === true;
}

/** Handler of `inspecting`: learns the hardware and keeps it in status and in HardwareData (metal3-compat §2.12). */
export function* inspect(pass: Pass): Steps<Verdict> {
  const { status } = pass;
  const requested = inspectionRequested(pass.host);
  const forced = forcedRestart(pass);
  if (inspectionDisabled(pass.host)) {
    emit(pass, 'InspectionSkipped', 'Hardware inspection is disabled');
    return finished(pass);
  }
  const restart = failedIn(pass, 'inspection error');
  const outcome = yield* ask('inspect', { restart, force: requested || forced });
  if (restart && outcome.kind === 'continue') emit(pass, 'InspectionStarted', 'Hardware inspection restarted');
  if (outcome.kind !== 'failed') {
    if (requested) pass.annotations.set(INSPECT_ANNOTATION, null);
    if (forced) pass.annotations.set(REBOOT_ANNOTATION, null);
  }
  const verdict = unfinished(pass, outcome, 'inspection error');
  if (verdict !== undefined || outcome.kind !== 'done') return verdict ?? { kind: 'again' };
  yield* ask('store-hardware', { details: outcome.details });
  status.hardware = outcome.details;
  emit(pass, 'InspectionComplete', 'Hardware inspection completed');
  return finished(pass);
}

function finished(pass: Pass): Verdict {
  clearError(pass.status);
  pass.status.errorCount = 0;
  // An annotation that asks for inspection where it is disabled would lead back here for ever.
  if (inspectionRequested(pass.host)) pass.annotations.set(INSPECT_ANNOTATION, null);
  return { kind: 'move', to: 'preparing' };
}
