import type { BareMetalHost, HardwareData } from '../../../src/api/baremetalhost.ts';
import type { HardwareDetails } from '../../../src/api/hardware.ts';
import type { HostProgress, HostProgressStatus } from '../../../src/api/hostprogress.ts';

/** Objects with every field set: the compiler says when the types gain one, the test then asks for it in the YAML. */
type Complete<T> = T extends readonly (infer I)[]
  ? Complete<I>[]
  : T extends object
    ? { [K in keyof Required<T>]: Complete<Required<T>[K]> }
    : T;

const AT = '2026-01-02T03:04:05Z';

const HARDWARE: Complete<HardwareDetails> = {
  systemVendor: { manufacturer: 'QEMU', productName: 'Standard PC', serialNumber: '1' },
  firmware: { bios: { vendor: 'SeaBIOS', version: '1.16', date: '04/01/2014' } },
  ramMebibytes: 2048,
  nics: [
    {
      name: 'eth0',
      model: '0x1af4 0x0001',
      mac: '52:54:00:00:00:01',
      ip: '192.0.2.10',
      speedGbps: 10,
      pxe: true,
      pciAddress: '0000:00:03.0',
      vlanId: 0,
      vlans: [{ id: 100, name: 'x' }],
      lldp: { switchID: 'a', portID: 'b', switchSystemName: 'c' },
    },
  ],
  storage: [
    {
      name: '/dev/disk/by-path/pci-0000:00:04.0',
      alternateNames: ['/dev/vda'],
      rotational: true,
      type: 'HDD',
      sizeBytes: 10 * 2 ** 40,
      vendor: '0x1af4',
      model: 'm',
      serialNumber: 's',
      wwn: 'w',
      wwnVendorExtension: 'v',
      wwnWithExtension: 'wv',
      hctl: '0:0:0:0',
    },
  ],
  cpu: { arch: 'x86_64', model: 'm', clockMegahertz: 2600.5, flags: ['aes'], count: 4 },
  hostname: 'node-0',
};

export const COMPLETE_HARDWARE: HardwareData = {
  apiVersion: 'metal3.io/v1alpha1',
  kind: 'HardwareData',
  metadata: { name: 'node-0', namespace: 'lab' },
  spec: { hardware: HARDWARE },
};

const IMAGE = {
  url: 'http://192.0.2.1/os.qcow2',
  checksum: 'abc',
  checksumType: 'sha256',
  format: 'qcow2',
  ociAuthSecretName: 's',
} as const;
const RAID = {
  hardwareRAIDVolumes: null,
  softwareRAIDVolumes: [{ level: '1', physicalDisks: [{ deviceName: '/dev/sda' }, { deviceName: '/dev/sdb' }] }],
};
const HINTS = {
  deviceName: '/dev/sda',
  hctl: '0:0:0:0',
  model: 'm',
  vendor: 'v',
  serialNumber: 's',
  minSizeGigabytes: 10,
  wwn: 'w',
  wwnWithExtension: 'x',
  wwnVendorExtension: 'y',
  rotational: false,
};
const SECRET = { name: 's', namespace: 'lab' };
const USED = { credentials: SECRET, credentialsVersion: '7' };
const RAN = { start: AT, end: null };

export const COMPLETE_HOST: BareMetalHost & {
  spec: Required<BareMetalHost['spec']>;
  status: Required<NonNullable<BareMetalHost['status']>>;
} = {
  apiVersion: 'metal3.io/v1alpha1',
  kind: 'BareMetalHost',
  metadata: { name: 'node-0', namespace: 'lab' },
  spec: {
    online: true,
    bmc: { address: 'ipmi://192.0.2.10', credentialsName: 'c', disableCertificateVerification: true },
    bootMACAddress: '52:54:00:00:00:01',
    bootMode: 'UEFI',
    architecture: 'x86_64',
    automatedCleaningMode: 'metadata',
    consumerRef: {
      apiVersion: 'v1',
      kind: 'K',
      namespace: 'n',
      name: 'm',
      uid: 'u',
      resourceVersion: '1',
      fieldPath: 'f',
    },
    customDeploy: { method: 'm' },
    description: 'd',
    disablePowerOff: true,
    externallyProvisioned: true,
    firmware: { virtualizationEnabled: true },
    hardwareProfile: 'unknown',
    image: IMAGE,
    inspectionMode: 'agent',
    userData: SECRET,
    networkData: SECRET,
    metaData: SECRET,
    preprovisioningNetworkDataName: 'n',
    networkInterfaces: [{ name: 'eth0', hostNetworkAttachment: { name: 'a', namespace: 'b' } }],
    raid: RAID,
    rootDeviceHints: HINTS,
    taints: [{ key: 'k', effect: 'NoSchedule', value: 'v' }],
  },
  status: {
    operationalStatus: 'OK',
    errorType: 'inspection error',
    errorMessage: 'm',
    errorCount: 1,
    provisioningFailCount: 1,
    lastAttemptedImage: IMAGE,
    lastUpdated: AT,
    poweredOn: true,
    hardwareProfile: 'unknown',
    hardware: HARDWARE,
    provisioning: {
      state: 'provisioned',
      ID: 'id',
      bootMode: 'UEFI',
      image: { url: '' },
      rootDeviceHints: HINTS,
      raid: RAID,
      customDeploy: { method: 'm' },
    },
    goodCredentials: USED,
    triedCredentials: USED,
    operationHistory: { register: RAN, inspect: RAN, provision: RAN, deprovision: { start: null, end: null } },
    conditions: [
      { type: 'Ready', status: 'True', reason: 'Up', message: '', lastTransitionTime: AT, observedGeneration: 1 },
    ],
  },
};

const PROGRESS: Complete<HostProgressStatus> = {
  phase: 'provisioning',
  step: 'writing image',
  percent: 12.5,
  bytesDone: 1,
  bytesTotal: 2,
  bytesPerSecond: 1.5,
  etaSeconds: 3.5,
  updatedAt: AT,
  attempt: 1,
  boot: { intent: 'ramdisk', since: AT },
  wait: { name: 'agent to register', since: AT, until: AT, check: 'cabling' },
  agent: {
    attempt: 1,
    registeredAt: AT,
    lastSeen: AT,
    nonce: 'n',
    bootMac: '52:54:00:00:00:01',
    bootIdDigest: 'x',
    ip: '192.0.2.20',
    smbiosUuid: 'u',
    firmware: 'uefi',
    serverAddress: '192.0.2.1',
  },
  task: {
    id: 't',
    kind: 'write',
    issuedAt: AT,
    deadline: AT,
    state: 'failed',
    finishedAt: AT,
    error: { code: 'C', message: 'm', retry: true },
  },
  disk: { name: 'vda', serial: 's', wwn: 'w', byPath: 'p', sizeBytes: 1 },
  image: { url: 'u', manifestDigest: 'd', diskBytes: 1, source: 's' },
  bmc: { address: 'ipmi://192.0.2.10', cipherSuite: 17, lastContact: AT, poweredOn: true },
  operation: {
    kind: 'provision',
    id: 'i',
    step: 's',
    startedAt: AT,
    stepSince: AT,
    request: 'r',
    boots: 1,
    retries: 1,
  },
  ramdiskBoot: { step: 'wait-agent', since: AT },
  media: { attempt: 1, method: 'virtual-media', since: AT },
  mediaEjectTried: 1,
  liveIso: { since: AT },
  firmware: {
    finished: [{ component: 'bmc', url: 'u' }],
    update: { component: 'bios', url: 'u' },
    handle: 'h',
    since: AT,
    switchedOff: true,
    restarted: true,
    settling: { since: AT, reads: 1, readAt: AT },
  },
  raid: {
    wanted: 'd',
    creates: [{ controller: '/c', name: 'n', level: '1+0', bytes: 1, drives: ['/d'] }],
    ordered: ['/v'],
    orderedAt: AT,
    restartedAt: AT,
  },
  mediaFetch: { attempt: 1, percent: 50, at: AT },
  softOffSince: AT,
  cleanedAt: AT,
  timeline: [{ at: AT, source: 'dhcp', kind: 'dhcp-discover', text: 't', count: 2, lastAt: AT }],
};

export const COMPLETE_PROGRESS: HostProgress = {
  apiVersion: 'ingot.dev/v1alpha1',
  kind: 'HostProgress',
  metadata: { name: 'node-0', namespace: 'lab' },
  status: PROGRESS,
};
