import { isDeployed } from '../api/predicates.ts';
import { type Steps, ask } from './ask.ts';
import { wishesNothing } from './firmware.ts';
import { type Pass, type Verdict, fail, failedIn, failureText } from './pass.ts';
import { clearError } from './status.ts';
import { FIRMWARE_LOOK_MS } from './timers.ts';

/** Is the machine being serviced, or was it and failed? Then that comes to its end before anything else happens to it. */
export function isServicing(pass: Pass): boolean {
  return pass.status.operationalStatus === 'servicing' || failedIn(pass, 'servicing error');
}

/**
 * Day-2 changes of firmware and BIOS settings (metal3-compat §2.13): begun when a deployed machine that is off is about to
 * be switched on, gone on with whatever its power is.
 * @param startsNow the machine is off and nothing keeps it off
 * @returns undefined when there is nothing to do, or nothing left
 */
export function* serviceIfDue(pass: Pass, startsNow: boolean): Steps<Verdict | undefined> {
  const { status } = pass;
  const servicing = isServicing(pass);
  if (!servicing && !startsNow) return undefined;
  const { ready, wish } = yield* ask('live-firmware', undefined);
  if (!ready) {
    // A machine that starts now would miss what was wished for a moment ago.
    pass.waiting = 'a look at the firmware of the machine: its wish has just changed';
    return { kind: 'continue', requeueMs: FIRMWARE_LOOK_MS };
  }
  if (!servicing && wishesNothing(wish)) return undefined;
  const failedBefore = failedIn(pass, 'servicing error');
  if (status.operationalStatus !== 'servicing' && !(failedBefore && status.poweredOn)) {
    status.operationalStatus = 'servicing';
    return { kind: 'again' };
  }
  const outcome = yield* ask('service', { restart: failedBefore, firmware: wish });
  if (outcome.kind === 'failed') {
    if (wish.updates.length > 0) yield* ask('firmware-failed', undefined);
    const later = status.poweredOn ? '; the machine runs: what is left is tried at its next reboot' : '';
    return fail(pass, 'servicing error', failureText(outcome) + later);
  }
  if (outcome.kind === 'continue') {
    if (outcome.idle === true) return undefined;
    clearError(status, 'servicing');
    return { kind: 'continue', requeueMs: outcome.requeueMs };
  }
  if (!wishesNothing(wish)) yield* ask('firmware-applied', { wish });
  clearError(status);
  // Metal3 waits a minute here for its controllers to look. What was applied is noted already: the machine may start.
  return { kind: 'again' };
}

/** Before what the machine runs is given up: an update that its BMC is at must come to its end. */
export function* endServicing(pass: Pass): Steps<Verdict | undefined> {
  if (!isServicing(pass) || !isDeployed(pass.status.provisioning.state)) return undefined;
  const outcome = yield* ask('service', { restart: false, firmware: { settings: {}, updates: [] } });
  if (outcome.kind === 'continue') return { kind: 'continue', requeueMs: outcome.requeueMs };
  clearError(pass.status);
  return undefined;
}
