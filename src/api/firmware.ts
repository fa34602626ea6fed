import type { Condition, KubeObject } from './meta.ts';

/** HostFirmwareSettings (metal3-compat §1.3): same name and namespace as its BareMetalHost. */
export interface HostFirmwareSettings extends KubeObject {
  spec: { settings: Record<string, number | string> };
  status?: HostFirmwareSettingsStatus;
}

export interface HostFirmwareSettingsStatus {
  schema?: { name: string; namespace: string };
  settings: Record<string, string>;
  lastUpdated?: string;
  conditions?: Condition[];
}

/** FirmwareSchema (metal3-compat §1.4): shared by machines of one kind. */
export interface FirmwareSchema extends KubeObject {
  spec: { hardwareVendor?: string; hardwareModel?: string; schema: Record<string, SettingSchema> };
}

export interface SettingSchema {
  attribute_type?: 'Enumeration' | 'String' | 'Integer' | 'Boolean' | 'Password';
  allowable_values?: string[];
  lower_bound?: number;
  upper_bound?: number;
  min_length?: number;
  max_length?: number;
  read_only?: boolean;
  unique?: boolean;
}

export interface FirmwareUpdate {
  component: string;
  url: string;
}

/** HostFirmwareComponents (metal3-compat §1.5): same name and namespace as its BareMetalHost. */
export interface HostFirmwareComponents extends KubeObject {
  spec: { updates: FirmwareUpdate[] };
  status?: HostFirmwareComponentsStatus;
}

export interface HostFirmwareComponentsStatus {
  updates?: FirmwareUpdate[];
  components?: FirmwareComponentStatus[];
  lastUpdated?: string;
  conditions?: Condition[];
}

export interface FirmwareComponentStatus {
  component: string;
  initialVersion: string;
  currentVersion?: string;
  lastVersionFlashed?: string;
  updatedAt?: string;
}

/** HostUpdatePolicy (metal3-compat §1.6): same name and namespace as its BareMetalHost. Absent: onPreparing. */
export interface HostUpdatePolicy extends KubeObject {
  spec: { firmwareSettings?: UpdateTime; firmwareUpdates?: UpdateTime };
}

export type UpdateTime = 'onPreparing' | 'onReboot';
