import type { Event } from './core-types.ts';
import type { ObjectReference } from './core-types.ts';
import type { KubeObject } from './meta.ts';

export interface EventFacts {
  /** What it is about. */
  object: KubeObject;
  related?: ObjectReference | undefined;
  reason: string;
  message: string;
  /** Who says so: `metal3-baremetal-controller`. */
  component: string;
  /** The same as a domain name: `metal3.io/baremetal-controller`. */
  reporter: string;
  /** RFC 3339, whole seconds. */
  time: string;
}

/** Longest message the API server takes, bytes. */
const MAX_MESSAGE = 1024;

/** The core/v1 object of one event: type Normal and count 1 always, as Metal3 writes them, errors too (metal3-compat §7.1). */
export function kubeEvent({ object, related, reason, message, component, reporter, time }: EventFacts): Event {
  const namespace = object.metadata.namespace ?? 'default';
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: '', generateName: `${reason}-`, namespace },
    involvedObject: {
      apiVersion: object.apiVersion,
      kind: object.kind,
      namespace,
      name: object.metadata.name,
      ...(object.metadata.uid === undefined ? {} : { uid: object.metadata.uid }),
    },
    ...(related === undefined ? {} : { related }),
    reason,
    message: message.slice(0, MAX_MESSAGE),
    type: 'Normal',
    count: 1,
    firstTimestamp: time,
    lastTimestamp: time,
    source: { component },
    reportingComponent: reporter,
  };
}
