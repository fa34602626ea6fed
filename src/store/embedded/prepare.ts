import { randomInt, randomUUID } from 'node:crypto';
import { kubeTime } from '../../core/clock.ts';
import { type KubeObject, type ObjectMeta, apiVersionOf } from '../../api/meta.ts';
import type { Resource } from '../../api/registry/resource.ts';
import { applyDefaults } from '../../api/validation/defaults.ts';
import { type FieldError, forbidden, invalid } from '../../api/validation/field-error.ts';
import { OBJECT_META_SCHEMA, validateMetadata } from '../../api/validation/metadata.ts';
import { prune } from '../../api/validation/prune.ts';
import { isObject, jsonEqual } from '../../api/validation/schema.ts';
import { validate } from '../../api/validation/validate.ts';
import type { WriteContext } from '../raw.ts';
import { foldStringData, validateCore } from './core-rules.ts';
import { badObject, conflict, invalidObject } from './errors.ts';

/**
 * What a write makes of an object: pure rules of Kubernetes' registry strategies. Each function returns a new object and
 * throws STORE_INVALID or STORE_CONFLICT.
 */

const SUFFIX_ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';

/** `<prefix><5 random characters>`, the prefix cut so that the name fits a DNS label. */
export function generateName(prefix: string): string {
  const suffix = Array.from({ length: 5 }, () => SUFFIX_ALPHABET[randomInt(SUFFIX_ALPHABET.length)]).join('');
  return prefix.slice(0, 58) + suffix;
}

/** Decodes: drops unknown fields (or refuses them in strict mode) and fills in defaults. */
export function admit(resource: Resource, object: KubeObject, context: WriteContext): KubeObject {
  const { type } = resource;
  const unknown: string[] = [];
  const pruned = prune(object, resource.schema, unknown);
  const duplicates = context.duplicateFields ?? [];
  if (unknown.length + duplicates.length > 0 && context.strict === true) {
    const list = [
      ...duplicates.map((field) => `duplicate field "${field}"`),
      ...unknown.map((field) => `unknown field "${field}"`),
    ].join(', ');
    throw badObject(
      `${type.kind} in version "${type.version}" cannot be handled as a ${type.kind}: strict decoding error: ${list}`,
    );
  }
  context.unknownFields?.push(...unknown);
  const typed = applyDefaults(pruned, resource.schema);
  if (!isObject(typed) || !isObject(typed['metadata'])) throw badObject('metadata is missing');
  checkDecodes(resource, typed);
  return foldStringData(resource, {
    ...typed,
    apiVersion: apiVersionOf(type),
    kind: type.kind,
    metadata: typed['metadata'] as unknown as ObjectMeta,
  });
}

/**
 * Values of the wrong type in metadata, or anywhere in a core kind, cannot even be read by a typed server: they are bad
 * requests, while in the rest of a custom resource they are invalid fields.
 */
function checkDecodes(resource: Resource, object: Record<string, unknown>): void {
  const errors = resource.custom
    ? validate(object['metadata'], OBJECT_META_SCHEMA, 'metadata')
    : validate(object, resource.schema);
  const wrong = errors.find((e) => e.reason === 'FieldValueTypeInvalid');
  if (wrong === undefined) return;
  const { kind, version } = resource.type;
  throw badObject(`${kind} in version "${version}" cannot be handled as a ${kind}: ${wrong.field}: ${wrong.message}`);
}

/** @param now ms */
export function prepareCreate(resource: Resource, object: KubeObject, now: number): KubeObject {
  const source = object.metadata;
  const generated = source.name === undefined || source.name === '';
  const metadata: ObjectMeta = {
    ...source,
    name:
      generated && (source.generateName ?? '') !== '' ? generateName(source.generateName ?? '') : (source.name ?? ''),
    uid: randomUUID(),
    creationTimestamp: kubeTime(now),
  };
  delete metadata.resourceVersion;
  delete metadata.deletionTimestamp;
  delete metadata.deletionGracePeriodSeconds;
  delete metadata.generation;
  if (resource.custom) metadata.generation = 1;
  const created: KubeObject & { status?: unknown; spec?: unknown } = { ...object, metadata: tidyMeta(metadata) };
  if (resource.type.status) delete created.status;
  if (resource.type.kind === 'Namespace') {
    metadata.labels = { ...metadata.labels, 'kubernetes.io/metadata.name': metadata.name };
    created.metadata = tidyMeta(metadata);
    created.spec = { finalizers: ['kubernetes'] };
    created.status = { phase: 'Active' };
  }
  return created;
}

/** Empty maps and lists in metadata are as good as none. */
function tidyMeta(meta: ObjectMeta): ObjectMeta {
  const out: ObjectMeta = { ...meta };
  for (const key of ['labels', 'annotations'] as const) {
    if (out[key] !== undefined && Object.keys(out[key] ?? {}).length === 0) delete out[key];
  }
  for (const key of ['finalizers', 'ownerReferences', 'managedFields'] as const) {
    if (out[key] !== undefined && out[key]?.length === 0) delete out[key];
  }
  return out;
}

/** Checks that `wanted` is a legal successor of `live` and puts back what a client may not change. */
export function prepareUpdate(
  resource: Resource,
  live: KubeObject,
  wanted: KubeObject,
  subresource: 'status' | undefined,
): KubeObject {
  checkIdentity(resource, live, wanted);
  const next: KubeObject & { status?: unknown } =
    subresource === 'status' ? statusOf(live, wanted) : withoutStatusChange(resource, live, wanted);
  const metadata: ObjectMeta = { ...next.metadata, name: live.metadata.name };
  copyServerFields(live.metadata, metadata);
  const updated = { ...next, metadata: tidyMeta(metadata) };
  if (resource.custom && live.metadata.generation !== undefined && desiredChanged(resource, live, updated)) {
    updated.metadata.generation = live.metadata.generation + 1;
  }
  return updated;
}

function checkIdentity(resource: Resource, live: KubeObject, wanted: KubeObject): void {
  const { name } = live.metadata;
  const { uid, resourceVersion } = wanted.metadata;
  if (uid !== undefined && uid !== '' && uid !== live.metadata.uid) {
    const text = `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${live.metadata.uid}`;
    throw conflict(resource, name, text);
  }
  if (resourceVersion === undefined || resourceVersion === '') {
    if (!resource.custom) return;
    throw invalidObject(resource, name, [invalid('metadata.resourceVersion', 0, 'must be specified for an update')]);
  }
  if (resourceVersion !== live.metadata.resourceVersion) throw conflict(resource, name);
}

const SERVER_FIELDS = [
  'namespace',
  'uid',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'generation',
  'resourceVersion',
  'generateName',
] as const;

function copyServerFields(from: ObjectMeta, to: ObjectMeta): void {
  const source: Record<string, unknown> = { ...from };
  const target = to as unknown as Record<string, unknown>;
  for (const key of SERVER_FIELDS) {
    if (source[key] === undefined) delete target[key];
    else target[key] = source[key];
  }
}

/** A write to the status subresource: everything but the status, and who manages it, stays. */
function statusOf(live: KubeObject, wanted: KubeObject & { status?: unknown }): KubeObject {
  const out: KubeObject & { status?: unknown } = { ...live };
  if (wanted.status === undefined) delete out.status;
  else out.status = wanted.status;
  const { managedFields } = wanted.metadata;
  if (managedFields !== undefined) out.metadata = { ...live.metadata, managedFields };
  return out;
}

function withoutStatusChange(
  resource: Resource,
  live: KubeObject & { status?: unknown },
  wanted: KubeObject & { status?: unknown },
): KubeObject {
  if (!resource.type.status) return wanted;
  const out = { ...wanted };
  if (live.status === undefined) delete out.status;
  else out.status = live.status;
  return out;
}

/** Does anything differ outside metadata and (where it is a subresource) status? */
function desiredChanged(resource: Resource, a: KubeObject, b: KubeObject): boolean {
  const strip = (object: KubeObject): Record<string, unknown> => {
    const rest: Record<string, unknown> = { ...object };
    delete rest['metadata'];
    if (resource.type.status) delete rest['status'];
    return rest;
  };
  return !jsonEqual(strip(a), strip(b));
}

/** @param live the object before an update, absent on creation. @throws STORE_INVALID with every mistake found */
export function checkObject(resource: Resource, object: KubeObject, live?: KubeObject): void {
  const errors: FieldError[] = validate(object, resource.schema);
  if (errors.length === 0) {
    const { namespaced, kind } = resource.type;
    errors.push(...validateMetadata(object.metadata, namespaced, kind));
    errors.push(...validateCore(resource, object, live));
    if (live !== undefined) errors.push(...checkFinalizers(object.metadata, live.metadata));
  }
  const name = object.metadata.name === '' ? (object.metadata.generateName ?? '') : object.metadata.name;
  if (errors.length > 0) throw invalidObject(resource, name, errors);
}

/** Once deletion was asked for, finalizers only go. */
function checkFinalizers(meta: ObjectMeta, live: ObjectMeta): FieldError[] {
  if (live.deletionTimestamp === undefined) return [];
  const added = (meta.finalizers ?? []).filter((f) => !(live.finalizers ?? []).includes(f));
  if (added.length === 0) return [];
  const list = added.map((f) => `"${f}"`).join(', ');
  const text = `no new finalizers can be added if the object is being deleted, found new finalizers []string{${list}}`;
  return [forbidden('metadata.finalizers', text)];
}
