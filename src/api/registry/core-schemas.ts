import type { Schema } from '../validation/schema.ts';

/** Structural schemas of the core kinds that Ingot serves itself; field names and merge rules are Kubernetes'. */
const TEXT: Schema = { type: 'string' };
const TIME: Schema = { type: 'string', format: 'date-time', nullable: true };
const INT32: Schema = { type: 'integer', format: 'int32' };
const TEXTS: Schema = { type: 'object', additionalProperties: TEXT };
const BYTES: Schema = { type: 'object', additionalProperties: { type: 'string', format: 'byte' } };

function fields(description: string, properties: Record<string, Schema>, required: string[] = []): Schema {
  return { type: 'object', description, properties, ...(required.length > 0 ? { required } : {}) };
}

const REFERENCE = fields('Names one object, or a part of it.', {
  apiVersion: TEXT,
  kind: TEXT,
  namespace: TEXT,
  name: TEXT,
  uid: TEXT,
  resourceVersion: TEXT,
  fieldPath: TEXT,
});
const OBJECT_REFERENCE: Schema = { ...REFERENCE, 'x-kubernetes-map-type': 'atomic' };

export const SECRET_SCHEMA = fields('Secret holds sensitive values, such as BMC credentials and user data.', {
  type: { ...TEXT, description: 'What the secret is for; cannot be changed.' },
  data: { ...BYTES, description: 'Values, base64 encoded.' },
  stringData: { ...TEXTS, description: 'Values in plain text; folded into data when written, never read back.' },
  immutable: { type: 'boolean', description: 'When true, the values cannot be changed any more.' },
});

export const CONFIG_MAP_SCHEMA = fields('ConfigMap holds configuration values.', {
  data: { ...TEXTS, description: 'Text values.' },
  binaryData: { ...BYTES, description: 'Binary values, base64 encoded.' },
  immutable: { type: 'boolean', description: 'When true, the values cannot be changed any more.' },
});

export const NAMESPACE_SCHEMA = fields('Namespace is a scope for names.', {
  spec: fields('What the namespace waits for when it is deleted.', {
    finalizers: { type: 'array', items: TEXT, 'x-kubernetes-list-type': 'atomic' },
  }),
  status: fields('State of the namespace.', {
    phase: { ...TEXT, description: 'Active or Terminating.' },
    conditions: {
      type: 'array',
      items: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
      'x-kubernetes-list-type': 'atomic',
    },
  }),
});

export const EVENT_SCHEMA = fields('Event tells what happened to an object. Events are kept for one hour.', {
  involvedObject: { ...OBJECT_REFERENCE, description: 'The object this event is about.' },
  related: { ...OBJECT_REFERENCE, description: 'A second object the event has to do with.' },
  reason: { ...TEXT, description: 'Short reason, one word.' },
  message: { ...TEXT, description: 'What happened, for people.' },
  type: { ...TEXT, description: 'Normal or Warning.' },
  count: INT32,
  firstTimestamp: TIME,
  lastTimestamp: TIME,
  eventTime: TIME,
  action: TEXT,
  source: fields('Who reported it.', { component: TEXT, host: TEXT }),
  reportingComponent: { ...TEXT, default: '' },
  reportingInstance: { ...TEXT, default: '' },
  series: fields('Repetitions of this event.', { count: INT32, lastObservedTime: TIME }),
});

export const LEASE_SCHEMA = fields('Lease says who holds a role, and until when.', {
  spec: fields('The holder and its times.', {
    holderIdentity: TEXT,
    leaseDurationSeconds: { ...INT32, minimum: 1 },
    acquireTime: TIME,
    renewTime: TIME,
    leaseTransitions: INT32,
    strategy: TEXT,
    preferredHolder: TEXT,
  }),
});

export const CRD_SCHEMA: Schema = {
  type: 'object',
  description: 'CustomResourceDefinition declares a kind. Here they are read only: the program brings its own.',
  properties: {
    spec: { type: 'object', description: 'The kind.', 'x-kubernetes-preserve-unknown-fields': true },
    status: { type: 'object', description: 'Whether it is served.', 'x-kubernetes-preserve-unknown-fields': true },
  },
};
