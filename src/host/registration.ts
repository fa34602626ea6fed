import type { CredentialsStatus } from '../api/baremetalhost.ts';
import { inspectionDisabled, usesLibvirt } from '../api/predicates.ts';
import { type bmcErrors } from '../bmc/errors.ts';
import { errorText } from '../core/errors.ts';
import { isMac } from '../wire/mac.ts';
import { type Answers, type Steps, ask } from './ask.ts';
import { hostErrors } from './errors.ts';
import { type Pass, type Verdict, count, emit, fail, failedIn, failureText, isDeleting } from './pass.ts';
import { effectiveHints, resolveProfile } from './profiles.ts';
import { beginOperation, clearError, endOperation, sameCredentials } from './status.ts';

/**
 * Must BMC access be verified in this pass (metal3-compat §2.6)? All of it is read from the status, so that a restarted
 * engine comes to the same answer.
 */
export function needsRegistration(pass: Pass): boolean {
  const { status, credentials } = pass;
  if (credentials === undefined) return false;
  return (
    failedIn(pass, 'registration error') ||
    status.provisioning.ID === '' ||
    !sameCredentials(status.goodCredentials, credentials)
  );
}

/**
 * Verifies BMC access, resolves the hardware profile, remembers good credentials. Works in every state: a host whose
 * password was changed is verified again without leaving its state.
 * @returns undefined when registration is complete and nothing had to be written
 */
export function* ensureRegistered(pass: Pass): Steps<Verdict | undefined> {
  const { status, credentials } = pass;
  if (credentials === undefined || !needsRegistration(pass)) return undefined;
  count(pass, 'registrationRequired');
  beginOperation(status, 'register', pass.nowMs);

  const bootMacProblem = yield* checkBootMac(pass);
  if (bootMacProblem !== undefined) return bootMacProblem;

  const credentialsChanged = !sameCredentials(status.triedCredentials, credentials);
  if (credentialsChanged) yield* leaveUntriedSecret(pass, credentials);
  status.triedCredentials = credentials;
  const outcome = yield* ask('register', { restart: failedIn(pass, 'registration error'), credentialsChanged });
  if (outcome.kind === 'failed') return refused(pass, outcome);
  if (outcome.kind === 'continue') return outcome;

  rememberId(pass, outcome.id);
  if (outcome.poweredOn !== undefined) status.poweredOn = outcome.poweredOn;
  const profileProblem = matchProfile(pass);
  if (profileProblem !== undefined) return profileProblem;
  yield* acceptCredentials(pass);
  if (status.provisioning.state !== 'registering') finishHistory(pass);
  return { kind: 'again' };
}

/** Failures that say something about the address itself: trying again cannot help. */
const ADDRESS_CODES: readonly string[] = [
  'BMC_ADDRESS_INVALID',
  'BMC_SCHEME_UNKNOWN',
  'BMC_SCHEME_REMOVED',
  'BMC_QUIRK_UNKNOWN',
] satisfies (keyof typeof bmcErrors.specs)[];

function refused(pass: Pass, failure: Extract<Answers['register'], { kind: 'failed' }>): Verdict {
  const verdict = fail(pass, 'registration error', failureText(failure));
  const address = failure.untilEdited === true || ADDRESS_CODES.includes(failure.code);
  if (!address) {
    count(pass, 'noManagementAccess');
    return verdict;
  }
  pass.events.pop();
  emit(pass, 'BMCCredentialError', failureText(failure));
  count(pass, 'credentialsInvalid');
  // A deletion must not wait for an edit that nobody will make.
  return isDeleting(pass) ? verdict : { kind: 'idle' };
}

/** The first ID stays for the host's life: a host that was moved here, or enrolled by another engine, keeps its own. */
function rememberId(pass: Pass, id: string): void {
  const { provisioning } = pass.status;
  if (provisioning.ID !== '') return;
  provisioning.ID = id;
  emit(pass, 'Registered', 'Registered new host');
}

/** A Secret that was claimed but never worked is given up when another one is named. */
function* leaveUntriedSecret(pass: Pass, next: CredentialsStatus): Steps<void> {
  const { triedCredentials, goodCredentials } = pass.status;
  const tried = triedCredentials?.credentials?.name;
  if (tried === undefined || tried === next.credentials?.name || tried === goodCredentials?.credentials?.name) return;
  yield* ask('release-secret', { name: tried });
}

function matchProfile(pass: Pass): Verdict | undefined {
  try {
    const profile = resolveProfile(pass.host, pass.status);
    if (pass.status.hardwareProfile !== profile) {
      pass.status.hardwareProfile = profile;
      emit(pass, 'ProfileSet', `Hardware profile set: ${profile}`);
    }
    if (pass.status.provisioning.state === 'registering') {
      pass.status.provisioning.rootDeviceHints = structuredClone(effectiveHints(pass.host, pass.status));
    }
    return undefined;
  } catch (error) {
    if (!hostErrors.is(error, 'HOST_PROFILE_UNKNOWN')) throw error;
    return fail(pass, 'registration error', errorText(error));
  }
}

function* acceptCredentials(pass: Pass): Steps<void> {
  const { status, credentials } = pass;
  if (credentials === undefined) return;
  const previous = status.goodCredentials;
  if (!sameCredentials(previous, credentials)) {
    status.goodCredentials = credentials;
    emit(pass, 'BMCAccessValidated', 'Verified access to BMC');
    if (previous?.credentials?.name !== undefined) count(pass, 'credentialsUpdated');
  }
  if (failedIn(pass, 'registration error') || status.operationalStatus === '') clearError(status);
  if (status.operationalStatus === 'discovered') status.operationalStatus = 'OK';
  if (status.errorType === undefined) status.errorCount = 0;
  const left = previous?.credentials?.name;
  if (left !== undefined && left !== credentials.credentials?.name) yield* ask('release-secret', { name: left });
}

function finishHistory(pass: Pass): void {
  const seconds = endOperation(pass.status, 'register', pass.nowMs);
  if (seconds !== undefined) pass.notes.push({ metric: 'operation', operation: 'register', seconds });
}

/** The boot MAC must be there where it is needed, readable, and nobody else's (metal3-compat §3.4). */
function* checkBootMac(pass: Pass): Steps<Verdict | undefined> {
  const { host } = pass;
  const mac = host.spec.bootMACAddress ?? '';
  const refuse = (code: Parameters<typeof hostErrors.make>[0], message: string) =>
    fail(pass, 'registration error', failureText(hostErrors.make(code, message)));
  if (mac === '') {
    if (!usesLibvirt(host) && !inspectionDisabled(host)) return undefined;
    const why = usesLibvirt(host) ? 'BMC driver libvirt requires it' : 'inspection is disabled';
    refuse('HOST_BOOT_MAC_MISSING', `spec.bootMACAddress is empty, and ${why}`);
    return { kind: 'idle' };
  }
  if (!isMac(mac)) {
    refuse('HOST_BOOT_MAC_INVALID', `spec.bootMACAddress: "${mac}" is not a MAC address`);
    return { kind: 'idle' };
  }
  const owner = yield* ask('boot-mac-owner', undefined);
  if (owner === undefined) return undefined;
  return refuse('HOST_BOOT_MAC_CONFLICT', `MAC address ${mac} conflicts with existing node ${owner}`);
}

/** Handler of the state `registering`: being here means that registration is complete. */
export function registered(pass: Pass): Verdict {
  pass.status.errorCount = 0;
  if (pass.host.spec.externallyProvisioned === true) return { kind: 'move', to: 'externally provisioned' };
  return { kind: 'move', to: inspectionDisabled(pass.host) ? 'preparing' : 'inspecting' };
}
