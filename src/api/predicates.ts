import { INSPECT_ANNOTATION, annotation } from './annotations.ts';
import type { BareMetalHost, BareMetalHostStatus, BootMode, Image, ProvisioningState } from './baremetalhost.ts';

/** Questions about a BareMetalHost that more than one room asks. All are pure; section numbers are metal3-compat's. */

/** States in which the host is idle and may be consumed. `ready` is the old name of `available`. */
export function isAvailable(state: ProvisioningState): boolean {
  return state === 'available' || state === 'ready';
}

/** States in which the machine runs something that must not be disturbed. */
export function isDeployed(state: ProvisioningState): boolean {
  return state === 'provisioned' || state === 'externally provisioned';
}

/** States that need one of the limited slots (§2.5, capacity). */
export function isBusy(state: ProvisioningState): boolean {
  return state === 'inspecting' || state === 'provisioning' || state === 'deprovisioning';
}

/** Has the host a BMC at all? Without any detail it is unmanaged (§2.5). */
export function hasBmcDetails(host: BareMetalHost): boolean {
  return (host.spec.bmc?.address ?? '') !== '' || (host.spec.bmc?.credentialsName ?? '') !== '';
}

/** §2.12: by the mode or by the annotation. */
export function inspectionDisabled(host: BareMetalHost): boolean {
  return host.spec.inspectionMode === 'disabled' || annotation(host, INSPECT_ANNOTATION) === 'disabled';
}

/** Does somebody ask for a new inspection of an available host? */
export function inspectionRequested(host: BareMetalHost): boolean {
  const value = annotation(host, INSPECT_ANNOTATION);
  return value !== undefined && value !== 'disabled';
}

export function bootModeOf(host: BareMetalHost): BootMode {
  return host.spec.bootMode ?? 'UEFI';
}

/** `spec.customDeploy.method`, undefined when unset or empty. */
export function customMethod(host: BareMetalHost): string | undefined {
  const method = host.spec.customDeploy?.method;
  return method === '' ? undefined : method;
}

/** §2.5, available → provisioning: something to deploy that is not deployed yet, and the host may be powered on. */
export function needsProvisioning(host: BareMetalHost, status: BareMetalHostStatus): boolean {
  if (!host.spec.online) return false;
  const method = customMethod(host);
  if (method !== undefined) return status.provisioning.customDeploy?.method !== method;
  return (host.spec.image?.url ?? '') !== '' && (status.provisioning.image?.url ?? '') === '';
}

/**
 * §2.5, "cancelled": what was deployed, or is being deployed, is no longer what the spec asks for. Only the image's URL
 * and the custom method count; checksum, format and data may change freely.
 */
export function provisioningCancelled(host: BareMetalHost, status: BareMetalHostStatus): boolean {
  const wanted = host.spec.image?.url ?? '';
  const deployed = status.provisioning.image?.url ?? '';
  const method = customMethod(host);
  const deployedMethod = status.provisioning.customDeploy?.method ?? '';
  if (method !== undefined) {
    if (deployedMethod !== '' && deployedMethod !== method) return true;
    return deployed !== '' && deployed !== wanted;
  }
  if (deployedMethod !== '' || wanted === '') return true;
  return deployed !== '' && deployed !== wanted;
}

/** Are two images the same in every field (nil, `""` and absent fields being equal)? */
export function sameImage(a: Image | undefined, b: Image | undefined): boolean {
  const keys = ['url', 'checksum', 'checksumType', 'format', 'ociAuthSecretName'] as const;
  return keys.every((key) => (a?.[key] ?? '') === (b?.[key] ?? ''));
}

/** §2.5: virtual media boots without the boot network, so these hosts take no slot. */
export function usesVirtualMedia(host: BareMetalHost): boolean {
  return /virtualmedia/.test(scheme(host));
}

/** §2.5: UEFI HTTP hosts need no slot but still count as busy for the others. */
export function usesUefiHttp(host: BareMetalHost): boolean {
  return /uefihttp/.test(scheme(host));
}

export function usesLibvirt(host: BareMetalHost): boolean {
  return scheme(host).startsWith('libvirt');
}

/** What is before `://` in the BMC address; '' for a bare host name. */
function scheme(host: BareMetalHost): string {
  return /^([^:/]+):\/\//.exec(host.spec.bmc?.address ?? '')?.[1]?.toLowerCase() ?? '';
}
