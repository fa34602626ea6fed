import { createHash } from 'node:crypto';
import type { Registry } from '../api/registry/core-resources.ts';
import type { Resource } from '../api/registry/resource.ts';
import { notServed } from './api-error.ts';
import { definitionName, definitions, resourcesOfVersion } from './definitions.ts';

export interface OpenApiOperation {
  operationId: string;
  parameters: { name: string; in: 'query' }[];
  'x-kubernetes-action': string;
  'x-kubernetes-group-version-kind': { group: string; version: string; kind: string };
}

type Method = 'get' | 'post' | 'put' | 'patch' | 'delete';
type PathItem = Partial<Record<Method, OpenApiOperation>>;

const WRITE_PARAMETERS = ['dryRun', 'fieldManager', 'fieldValidation', 'force'];
const LIST_PARAMETERS = ['labelSelector', 'fieldSelector', 'limit', 'continue', 'watch'];

const ACTIONS: Record<Method, { action: string; parameters: readonly string[] }> = {
  get: { action: 'get', parameters: [] },
  post: { action: 'post', parameters: WRITE_PARAMETERS },
  put: { action: 'put', parameters: WRITE_PARAMETERS },
  patch: { action: 'patch', parameters: WRITE_PARAMETERS },
  delete: { action: 'delete', parameters: ['dryRun', 'propagationPolicy'] },
};

function operation(resource: Resource, method: Method, one: boolean): OpenApiOperation {
  const { group, version, kind } = resource.type;
  const { action, parameters } = ACTIONS[method];
  const list = method === 'get' && !one;
  return {
    operationId: `${list ? 'list' : action}-${definitionName(resource)}${one ? '' : '-collection'}`,
    parameters: (list ? LIST_PARAMETERS : parameters).map((name) => ({ name, in: 'query' })),
    'x-kubernetes-action': list ? 'list' : action,
    'x-kubernetes-group-version-kind': { group, version, kind },
  };
}

function pathItem(resource: Resource, one: boolean): PathItem {
  const methods: Method[] = resource.readOnly
    ? ['get']
    : one
      ? ['get', 'put', 'patch', 'delete']
      : ['get', 'post', 'delete'];
  return Object.fromEntries(methods.map((method) => [method, operation(resource, method, one)]));
}

/** kubectl looks here for the kind behind a URL and for the parameters a write understands. */
export function pathsOf(resources: readonly Resource[]): Record<string, PathItem> {
  const paths: Record<string, PathItem> = {};
  for (const resource of resources) {
    const { group, version, plural, namespaced } = resource.type;
    const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
    const collection = `${root}${namespaced ? '/namespaces/{namespace}' : ''}/${plural}`;
    paths[collection] = pathItem(resource, false);
    paths[`${collection}/{name}`] = pathItem(resource, true);
    if (namespaced) paths[`${root}/${plural}`] = { get: operation(resource, 'get', false) };
  }
  return paths;
}

const INFO = { title: 'Ingot', version: 'v1' };

/** GET /openapi/v2 */
export function openApiV2(registry: Registry): Record<string, unknown> {
  const paths: Record<string, unknown> = {};
  for (const [path, item] of Object.entries(pathsOf(registry.all))) paths[path] = item;
  return { swagger: '2.0', info: INFO, paths, definitions: definitions(registry.all, '#/definitions/') };
}

function rootsOf(registry: Registry): { path: string; group: string; version: string }[] {
  const roots = new Map<string, { path: string; group: string; version: string }>();
  for (const { type } of registry.all) {
    const path = type.group === '' ? `api/${type.version}` : `apis/${type.group}/${type.version}`;
    roots.set(path, { path, group: type.group, version: type.version });
  }
  return [...roots.values()];
}

/** GET /openapi/v3: where the documents are. */
export function openApiV3Index(registry: Registry): unknown {
  const paths = rootsOf(registry).map(({ path, group, version }) => {
    const hash = createHash('sha256')
      .update(JSON.stringify(openApiV3(registry, group, version)))
      .digest('hex');
    return [path, { serverRelativeURL: `/openapi/v3/${path}?hash=${hash.slice(0, 32)}` }] as const;
  });
  return { paths: Object.fromEntries(paths) };
}

/** GET /openapi/v3/apis/GROUP/VERSION. @throws ApiError 404 */
export function openApiV3(registry: Registry, group: string, version: string): unknown {
  const resources = resourcesOfVersion(registry, group, version);
  if (resources.length === 0) throw notServed();
  return {
    openapi: '3.0.0',
    info: INFO,
    paths: pathsOf(resources),
    components: { schemas: definitions(resources, '#/components/schemas/') },
  };
}
