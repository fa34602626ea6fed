import { STATUS_ANNOTATION, annotation, jsonObject } from '../api/annotations.ts';
import { type BareMetalHost, PROVISIONING_STATES, type ProvisioningState } from '../api/baremetalhost.ts';
import type { HardwareDetails } from '../api/hardware.ts';
import { kubeTime } from '../core/clock.ts';
import { hostErrors } from './errors.ts';
import { type HostStatus, completeStatus } from './status.ts';

/**
 * The status a moved host brings along in its annotation (metal3-compat §2.11); undefined when the host has a status
 * already or no annotation.
 * @param hardware HardwareData of the host; wins over what the annotation says
 * @throws HOST_STATUS_ANNOTATION_INVALID
 */
export function restoredStatus(
  host: BareMetalHost,
  hardware: HardwareDetails | undefined,
  nowMs: number,
): HostStatus | undefined {
  const text = annotation(host, STATUS_ANNOTATION);
  if (text === undefined || (host.status?.lastUpdated ?? '') !== '') return undefined;
  const fields = jsonObject(text);
  if (fields === undefined) throw invalid('it is not a JSON object');
  const provisioning = fields['provisioning'];
  const state = isObject(provisioning) ? (provisioning['state'] ?? '') : '';
  if (!isState(state)) throw invalid(`provisioning.state ${JSON.stringify(state)} is unknown`);
  const status = completeStatus(fields);
  if (hardware !== undefined) status.hardware = structuredClone(hardware);
  status.lastUpdated ??= kubeTime(nowMs);
  return status;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

function isState(value: unknown): value is ProvisioningState {
  return PROVISIONING_STATES.some((state) => state === value);
}

function invalid(why: string) {
  return hostErrors.make('HOST_STATUS_ANNOTATION_INVALID', `annotation ${STATUS_ANNOTATION} cannot be used: ${why}`);
}
