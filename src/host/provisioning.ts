import { REBOOT_ANNOTATION } from '../api/annotations.ts';
import {
  bootModeOf,
  customMethod,
  needsProvisioning,
  provisioningCancelled,
  inspectionRequested,
  sameImage,
  usesVirtualMedia,
} from '../api/predicates.ts';
import { type ConfigProblem, type Steps, ask } from './ask.ts';
import { hostErrors } from './errors.ts';
import { forcedRestart } from './inspection.ts';
import { type Pass, type Verdict, emit, fail, failedIn, failureText, unfinished } from './pass.ts';
import { wishesNothing } from './firmware.ts';
import { managePower } from './power.ts';
import { endServicing } from './servicing.ts';
import { clearSettings, settingsDiffer } from './profiles.ts';
import { clearError } from './status.ts';
import { MISSING_CONFIG_MS } from './timers.ts';

const cleaningOf = (pass: Pass) => pass.host.spec.automatedCleaningMode ?? 'metadata';

/** Handler of `available`: leaves for what the spec asks, else keeps the power as wanted (metal3-compat §2.5). */
export function* available(pass: Pass): Steps<Verdict> {
  const { host, status } = pass;
  if (host.spec.externallyProvisioned === true) {
    clearSettings(status);
    // What was wrong with an image is nobody's concern any more.
    if (failedIn(pass, 'provisioning error')) clearError(status);
    return { kind: 'move', to: 'externally provisioned' };
  }
  if (inspectionRequested(host)) return { kind: 'move', to: 'inspecting' };
  if (settingsDiffer(host, status)) return { kind: 'move', to: 'preparing' };
  const firmware = yield* ask('firmware', undefined);
  if (firmware.ready && !wishesNothing(firmware.wish)) return { kind: 'move', to: 'preparing' };
  forgetAttempts(pass);
  if (!needsProvisioning(host, status)) {
    if (failedIn(pass, 'provisioning error')) clearError(status);
    return yield* managePower(pass);
  }
  if (exhausted(pass) || refuseSpec(pass)) return yield* managePower(pass);
  const data = yield* ask('config-data', undefined);
  if (!data.ok) return yield* dataNotReady(pass, data.problem);
  if (status.errorType !== undefined) clearError(status);
  return { kind: 'move', to: 'provisioning' };
}

/** Failures are counted per image: another image, or none, starts a new count (metal3-compat §2.6). */
function forgetAttempts(pass: Pass): void {
  const { host, status } = pass;
  if (status.lastAttemptedImage === undefined && status.provisioningFailCount === 0) return;
  const url = host.spec.image?.url ?? '';
  if (url !== '' && status.lastAttemptedImage === undefined) return;
  if (url !== '' && sameImage(host.spec.image, status.lastAttemptedImage)) return;
  status.provisioningFailCount = 0;
  delete status.lastAttemptedImage;
}

/** Records, once, that no further attempt at this image is made until a person acts. */
function exhausted(pass: Pass): boolean {
  const { status, config, host } = pass;
  const limit = config.maxProvisioningRetries;
  if (limit === 0 || status.provisioningFailCount < limit) return false;
  const message = failureText(
    hostErrors.make(
      'HOST_RETRIES_EXHAUSTED',
      `provisioning of ${host.spec.image?.url} failed ${status.provisioningFailCount} times; change spec.image or ` +
        'set status.provisioningFailCount to 0 to try again',
    ),
  );
  if (status.errorMessage !== message) fail(pass, 'provisioning error', message);
  return true;
}

/** Things that can be seen to be impossible before the machine is touched. */
function refuseSpec(pass: Pass): boolean {
  const { host } = pass;
  const refuse = (code: Parameters<typeof hostErrors.make>[0], message: string): boolean => {
    recordOnce(pass, failureText(hostErrors.make(code, message)));
    return true;
  };
  const method = customMethod(host);
  if (method !== undefined) {
    return refuse('HOST_DEPLOY_UNSUPPORTED', `spec.customDeploy.method: "${method}" is not a known deploy method`);
  }
  const image = host.spec.image;
  if (image?.format === 'live-iso') {
    if (usesVirtualMedia(host)) return false;
    const text = 'spec.image.format: live-iso needs a BMC with virtual media (redfish-virtualmedia://…)';
    return refuse('HOST_DEPLOY_UNSUPPORTED', text);
  }
  const oci = image?.url.startsWith('oci://') === true;
  if (!oci && (image?.checksum ?? '').trim() === '') {
    return refuse('HOST_IMAGE_INVALID', `spec.image.checksum is required for image ${image?.url}`);
  }
  return false;
}

function recordOnce(pass: Pass, message: string): void {
  if (failedIn(pass, 'provisioning error') && pass.status.errorMessage === message) return;
  fail(pass, 'provisioning error', message);
}

/** Missing data is waited for, wrong data is an error of the person who wrote it; no disk is touched for either. */
function* dataNotReady(pass: Pass, problem: ConfigProblem): Steps<Verdict> {
  if (problem.kind === 'invalid') {
    pass.notes.push({ metric: 'config-data', field: problem.field });
    recordOnce(pass, failureText(hostErrors.make('HOST_CONFIG_INVALID', problem.message)));
    return yield* managePower(pass);
  }
  if (failedIn(pass, 'provisioning error')) clearError(pass.status);
  const wait = waitForData(pass, problem);
  const power = yield* managePower(pass);
  return power.kind === 'continue' ? wait : power;
}

function waitForData(pass: Pass, problem: ConfigProblem): Verdict {
  pass.notes.push({ metric: 'config-data', field: problem.field });
  pass.waiting = failureText(hostErrors.make('HOST_CONFIG_PENDING', problem.message));
  return { kind: 'continue', requeueMs: MISSING_CONFIG_MS };
}

/** Handler of `provisioning`. */
export function* provision(pass: Pass): Steps<Verdict> {
  const { host, status } = pass;
  if (status.errorType !== undefined) {
    status.provisioningFailCount += 1;
    if (host.spec.image !== undefined) status.lastAttemptedImage = structuredClone(host.spec.image);
    return { kind: 'move', to: 'deprovisioning' };
  }
  const image = host.spec.image;
  if (image === undefined || provisioningCancelled(host, status)) return { kind: 'move', to: 'deprovisioning' };
  const data = yield* ask('config-data', undefined);
  // Data that was good at the start and is broken now does not undo the work: it is waited for.
  if (!data.ok) return waitForData(pass, data.problem);
  const forced = forcedRestart(pass);
  const outcome = yield* ask('provision', {
    restart: forced,
    image,
    rootDeviceHints: status.provisioning.rootDeviceHints,
    bootMode: status.provisioning.bootMode ?? bootModeOf(host),
    cleaning: cleaningOf(pass),
    config: data.config,
  });
  if (forced && outcome.kind !== 'failed') pass.annotations.set(REBOOT_ANNOTATION, null);
  if (outcome.kind === 'failed') return fail(pass, 'provisioning error', imageText(pass, outcome));
  const verdict = unfinished(pass, outcome, 'provisioning error');
  if (verdict !== undefined) return verdict;
  status.provisioning.image = structuredClone(image);
  status.provisioningFailCount = 0;
  delete status.lastAttemptedImage;
  status.errorCount = 0;
  clearError(status);
  emit(pass, 'ProvisioningComplete', `Image provisioning completed for ${image.url}`);
  return { kind: 'move', to: 'provisioned' };
}

/** A failure of the image names what was asked for: people grep for the URL. */
function imageText(pass: Pass, failure: { code: string; message: string }): string {
  const { code, message } = failure;
  const image = pass.host.spec.image;
  if (!code.startsWith('IMAGE') || image === undefined || message.includes(image.url)) return failureText(failure);
  return failureText({ code, message: `${message}; image ${image.url}, checksum ${image.checksum ?? 'none'}` });
}

/** Handler of `provisioned`. */
export function* provisioned(pass: Pass): Steps<Verdict> {
  if (!provisioningCancelled(pass.host, pass.status)) return yield* steadyState(pass);
  return (yield* endServicing(pass)) ?? { kind: 'move', to: 'deprovisioning' };
}

/** Handler of `externally provisioned`: when the flag goes, what the spec names is taken for what is deployed. */
export function* externallyProvisioned(pass: Pass): Steps<Verdict> {
  const { host, status } = pass;
  if (host.spec.externallyProvisioned === true) return yield* steadyState(pass);
  status.provisioning.image = structuredClone(host.spec.image ?? { url: '' });
  if (host.spec.customDeploy === undefined) delete status.provisioning.customDeploy;
  else status.provisioning.customDeploy = structuredClone(host.spec.customDeploy);
  return { kind: 'move', to: 'provisioned' };
}

/** Adopting, then power: all that ever happens to a machine that runs something (metal3-compat §2.7). */
function* steadyState(pass: Pass): Steps<Verdict> {
  const outcome = yield* ask('adopt', undefined);
  const verdict = unfinished(pass, outcome, 'provisioned registration error');
  if (verdict !== undefined) return verdict;
  if (failedIn(pass, 'provisioned registration error')) {
    clearError(pass.status);
    pass.status.errorCount = 0;
  }
  return yield* managePower(pass);
}

/** Handler of `deprovisioning`. What the machine runs is given up, so it is not adopted first. */
export function* deprovision(pass: Pass): Steps<Verdict> {
  const { status, host } = pass;
  const restart = failedIn(pass, 'provisioning error');
  const outcome = yield* ask('deprovision', { restart, cleaning: cleaningOf(pass) });
  if (restart && outcome.kind === 'continue') emit(pass, 'DeprovisioningStarted', 'Image deprovisioning restarted');
  const verdict = unfinished(pass, outcome, 'provisioning error');
  if (verdict !== undefined) return verdict;
  status.provisioning.image = { url: '' };
  delete status.provisioning.customDeploy;
  clearSettings(status);
  clearError(status);
  status.errorCount = 0;
  if (host.metadata.annotations?.[REBOOT_ANNOTATION] !== undefined) pass.annotations.set(REBOOT_ANNOTATION, null);
  emit(pass, 'DeprovisioningComplete', 'Image deprovisioning completed');
  return { kind: 'move', to: 'available' };
}
