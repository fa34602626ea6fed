import { stringify } from 'yaml';
import type { Firmware } from './machine-spec.ts';

/** What a provisioner must be told about a machine of a lab. */
export interface LabHostAccess {
  name: string;
  firmware: Firmware;
  mac: string;
  bmcAddress: string;
  username: string;
  password: string;
  /** Serial number of the boot disk: what names it whatever the operating system calls it. */
  diskSerial: string;
  /** The BMC's certificate is its own: nothing can verify it. */
  selfSigned?: boolean;
}

export interface ManifestOptions {
  /** Default `default`. */
  namespace?: string;
  /** Default true. */
  online?: boolean;
  externallyProvisioned?: boolean;
}

/** The credentials Secret and the BareMetalHost of one machine, as plain objects. */
export function hostManifests(host: LabHostAccess, options: ManifestOptions = {}): Record<string, unknown>[] {
  const namespace = options.namespace ?? 'default';
  return [
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: `${host.name}-bmc`, namespace },
      type: 'Opaque',
      stringData: { username: host.username, password: host.password },
    },
    {
      apiVersion: 'metal3.io/v1alpha1',
      kind: 'BareMetalHost',
      metadata: { name: host.name, namespace },
      spec: {
        online: options.online ?? true,
        bootMACAddress: host.mac,
        bootMode: host.firmware === 'uefi' ? 'UEFI' : 'legacy',
        bmc: {
          address: host.bmcAddress,
          credentialsName: `${host.name}-bmc`,
          ...(host.selfSigned === true ? { disableCertificateVerification: true } : {}),
        },
        rootDeviceHints: { serialNumber: host.diskSerial },
        ...(options.externallyProvisioned === true ? { externallyProvisioned: true } : {}),
      },
    },
  ];
}

/** The same as a YAML stream for `kubectl apply -f -`. */
export function hostManifestsYaml(host: LabHostAccess, options: ManifestOptions = {}): string {
  return hostManifests(host, options)
    .map((object) => `---\n${stringify(object)}`)
    .join('');
}
