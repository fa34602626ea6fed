import { type ProtoField, type ProtoMessage, decodeProto } from './proto-read.ts';

/**
 * Field numbers of the core kinds in Kubernetes' protocol buffer form (k8s.io/api, k8s.io/apimachinery): newer kubectl
 * sends what it creates by itself (`create secret`, `auth can-i`) in this form. Answers are always JSON.
 */
const text = (name: string): ProtoField => ({ name, kind: 'text' });
const integer = (name: string): ProtoField => ({ name, kind: 'integer' });
const boolean = (name: string): ProtoField => ({ name, kind: 'boolean' });
const time = (name: string): ProtoField => ({ name, kind: 'time' });
const microtime = (name: string): ProtoField => ({ name, kind: 'microtime' });
const message = (name: string, fields: ProtoMessage): ProtoField => ({ name, kind: 'message', fields });
const list = (name: string, item: 'text' | ProtoMessage): ProtoField => ({ name, kind: 'list', item });
const map = (name: string, value: 'text' | 'bytes'): ProtoField => ({ name, kind: 'map', value });

const OWNER: ProtoMessage = {
  1: text('kind'),
  3: text('name'),
  4: text('uid'),
  5: text('apiVersion'),
  6: boolean('controller'),
  7: boolean('blockOwnerDeletion'),
};

const MANAGED: ProtoMessage = {
  1: text('manager'),
  2: text('operation'),
  3: text('apiVersion'),
  4: time('time'),
  6: text('fieldsType'),
  7: { name: 'fieldsV1', kind: 'json' },
  8: text('subresource'),
};

const META = message('metadata', {
  1: text('name'),
  2: text('generateName'),
  3: text('namespace'),
  5: text('uid'),
  6: text('resourceVersion'),
  7: integer('generation'),
  8: time('creationTimestamp'),
  9: time('deletionTimestamp'),
  10: integer('deletionGracePeriodSeconds'),
  11: map('labels', 'text'),
  12: map('annotations', 'text'),
  13: list('ownerReferences', OWNER),
  14: list('finalizers', 'text'),
  17: list('managedFields', MANAGED),
});

const REFERENCE: ProtoMessage = {
  1: text('kind'),
  2: text('namespace'),
  3: text('name'),
  4: text('uid'),
  5: text('apiVersion'),
  6: text('resourceVersion'),
  7: text('fieldPath'),
};

/** Reviews are answered the same whatever they ask; of the question only the attributes are echoed. */
const ACCESS: ProtoMessage = {
  1: META,
  2: message('spec', {
    1: message('resourceAttributes', {
      1: text('namespace'),
      2: text('verb'),
      3: text('group'),
      4: text('version'),
      5: text('resource'),
      6: text('subresource'),
      7: text('name'),
    }),
    2: message('nonResourceAttributes', { 1: text('path'), 2: text('verb') }),
  }),
};

const KINDS: Record<string, ProtoMessage> = {
  Secret: { 1: META, 2: map('data', 'bytes'), 3: text('type'), 4: map('stringData', 'text'), 5: boolean('immutable') },
  ConfigMap: { 1: META, 2: map('data', 'text'), 3: map('binaryData', 'bytes'), 4: boolean('immutable') },
  Namespace: {
    1: META,
    2: message('spec', { 1: list('finalizers', 'text') }),
    3: message('status', { 1: text('phase') }),
  },
  Event: {
    1: META,
    2: message('involvedObject', REFERENCE),
    3: text('reason'),
    4: text('message'),
    5: message('source', { 1: text('component'), 2: text('host') }),
    6: time('firstTimestamp'),
    7: time('lastTimestamp'),
    8: integer('count'),
    9: text('type'),
    10: microtime('eventTime'),
    11: message('series', { 1: integer('count'), 2: microtime('lastObservedTime') }),
    12: text('action'),
    13: message('related', REFERENCE),
    14: text('reportingComponent'),
    15: text('reportingInstance'),
  },
  Lease: {
    1: META,
    2: message('spec', {
      1: text('holderIdentity'),
      2: integer('leaseDurationSeconds'),
      3: microtime('acquireTime'),
      4: microtime('renewTime'),
      5: integer('leaseTransitions'),
      6: text('strategy'),
      7: text('preferredHolder'),
    }),
  },
  DeleteOptions: {
    1: integer('gracePeriodSeconds'),
    2: message('preconditions', { 1: text('uid'), 2: text('resourceVersion') }),
    3: boolean('orphanDependents'),
    4: text('propagationPolicy'),
    5: list('dryRun', 'text'),
  },
  SelfSubjectAccessReview: ACCESS,
  SelfSubjectRulesReview: { 1: META, 2: message('spec', { 1: text('namespace') }) },
  SelfSubjectReview: { 1: META },
};

const MAGIC = Buffer.from('k8s\0', 'latin1');
const ENVELOPE: ProtoMessage = {
  1: message('type', { 1: text('apiVersion'), 2: text('kind') }),
  2: { name: 'raw', kind: 'bytes' },
};

/**
 * Decodes a body of type application/vnd.kubernetes.protobuf.
 * @returns undefined when it is none, or of a kind that is not known in this form
 * @throws RangeError or WIRE_… when it is cut short
 */
export function decodeKubeProto(bytes: Uint8Array): Record<string, unknown> | undefined {
  if (!Buffer.from(bytes.subarray(0, 4)).equals(MAGIC)) return undefined;
  const envelope = decodeProto(bytes.subarray(4), ENVELOPE);
  const { apiVersion, kind } = (envelope['type'] ?? {}) as { apiVersion?: string; kind?: string };
  const fields = kind !== undefined && Object.hasOwn(KINDS, kind) ? KINDS[kind] : undefined;
  if (fields === undefined) return undefined;
  const raw = Buffer.from(typeof envelope['raw'] === 'string' ? envelope['raw'] : '', 'base64');
  return { apiVersion, kind, ...decodeProto(raw, fields) };
}
