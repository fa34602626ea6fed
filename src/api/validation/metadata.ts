import type { ObjectMeta, OwnerReference } from '../meta.ts';
import { type FieldError, invalid, required } from './field-error.ts';
import {
  checkAnnotations,
  checkLabelName,
  checkLabelValue,
  checkPathSegment,
  checkQualifiedName,
  checkSubdomain,
} from './names.ts';
import type { Schema } from './schema.ts';

const TEXT: Schema = { type: 'string' };
const TEXT_MAP: Schema = { type: 'object', additionalProperties: TEXT };

/** metav1.ObjectMeta as a structural schema: one source for pruning, validation, apply and `kubectl explain`. */
export const OBJECT_META_SCHEMA: Schema = {
  type: 'object',
  description: 'Standard object metadata: name, namespace, labels, annotations, owners and finalizers.',
  properties: {
    name: { ...TEXT, description: 'Name of the object, unique within its namespace. Cannot be changed.' },
    generateName: { ...TEXT, description: 'Prefix from which the server makes a unique name when name is not given.' },
    namespace: { ...TEXT, description: 'Namespace the object lives in. Cannot be changed.' },
    selfLink: { ...TEXT, description: 'Legacy field, never set.' },
    uid: { ...TEXT, description: 'Identity of this object in time, given by the server.' },
    resourceVersion: {
      ...TEXT,
      description: 'Opaque version of this state of the object, for concurrency and watches.',
    },
    generation: { type: 'integer', format: 'int64', description: 'Counts the changes of the desired state.' },
    creationTimestamp: {
      ...TEXT,
      format: 'date-time',
      nullable: true,
      description: 'When the server created the object.',
    },
    deletionTimestamp: { ...TEXT, format: 'date-time', nullable: true, description: 'When deletion was asked for.' },
    deletionGracePeriodSeconds: { type: 'integer', format: 'int64', description: 'Grace period of the deletion.' },
    labels: { ...TEXT_MAP, description: 'Keys and values by which objects are selected.' },
    annotations: { ...TEXT_MAP, description: 'Keys and values for tools and people; not selectable.' },
    finalizers: {
      type: 'array',
      items: TEXT,
      'x-kubernetes-list-type': 'set',
      'x-kubernetes-patch-strategy': 'merge',
      description: 'What must be done before the object goes away; each entry is removed by the one who did it.',
    },
    ownerReferences: {
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['uid'],
      'x-kubernetes-patch-merge-key': 'uid',
      'x-kubernetes-patch-strategy': 'merge',
      description: 'Objects this one depends on. When all of them are gone, this one is deleted.',
      items: {
        type: 'object',
        required: ['apiVersion', 'kind', 'name', 'uid'],
        'x-kubernetes-map-type': 'atomic',
        properties: {
          apiVersion: { ...TEXT, description: 'API version of the owner.' },
          kind: { ...TEXT, description: 'Kind of the owner.' },
          name: { ...TEXT, description: 'Name of the owner.' },
          uid: { ...TEXT, description: 'UID of the owner.' },
          controller: { type: 'boolean', description: 'Is the owner the managing controller?' },
          blockOwnerDeletion: {
            type: 'boolean',
            description: 'Does the owner wait for this object in a foreground deletion?',
          },
        },
      },
    },
    managedFields: {
      type: 'array',
      'x-kubernetes-list-type': 'atomic',
      description: 'Which manager set which fields; kept by the server for server-side apply.',
      items: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
    },
  },
};

/** Rules of metadata that a schema cannot say. Types have been checked before. */
export function validateMetadata(meta: ObjectMeta, namespaced: boolean, kind: string): FieldError[] {
  const errors: FieldError[] = [];
  if (meta.name === '') errors.push(required('metadata.name', 'name or generateName is required'));
  else errors.push(...nameRule(kind)(meta.name, 'metadata.name'));
  if (namespaced) errors.push(...checkLabelName(meta.namespace ?? '', 'metadata.namespace'));
  for (const [key, value] of Object.entries(meta.labels ?? {})) {
    errors.push(...checkQualifiedName(key, 'metadata.labels'), ...checkLabelValue(value, 'metadata.labels'));
  }
  errors.push(...checkAnnotations(meta.annotations ?? {}, 'metadata.annotations'));
  (meta.finalizers ?? []).forEach((name, i) => errors.push(...checkQualifiedName(name, `metadata.finalizers[${i}]`)));
  errors.push(...checkOwners(meta.ownerReferences ?? []));
  return errors;
}

/** Events are named after their reason, capitals included (metal3-compat §7.1): only what breaks a URL is refused. */
function nameRule(kind: string): (value: string, field: string) => FieldError[] {
  if (kind === 'Namespace') return checkLabelName;
  return kind === 'Event' ? checkPathSegment : checkSubdomain;
}

function checkOwners(owners: readonly OwnerReference[]): FieldError[] {
  const controllers = owners.filter((o) => o.controller === true);
  if (controllers.length < 2) return [];
  const text = 'Only one reference can have Controller set to true';
  return [invalid('metadata.ownerReferences', controllers.map((o) => o.name).join(', '), text)];
}
