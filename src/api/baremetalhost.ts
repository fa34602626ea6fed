import type { ObjectReference } from './core-types.ts';
import type { HardwareDetails, RootDeviceHints } from './hardware.ts';
import type { Condition, KubeObject } from './meta.ts';

/** `status.provisioning.state` (metal3-compat §2.1). */
export const PROVISIONING_STATES = [
  '',
  'unmanaged',
  'registering',
  'match profile',
  'inspecting',
  'preparing',
  'ready',
  'available',
  'provisioning',
  'provisioned',
  'externally provisioned',
  'deprovisioning',
  'powering off before delete',
  'deleting',
] as const;
export type ProvisioningState = (typeof PROVISIONING_STATES)[number];

export type OperationalStatus = '' | 'OK' | 'discovered' | 'error' | 'delayed' | 'detached' | 'servicing';

export type HostErrorType =
  | 'provisioned registration error'
  | 'registration error'
  | 'inspection error'
  | 'preparation error'
  | 'provisioning error'
  | 'power management error'
  | 'servicing error';

export type BootMode = 'UEFI' | 'UEFISecureBoot' | 'legacy';

export interface SecretReference {
  name?: string;
  namespace?: string;
}

export interface Image {
  url: string;
  /** Hex digest or http(s) URL of a sums file. */
  checksum?: string;
  checksumType?: '' | 'md5' | 'sha256' | 'sha512' | 'auto';
  format?: '' | 'raw' | 'qcow2' | 'vdi' | 'vmdk' | 'live-iso';
  ociAuthSecretName?: string;
}

/** Which drives: `physicalDisks` of `controller`, or as many as `numberOfPhysicalDisks` of a kind. */
export interface HardwareRaidVolume {
  /** 0, 1, 2, 5, 6, 1+0, 5+0, 6+0 */
  level: string;
  name?: string;
  controller?: string;
  numberOfPhysicalDisks?: number;
  physicalDisks?: string[];
  rotational?: boolean;
  /** 0 or absent: all there is. */
  sizeGibibytes?: number;
}

export interface RaidConfig {
  hardwareRAIDVolumes?: HardwareRaidVolume[] | null;
  softwareRAIDVolumes?: unknown[] | null;
}

export interface BareMetalHostSpec {
  online: boolean;
  bmc?: { address: string; credentialsName: string; disableCertificateVerification?: boolean };
  bootMACAddress?: string;
  bootMode?: BootMode;
  architecture?: string;
  automatedCleaningMode?: 'metadata' | 'disabled';
  consumerRef?: ObjectReference;
  customDeploy?: { method: string };
  description?: string;
  disablePowerOff?: boolean;
  externallyProvisioned?: boolean;
  firmware?: Record<string, boolean>;
  hardwareProfile?: string;
  image?: Image;
  inspectionMode?: '' | 'disabled' | 'agent' | 'fast';
  userData?: SecretReference;
  networkData?: SecretReference;
  metaData?: SecretReference;
  preprovisioningNetworkDataName?: string;
  networkInterfaces?: unknown[];
  raid?: RaidConfig;
  rootDeviceHints?: RootDeviceHints;
  taints?: unknown[];
}

export interface CredentialsStatus {
  credentials?: SecretReference;
  /** The Secret's resourceVersion. */
  credentialsVersion?: string;
}

export interface OperationMetric {
  start: string | null;
  end: string | null;
}

export interface ProvisionStatus {
  state: ProvisioningState;
  ID: string;
  bootMode?: BootMode;
  /** Always present once a status exists; `{url: ''}` when no image was provisioned. */
  image?: Image;
  rootDeviceHints?: RootDeviceHints;
  raid?: RaidConfig;
  customDeploy?: { method: string };
}

export interface BareMetalHostStatus {
  operationalStatus: OperationalStatus;
  errorType?: HostErrorType;
  errorMessage: string;
  errorCount: number;
  provisioningFailCount: number;
  lastAttemptedImage?: Image;
  lastUpdated?: string;
  poweredOn: boolean;
  hardwareProfile?: string;
  hardware?: HardwareDetails;
  provisioning: ProvisionStatus;
  goodCredentials?: CredentialsStatus;
  triedCredentials?: CredentialsStatus;
  operationHistory?: {
    register?: OperationMetric;
    inspect?: OperationMetric;
    provision?: OperationMetric;
    deprovision?: OperationMetric;
  };
  conditions?: Condition[];
}

export interface BareMetalHost extends KubeObject {
  spec: BareMetalHostSpec;
  status?: BareMetalHostStatus;
}

export interface HardwareData extends KubeObject {
  spec: { hardware?: HardwareDetails };
}
