import type { BareMetalHost, HostErrorType } from '../api/baremetalhost.ts';
import type { Event } from '../api/core-types.ts';
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

/** Longest message the API server takes, bytes. */
const MAX_MESSAGE = 1024;

/** The core/v1 object of one event: type Normal and count 1 always, as Metal3 writes them, errors too. */
export function eventObject(host: BareMetalHost, event: HostEvent, nowMs: number): Event {
  const time = kubeTime(nowMs);
  const namespace = host.metadata.namespace ?? 'default';
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: '', generateName: `${event.reason}-`, namespace },
    involvedObject: {
      apiVersion: host.apiVersion,
      kind: host.kind,
      namespace,
      name: host.metadata.name,
      ...(host.metadata.uid === undefined ? {} : { uid: host.metadata.uid }),
    },
    ...(host.spec.consumerRef === undefined ? {} : { related: host.spec.consumerRef }),
    reason: event.reason,
    message: event.message.slice(0, MAX_MESSAGE),
    type: 'Normal',
    count: 1,
    firstTimestamp: time,
    lastTimestamp: time,
    source: { component: 'metal3-baremetal-controller' },
    reportingComponent: 'metal3.io/baremetal-controller',
  };
}
