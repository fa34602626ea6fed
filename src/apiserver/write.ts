import { type KubeObject, type ObjectKey, apiVersionOf } from '../api/meta.ts';
import type { Resource } from '../api/registry/resource.ts';
import { notSupported, required } from '../api/validation/field-error.ts';
import { mergePatch } from '../api/validation/merge-patch.ts';
import { isObject } from '../api/validation/schema.ts';
import type { RawStore, WriteContext } from '../store/raw.ts';
import { ApiError, badRequest, invalidOptions, unsupportedMedia } from './api-error.ts';
import type { ApiReply, ApiRequest } from './api-request.ts';
import { decodeBody, objectBody } from './body.ts';
import { jsonPatch } from './json-patch.ts';
import { selection } from './list.ts';
import { parseMedia } from './media.ts';
import { type WriteOptions, writeOptions } from './options.ts';
import { strategicMerge } from './strategic-merge.ts';
import type { View } from './views.ts';

export interface WriteTarget {
  resource: Resource;
  key: ObjectKey;
  subresource: 'status' | undefined;
}

/** Writes to one resource. Every method answers with the object as stored. */
export class Writes {
  readonly #store: RawStore;

  constructor(store: RawStore) {
    this.#store = store;
  }

  create(request: ApiRequest, { resource, key }: WriteTarget, view: View): ApiReply {
    const call = new Call(request, resource, undefined);
    const object = call.object(request, key.namespace, undefined);
    const created = this.#store.createObject(resource, object, call.context);
    return call.reply(view.one(created), 201);
  }

  replace(request: ApiRequest, { resource, key, subresource }: WriteTarget, view: View): ApiReply {
    const call = new Call(request, resource, subresource);
    const object = call.object(request, key.namespace, key.name);
    const updated = this.#store.updateObject(resource, key, call.context, () => object);
    return call.reply(view.one(updated), 200);
  }

  patch(request: ApiRequest, target: WriteTarget, view: View): ApiReply {
    const { resource, key, subresource } = target;
    const { type } = parseMedia(request.contentType ?? '');
    if (type === 'application/apply-patch+yaml') return this.#apply(request, target, view);
    const call = new Call(request, resource, subresource);
    const change = patchOf(type, resource);
    const patch = call.body(request).value;
    const updated = this.#store.updateObject(resource, key, call.context, (live) => {
      const changed = change(live, patch);
      if (!isObject(changed) || !isObject(changed['metadata'])) throw badRequest('the patch leaves no object');
      checkSame(changed as unknown as KubeObject, resource, key);
      return changed as unknown as KubeObject;
    });
    return call.reply(view.one(updated), 200);
  }

  #apply(request: ApiRequest, { resource, key, subresource }: WriteTarget, view: View): ApiReply {
    const call = new Call(request, resource, subresource);
    if (!call.options.managerGiven) {
      throw invalidOptions('PatchOptions', required('fieldManager', 'is required for apply patch'));
    }
    const object = call.object(request, key.namespace, key.name);
    const applied = this.#store.applyObject(resource, key, object, { ...call.context, force: call.options.force });
    return call.reply(view.one(applied.object), applied.created ? 201 : 200);
  }

  delete(request: ApiRequest, { resource, key }: WriteTarget): ApiReply {
    const { object, removed } = this.#store.deleteObject(resource, key, deleteOptions(request));
    if (!removed) return { status: 200, body: object, contentType: 'application/json' };
    const { group, plural } = resource.type;
    const body = {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Success',
      details: { name: key.name, ...(group === '' ? {} : { group }), kind: plural, uid: object.metadata.uid },
    };
    return { status: 200, body, contentType: 'application/json' };
  }

  deleteCollection(request: ApiRequest, { resource, key }: WriteTarget, view: View): ApiReply {
    const options = deleteOptions(request);
    const namespace = key.namespace === '' ? undefined : key.namespace;
    const { items, revision } = this.#store.page(resource, selection(resource, namespace, request.query));
    for (const item of items) {
      const itemKey = { namespace: item.metadata.namespace ?? '', name: item.metadata.name };
      this.#store.deleteObject(resource, itemKey, options);
    }
    return {
      status: 200,
      body: view.list(items, { resourceVersion: String(revision) }),
      contentType: 'application/json',
    };
  }
}

const PATCH_TYPES = ['application/json-patch+json', 'application/merge-patch+json', 'application/apply-patch+yaml'];

function patchOf(type: string, resource: Resource): (live: KubeObject, patch: unknown) => unknown {
  if (type === 'application/merge-patch+json') return mergePatch;
  if (type === 'application/json-patch+json') return jsonPatch;
  if (type === 'application/strategic-merge-patch+json' && !resource.custom) {
    return (live, patch) => strategicMerge(live, patch, resource.schema);
  }
  const accepted = resource.custom ? PATCH_TYPES : [...PATCH_TYPES, 'application/strategic-merge-patch+json'];
  throw unsupportedMedia(accepted.join(', '));
}

const OPTION_KINDS: Record<string, string> = { POST: 'CreateOptions', PUT: 'UpdateOptions', PATCH: 'PatchOptions' };

/** One write in progress: its options and the warnings it collects. */
class Call {
  readonly options: WriteOptions;
  readonly context: WriteContext;
  readonly #resource: Resource;
  readonly #unknown: string[] = [];
  readonly #duplicates: string[] = [];

  constructor(request: ApiRequest, resource: Resource, subresource: 'status' | undefined) {
    this.#resource = resource;
    this.options = writeOptions(request.query, request.userAgent, OPTION_KINDS[request.method] ?? 'Options');
    this.context = {
      manager: this.options.manager,
      dryRun: this.options.dryRun,
      strict: this.options.fieldValidation === 'Strict',
      unknownFields: this.#unknown,
      duplicateFields: this.#duplicates,
      ...(subresource === undefined ? {} : { subresource }),
    };
  }

  body(request: ApiRequest): { value: unknown } {
    const body = decodeBody(request.body, request.contentType);
    this.#duplicates.push(...body.duplicates);
    return body;
  }

  /** The object in the body, checked against the URL. @param name undefined for a creation */
  object(request: ApiRequest, namespace: string, name: string | undefined): KubeObject {
    const value = objectBody({ ...this.body(request), duplicates: [] });
    const { type } = this.#resource;
    if (value['kind'] === undefined || value['kind'] === '') {
      throw badRequest(`Object 'Kind' is missing in '${request.path}'`);
    }
    checkType(value, this.#resource);
    const metadata = isObject(value['metadata']) ? { ...value['metadata'] } : {};
    const given = metadata['namespace'];
    if (type.namespaced && (given === undefined || given === '')) metadata['namespace'] = namespace;
    else if (type.namespaced && given !== namespace) {
      throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
    } else if (!type.namespaced) delete metadata['namespace'];
    if (name !== undefined && metadata['name'] !== name) {
      throw badRequest(
        `the name of the object (${String(metadata['name'])}) does not match the name on the URL (${name})`,
      );
    }
    return { ...value, metadata } as unknown as KubeObject;
  }

  reply(body: unknown, status: number): ApiReply {
    const warnings =
      this.options.fieldValidation === 'Ignore'
        ? []
        : [
            ...this.#duplicates.map((field) => `duplicate field "${field}"`),
            ...this.#unknown.map((field) => `unknown field "${field}"`),
          ];
    return { status, body, contentType: 'application/json', warnings: [...new Set(warnings)] };
  }
}

function checkType(value: Record<string, unknown>, resource: Resource): void {
  const wanted = apiVersionOf(resource.type);
  const { apiVersion, kind } = value;
  if (apiVersion !== wanted) {
    throw badRequest(
      `the API version in the data (${String(apiVersion)}) does not match the expected API version (${wanted})`,
    );
  }
  if (kind !== resource.type.kind) {
    throw new ApiError(
      422,
      'Invalid',
      `${String(kind)}.${resource.type.group} "" is invalid: kind: Invalid value: ${JSON.stringify(kind)}: must be ${resource.type.kind}`,
    );
  }
}

/** A patch may change everything but what the object is. */
function checkSame(object: KubeObject, resource: Resource, key: ObjectKey): void {
  checkType(object as unknown as Record<string, unknown>, resource);
  if (object.metadata.name !== key.name) {
    throw badRequest(
      `the name of the object (${object.metadata.name}) does not match the name on the URL (${key.name})`,
    );
  }
}

function deleteOptions(request: ApiRequest): Parameters<RawStore['deleteObject']>[2] {
  const body = request.body.length === 0 ? {} : objectBody(decodeBody(request.body, request.contentType));
  const preconditions = isObject(body['preconditions']) ? body['preconditions'] : {};
  const { uid, resourceVersion } = preconditions;
  const policy = body['propagationPolicy'] ?? request.query.get('propagationPolicy') ?? undefined;
  const orphan = body['orphanDependents'];
  const dry = Array.isArray(body['dryRun']) ? body['dryRun'].includes('All') : request.query.get('dryRun') === 'All';
  return {
    ...(typeof uid === 'string' ? { uid } : {}),
    ...(typeof resourceVersion === 'string' ? { resourceVersion } : {}),
    propagation: propagationOf(policy, orphan),
    dryRun: dry,
  };
}

function propagationOf(policy: unknown, orphan: unknown): 'Background' | 'Foreground' | 'Orphan' {
  if (policy === undefined) return orphan === true ? 'Orphan' : 'Background';
  if (policy === 'Background' || policy === 'Foreground' || policy === 'Orphan') return policy;
  throw invalidOptions(
    'DeleteOptions',
    notSupported('propagationPolicy', policy, ['Foreground', 'Background', 'Orphan', 'nil']),
  );
}
