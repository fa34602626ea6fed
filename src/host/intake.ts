import { isDeepStrictEqual } from 'node:util';
import { HARDWARE_DETAILS_ANNOTATION, HOST_FINALIZER, STATUS_ANNOTATION, annotation } from '../api/annotations.ts';
import type { BareMetalHost, BareMetalHostStatus } from '../api/baremetalhost.ts';
import type { HardwareDetails } from '../api/hardware.ts';
import { inspectionDisabled } from '../api/predicates.ts';
import { errorText } from '../core/errors.ts';
import type { MergePatch } from '../store/store.ts';
import { hostErrors } from './errors.ts';
import type { HostEvent } from './events.ts';
import { parseHardwareDetails } from './hardware-annotation.ts';
import { restoredStatus } from './restore.ts';
import { type HostStatus, completeStatus } from './status.ts';

/** One write that has to come before the lifecycle may run; the host is read again afterwards. */
export type Intake =
  | { kind: 'status'; status: HostStatus; events: HostEvent[] }
  | { kind: 'metadata'; patch: MergePatch; events: HostEvent[] }
  /** Nothing can be done before somebody edits the host. */
  | { kind: 'refused'; events: HostEvent[] };

/**
 * Steps 3 to 5 of a pass (metal3-compat §2.2): restore a moved status, fill the architecture, take hardware details that
 * a person supplied, add the finalizer. Pure; one write at a time.
 * @param hardware what HardwareData says, undefined when there is none
 * @returns undefined when the host is ready for the lifecycle
 */
export function intake(host: BareMetalHost, hardware: HardwareDetails | undefined, nowMs: number): Intake | undefined {
  return (
    statusAnnotation(host, hardware, nowMs) ??
    architecture(host, hardware) ??
    hardwareDetails(host, hardware) ??
    finalizer(host)
  );
}

function statusAnnotation(
  host: BareMetalHost,
  hardware: HardwareDetails | undefined,
  nowMs: number,
): Intake | undefined {
  if (annotation(host, STATUS_ANNOTATION) === undefined) return undefined;
  try {
    const status = restoredStatus(host, hardware, nowMs);
    return status === undefined ? dropAnnotation(STATUS_ANNOTATION, []) : { kind: 'status', status, events: [] };
  } catch (error) {
    if (!hostErrors.is(error, 'HOST_STATUS_ANNOTATION_INVALID')) throw error;
    return { kind: 'refused', events: [{ reason: 'InvalidAnnotationValue', message: errorText(error) }] };
  }
}

function architecture(host: BareMetalHost, hardware: HardwareDetails | undefined): Intake | undefined {
  const known = hardware?.cpu.arch ?? '';
  if (known === '' || (host.spec.architecture ?? '') !== '' || isLeaving(host)) return undefined;
  return { kind: 'metadata', patch: { spec: { architecture: known } }, events: [] };
}

/** HardwareData wins over the annotation, which is deleted in any case (metal3-compat §2.12). */
function hardwareDetails(host: BareMetalHost, hardware: HardwareDetails | undefined): Intake | undefined {
  if (isLeaving(host)) return undefined;
  const text = annotation(host, HARDWARE_DETAILS_ANNOTATION);
  const wanted = host.status?.hardware === undefined || inspectionDisabled(host);
  if (wanted && hardware !== undefined) {
    if (!isDeepStrictEqual(host.status?.hardware, hardware)) {
      return takeDetails(host.status, hardware, 'Set hardware details from HardwareData');
    }
  } else if (wanted && text !== undefined) {
    return fromAnnotation(host, text);
  }
  if (text === undefined) return undefined;
  const event: HostEvent = { reason: 'RemoveAnnotation', message: 'Hardware details are known, annotation ignored' };
  return dropAnnotation(HARDWARE_DETAILS_ANNOTATION, [event]);
}

function fromAnnotation(host: BareMetalHost, text: string): Intake {
  try {
    const details = parseHardwareDetails(text);
    if (!isDeepStrictEqual(host.status?.hardware, details)) {
      return takeDetails(host.status, details, 'Set hardware details from annotation');
    }
    return dropAnnotation(HARDWARE_DETAILS_ANNOTATION, []);
  } catch (error) {
    if (!hostErrors.is(error, 'HOST_HARDWARE_ANNOTATION_INVALID')) throw error;
    return dropAnnotation(HARDWARE_DETAILS_ANNOTATION, [{ reason: 'RemoveAnnotation', message: errorText(error) }]);
  }
}

function takeDetails(current: BareMetalHostStatus | undefined, details: HardwareDetails, message: string): Intake {
  const status = completeStatus(current);
  status.hardware = structuredClone(details);
  return { kind: 'status', status, events: [{ reason: 'UpdateHardwareDetails', message }] };
}

function dropAnnotation(key: string, events: HostEvent[]): Intake {
  return { kind: 'metadata', patch: { metadata: { annotations: { [key]: null } } }, events };
}

function finalizer(host: BareMetalHost): Intake | undefined {
  const finalizers = host.metadata.finalizers ?? [];
  if (isLeaving(host) || finalizers.includes(HOST_FINALIZER)) return undefined;
  return { kind: 'metadata', patch: { metadata: { finalizers: [...finalizers, HOST_FINALIZER] } }, events: [] };
}

function isLeaving(host: BareMetalHost): boolean {
  return host.metadata.deletionTimestamp !== undefined;
}
