import type { Registry } from '../api/registry/core-resources.ts';
import type { Resource } from '../api/registry/resource.ts';
import { notServed } from './api-error.ts';
import { parseAccept } from './media.ts';
import { REVIEWS } from './reviews.ts';

const ALL_VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];
const READ_VERBS = ['get', 'list', 'watch'];

/** One resource as discovery tells it; reviews are resources that can only be created. */
interface Told {
  group: string;
  version: string;
  kind: string;
  plural: string;
  singular: string;
  namespaced: boolean;
  shortNames: readonly string[];
  categories: readonly string[];
  verbs: readonly string[];
  status: boolean;
}

function told(registry: Registry): Told[] {
  const stored = registry.all.map((r: Resource) => ({
    ...r.type,
    singular: r.singular,
    shortNames: r.shortNames,
    categories: r.categories,
    verbs: r.readOnly ? READ_VERBS : ALL_VERBS,
    status: r.type.status && !r.readOnly,
  }));
  const reviews = REVIEWS.map((r) => ({
    ...r,
    singular: r.kind.toLowerCase(),
    namespaced: false,
    shortNames: [],
    categories: [],
    verbs: ['create'],
    status: false,
  }));
  return [...stored, ...reviews];
}

function groupVersions(registry: Registry): { group: string; version: string }[] {
  const seen = new Map<string, { group: string; version: string }>();
  for (const { group, version } of told(registry)) seen.set(`${group}/${version}`, { group, version });
  return [...seen.values()];
}

/** GET /api */
export function coreVersions(address: string): unknown {
  return {
    kind: 'APIVersions',
    versions: ['v1'],
    serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress: address }],
  };
}

function apiGroup(group: string, version: string): Record<string, unknown> {
  const groupVersion = { groupVersion: `${group}/${version}`, version };
  return { name: group, versions: [groupVersion], preferredVersion: groupVersion };
}

/** GET /apis */
export function groupList(registry: Registry): unknown {
  const groups = groupVersions(registry).filter((gv) => gv.group !== '');
  return { kind: 'APIGroupList', apiVersion: 'v1', groups: groups.map((gv) => apiGroup(gv.group, gv.version)) };
}

/** GET /apis/GROUP. @throws ApiError 404 */
export function oneGroup(registry: Registry, group: string): unknown {
  const found = groupVersions(registry).find((gv) => gv.group === group && group !== '');
  if (found === undefined) throw notServed();
  return { kind: 'APIGroup', apiVersion: 'v1', ...apiGroup(found.group, found.version) };
}

/** GET /api/v1 and /apis/GROUP/VERSION. @throws ApiError 404 */
export function resourceList(registry: Registry, group: string, version: string): unknown {
  const here = told(registry).filter((r) => r.group === group && r.version === version);
  if (here.length === 0) throw notServed();
  const resources = here.flatMap((r) => {
    const main = {
      name: r.plural,
      singularName: r.singular,
      namespaced: r.namespaced,
      kind: r.kind,
      verbs: r.verbs,
      ...(r.shortNames.length > 0 ? { shortNames: r.shortNames } : {}),
      ...(r.categories.length > 0 ? { categories: r.categories } : {}),
    };
    const status = {
      name: `${r.plural}/status`,
      singularName: '',
      namespaced: r.namespaced,
      kind: r.kind,
      verbs: ['get', 'patch', 'update'],
    };
    return r.status ? [main, status] : [main];
  });
  const groupVersion = group === '' ? version : `${group}/${version}`;
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion, resources };
}

/**
 * Version of apidiscovery.k8s.io that a client asks for: newer kubectl reads everything in one answer.
 * @returns undefined when the client wants the old form
 */
export function aggregatedVersion(accept: string | undefined): string | undefined {
  for (const { params } of parseAccept(accept)) {
    const version = params['v'];
    const asked = params['as'] === 'APIGroupDiscoveryList' && params['g'] === 'apidiscovery.k8s.io';
    if (asked && (version === 'v2' || version === 'v2beta1')) return version;
  }
  return undefined;
}

/** The aggregated form of /api (`core`) or /apis. */
export function aggregated(registry: Registry, core: boolean, version: string): unknown {
  const all = told(registry);
  const groups = groupVersions(registry).filter((gv) => (gv.group === '') === core);
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: `apidiscovery.k8s.io/${version}`,
    metadata: {},
    items: groups.map((gv) => ({
      metadata: gv.group === '' ? { creationTimestamp: null } : { name: gv.group, creationTimestamp: null },
      versions: [
        {
          version: gv.version,
          freshness: 'Current',
          resources: all.filter((r) => r.group === gv.group && r.version === gv.version).map(aggregatedResource),
        },
      ],
    })),
  };
}

function aggregatedResource(r: Told): unknown {
  const responseKind = { group: r.group, version: r.version, kind: r.kind };
  return {
    resource: r.plural,
    responseKind,
    scope: r.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: r.singular,
    verbs: r.verbs,
    ...(r.shortNames.length > 0 ? { shortNames: r.shortNames } : {}),
    ...(r.categories.length > 0 ? { categories: r.categories } : {}),
    ...(r.status ? { subresources: [{ subresource: 'status', responseKind, verbs: ['get', 'patch', 'update'] }] } : {}),
  };
}
