import type { BareMetalHost, HardwareData } from './baremetalhost.ts';
import type { BmcEventSubscription, DataImage } from './bmc-extras.ts';
import type { ConfigMap, Event, Lease, Namespace, Secret } from './core-types.ts';
import type { FirmwareSchema, HostFirmwareComponents, HostFirmwareSettings, HostUpdatePolicy } from './firmware.ts';
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
export const HOST_FIRMWARE_SETTINGS = resource<HostFirmwareSettings>({
  ...metal3,
  kind: 'HostFirmwareSettings',
  plural: 'hostfirmwaresettings',
  status: true,
});
export const FIRMWARE_SCHEMA = resource<FirmwareSchema>({
  ...metal3,
  kind: 'FirmwareSchema',
  plural: 'firmwareschemas',
  status: false,
});
export const HOST_FIRMWARE_COMPONENTS = resource<HostFirmwareComponents>({
  ...metal3,
  kind: 'HostFirmwareComponents',
  plural: 'hostfirmwarecomponents',
  status: true,
});
export const HOST_UPDATE_POLICY = resource<HostUpdatePolicy>({
  ...metal3,
  kind: 'HostUpdatePolicy',
  plural: 'hostupdatepolicies',
  status: false,
});
export const BMC_EVENT_SUBSCRIPTION = resource<BmcEventSubscription>({
  ...metal3,
  kind: 'BMCEventSubscription',
  plural: 'bmceventsubscriptions',
  status: true,
});
export const DATA_IMAGE = resource<DataImage>({ ...metal3, kind: 'DataImage', plural: 'dataimages', status: true });
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
