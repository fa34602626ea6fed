import type { BareMetalHost, HostErrorType } from '../api/baremetalhost.ts';
import type { Event } from '../api/core-types.ts';
import { kubeEvent } from '../api/events.ts';
import { kubeTime } from '../core/clock.ts';

/** Reasons that dashboards and people know from Metal3 (metal3-compat §7.1). */
export type EventReason =
  | 'Discovered'
  | 'Registered'
  | 'BMCAccessValidated'
  | 'BMCCredentialError'
  | 'ProfileSet'
  | 'InspectionStarted'
  | 'InspectionComplete'
  | 'InspectionSkipped'
  | 'UpdateHardwareDetails'
  | 'RemoveAnnotation'
  | 'InvalidAnnotationValue'
  | 'ProvisioningStarted'
  | 'ProvisioningComplete'
  | 'DeprovisioningStarted'
  | 'DeprovisioningComplete'
  | 'PowerOn'
  | 'PowerOff'
  | 'Reboot'
  | ErrorReason;

const ERROR_REASONS = {
  'provisioned registration error': 'ProvisionedRegistrationError',
  'registration error': 'RegistrationError',
  'inspection error': 'InspectionError',
  'preparation error': 'PreparationError',
  'provisioning error': 'ProvisioningError',
  'power management error': 'PowerManagementError',
  'servicing error': 'ServicingError',
} as const satisfies Record<HostErrorType, string>;

export type ErrorReason = (typeof ERROR_REASONS)[HostErrorType];

/** The Event reason, and the metric's error_type, of a recorded failure. */
export function errorReason(type: HostErrorType): ErrorReason {
  return ERROR_REASONS[type];
}

export interface HostEvent {
  reason: EventReason;
  message: string;
}

/** The core/v1 object of one event of a host. */
export function eventObject(host: BareMetalHost, event: HostEvent, nowMs: number): Event {
  return kubeEvent({
    ...event,
    object: host,
    related: host.spec.consumerRef,
    component: 'metal3-baremetal-controller',
    reporter: 'metal3.io/baremetal-controller',
    time: kubeTime(nowMs),
  });
}
