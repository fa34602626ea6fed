import type { Clock } from '../core/clock.ts';
import type { ObjectKey } from '../api/meta.ts';
import type { Resource } from '../api/registry/resource.ts';
import type { RawStore } from '../store/raw.ts';
import { badRequest, methodNotAllowed, notAcceptable, notServed } from './api-error.ts';
import { type ApiReply, type ApiRequest, type ApiStream, json } from './api-request.ts';
import { aggregated, aggregatedVersion, coreVersions, groupList, oneGroup, resourceList } from './discovery.ts';
import { encodeOpenApiV2 } from './gnostic.ts';
import { listObjects } from './list.ts';
import { type Negotiated, negotiate, parseAccept } from './media.ts';
import { openApiV2, openApiV3, openApiV3Index } from './openapi.ts';
import { flag, includeObject } from './options.ts';
import { type PathTarget, parsePath } from './request-path.ts';
import { review } from './reviews.ts';
import { View } from './views.ts';
import { watchObjects } from './watch.ts';
import { type WriteTarget, Writes } from './write.ts';

export interface ApiDoors {
  store: RawStore;
  clock: Clock;
  /** `host:port`, told by discovery. */
  address: string;
  version: string;
}

type ResourceTarget = Extract<PathTarget, { kind: 'resource' }>;

/** Clients ask for it with an @, which is not legal in a media type; answers are named with a dot. */
const PROTO_V2_ASKED = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf';
const PROTO_V2 = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';

/** The Kubernetes API over a store: a function from requests to replies, without sockets. */
export class Api {
  readonly #doors: ApiDoors;
  readonly #writes: Writes;

  constructor(doors: ApiDoors) {
    this.#doors = doors;
    this.#writes = new Writes(doors.store);
  }

  /** @throws ApiError, errors of `storeErrors` */
  handle(request: ApiRequest): ApiReply | ApiStream {
    const target = parsePath(request.path);
    if (target.kind === 'other') return this.#other(request, target.parts);
    const { registry } = this.#doors.store;
    const resource = registry.find(target.group, target.version, target.plural);
    if (resource !== undefined) return this.#resource(request, resource, target);
    if (request.method === 'POST' && target.name === undefined) return review(request, target.group, target.plural);
    throw notServed();
  }

  #other(request: ApiRequest, parts: readonly string[]): ApiReply {
    if (request.method !== 'GET' && request.method !== 'HEAD') throw methodNotAllowed();
    const [root = '', ...rest] = parts;
    switch (root) {
      case '':
        return json({
          paths: ['/api', '/apis', '/healthz', '/livez', '/openapi/v2', '/openapi/v3', '/readyz', '/version'],
        });
      case 'version':
        return json(versionInfo(this.#doors.version));
      case 'api':
      case 'apis':
        return this.#discovery(request, root, rest);
      case 'openapi':
        return this.#openapi(request, rest);
      default:
        throw notServed();
    }
  }

  #discovery(request: ApiRequest, root: 'api' | 'apis', rest: readonly string[]): ApiReply {
    const { registry } = this.#doors.store;
    const [first, second] = rest;
    if (first === undefined) {
      const version = aggregatedVersion(request.accept);
      if (version !== undefined) {
        const contentType = `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`;
        return { status: 200, body: aggregated(registry, root === 'api', version), contentType };
      }
      return json(root === 'api' ? coreVersions(this.#doors.address) : groupList(registry));
    }
    if (root === 'api') return json(resourceList(registry, '', first));
    return json(second === undefined ? oneGroup(registry, first) : resourceList(registry, first, second));
  }

  #openapi(request: ApiRequest, rest: readonly string[]): ApiReply {
    const { registry } = this.#doors.store;
    const [version, root, ...where] = rest;
    if (version === 'v2' && root === undefined) {
      const document = openApiV2(registry);
      const proto = parseAccept(request.accept).some((m) => m.type === PROTO_V2 || m.type === PROTO_V2_ASKED);
      return proto ? { status: 200, body: encodeOpenApiV2(document), contentType: PROTO_V2 } : json(document);
    }
    if (version !== 'v3') throw notServed();
    if (root === undefined) return json(openApiV3Index(registry));
    const [group, name] = root === 'api' ? ['', where[0]] : where;
    return json(openApiV3(registry, group ?? '', name ?? ''));
  }

  #resource(request: ApiRequest, resource: Resource, target: ResourceTarget): ApiReply | ApiStream {
    const { namespace, name, subresource } = target;
    if (namespace !== undefined && !resource.type.namespaced) throw notServed();
    if (subresource !== undefined && !(subresource === 'status' && resource.type.status)) throw notServed();
    const negotiated = negotiate(request.accept);
    if (negotiated === undefined) throw notAcceptable();
    const view = new View(resource, negotiated, includeObject(request.query), () => this.#doors.clock.now());
    if (name === undefined || isWatch(request)) {
      return this.#collection(request, resource, namespace, name, negotiated, view);
    }
    if (resource.type.namespaced && namespace === undefined) throw notServed();
    const write: WriteTarget = {
      resource,
      key: { namespace: namespace ?? '', name },
      subresource: subresource === 'status' ? 'status' : undefined,
    };
    return this.#one(request, write, negotiated, view);
  }

  #one(request: ApiRequest, target: WriteTarget, negotiated: Negotiated, view: View): ApiReply {
    switch (request.method) {
      case 'GET':
      case 'HEAD':
        return {
          status: 200,
          body: view.one(this.#doors.store.read(target.resource, target.key)),
          contentType: negotiated.contentType,
        };
      case 'PUT':
        return this.#writes.replace(request, target, view);
      case 'PATCH':
        return this.#writes.patch(request, target, view);
      case 'DELETE':
        if (target.subresource !== undefined) throw methodNotAllowed();
        return this.#writes.delete(request, target);
      default:
        throw methodNotAllowed();
    }
  }

  #collection(
    request: ApiRequest,
    resource: Resource,
    namespace: string | undefined,
    name: string | undefined,
    negotiated: Negotiated,
    view: View,
  ): ApiReply | ApiStream {
    const { store, clock } = this.#doors;
    const key: ObjectKey = { namespace: namespace ?? '', name: '' };
    const target: WriteTarget = { resource, key, subresource: undefined };
    switch (request.method) {
      case 'GET':
      case 'HEAD':
        if (isWatch(request)) {
          const scope = { resource, namespace, name, query: request.query };
          const stream = watchObjects(scope, { store, clock, signal: request.signal }, view);
          return { stream, contentType: 'application/json' };
        }
        return {
          status: 200,
          body: listObjects(store, resource, namespace, request.query, view),
          contentType: negotiated.contentType,
        };
      case 'POST':
        if (resource.type.namespaced && namespace === undefined) {
          throw badRequest('an object of this kind is created in a namespace');
        }
        return this.#writes.create(request, target, view);
      case 'DELETE':
        return this.#writes.deleteCollection(request, target, view);
      default:
        throw methodNotAllowed();
    }
  }
}

function isWatch(request: ApiRequest): boolean {
  return request.method === 'GET' && flag(request.query, 'watch');
}

function versionInfo(version: string): unknown {
  const [major = '1', minor = '0'] = version.replace(/^v/, '').split('.');
  return {
    major,
    minor,
    gitVersion: version,
    gitCommit: '',
    gitTreeState: 'clean',
    buildDate: '1970-01-01T00:00:00Z',
    goVersion: 'none',
    compiler: 'node',
    platform: `${process.platform}/${process.arch === 'x64' ? 'amd64' : process.arch}`,
  };
}
