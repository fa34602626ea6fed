import type { BareMetalHost, HardwareData } from './baremetalhost.ts';
import type { ConfigMap, Event, Lease, Namespace, Secret } from './core-types.ts';
import type { HostProgress } from './hostprogress.ts';
import type { KubeObject, ResourceType } from './meta.ts';

function resource<T extends KubeObject>(type: ResourceType<T>): ResourceType<T> {
  return Object.freeze(type);
}

const core = { group: '', version: 'v1', namespaced: true, status: false } as const;
const metal3 = { group: 'metal3.io', version: 'v1alpha1', namespaced: true } as const;

export const BARE_METAL_HOST = resource<BareMetalHost>({
  ...metal3,
  kind: 'BareMetalHost',
  plural: 'baremetalhosts',
  status: true,
});
export const HARDWARE_DATA = resource<HardwareData>({
  ...metal3,
  kind: 'HardwareData',
  plural: 'hardwaredata',
  status: false,
});
export const HOST_PROGRESS = resource<HostProgress>({
  group: 'ingot.dev',
  version: 'v1alpha1',
  kind: 'HostProgress',
  plural: 'hostprogress',
  namespaced: true,
  status: true,
});
export const SECRET = resource<Secret>({ ...core, kind: 'Secret', plural: 'secrets' });
export const CONFIG_MAP = resource<ConfigMap>({ ...core, kind: 'ConfigMap', plural: 'configmaps' });
export const EVENT = resource<Event>({ ...core, kind: 'Event', plural: 'events' });
export const NAMESPACE = resource<Namespace>({
  ...core,
  kind: 'Namespace',
  plural: 'namespaces',
  namespaced: false,
  status: true,
});
export const LEASE = resource<Lease>({
  group: 'coordination.k8s.io',
  version: 'v1',
  kind: 'Lease',
  plural: 'leases',
  namespaced: true,
  status: false,
});
