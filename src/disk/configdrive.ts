import { utf8Bytes } from '../wire/hex.ts';
import { diskErrors } from './errors.ts';
import { buildIso } from './iso9660.ts';

/** Volume label and partition name that cloud-init and Ignition look for. */
export const CONFIG_DRIVE_LABEL = 'config-2';
/** The partition for it, and so the most it may hold (metal3-compat §4.7). */
export const CONFIG_DRIVE_BYTES = 64 * 1024 * 1024;

const VERSIONS = ['latest', '2012-08-10'] as const;

export interface ConfigDriveIdentity {
  /** metadata.uid of the BareMetalHost. */
  uid: string;
  namespace: string;
  name: string;
}

export interface ConfigDriveContent {
  /** Opaque; undefined or empty: no file. */
  userData: Uint8Array | undefined;
  /** The user's keys; they win over the defaults one by one. */
  metaData: Record<string, unknown>;
  /** Parsed network data; undefined, null or empty: no file. */
  networkData: unknown;
}

/** The keys Metal3 gives every host. */
export function defaultMetaData(host: ConfigDriveIdentity): Record<string, string> {
  return {
    uuid: host.uid,
    'metal3-namespace': host.namespace,
    'metal3-name': host.name,
    'local-hostname': host.name,
    local_hostname: host.name,
    name: host.name,
  };
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === '') return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}

/** Path → content of the whole drive, in both `openstack/latest` and `openstack/2012-08-10`. */
export function configDriveFiles(host: ConfigDriveIdentity, content: ConfigDriveContent): Map<string, Uint8Array> {
  const metaData = { ...defaultMetaData(host), ...content.metaData };
  const files = new Map<string, Uint8Array>();
  for (const version of VERSIONS) {
    const dir = `openstack/${version}`;
    files.set(`${dir}/meta_data.json`, utf8Bytes(JSON.stringify(metaData)));
    if (content.userData !== undefined && content.userData.length > 0) files.set(`${dir}/user_data`, content.userData);
    if (!isEmpty(content.networkData)) {
      files.set(`${dir}/network_data.json`, utf8Bytes(JSON.stringify(content.networkData)));
    }
  }
  return files;
}

/**
 * The drive's volume.
 * @param atMs stamp of the files, ms since the epoch
 * @throws DISK_CONFIG_DRIVE_TOO_LARGE, DISK_CONFIG_DRIVE_NAME
 */
export function buildConfigDrive(files: ReadonlyMap<string, Uint8Array>, atMs: number): Uint8Array {
  const total = files.values().reduce((sum, f) => sum + f.length, 0);
  // Twice the limit cannot fit even when every file is there in both versions and shared.
  const iso = total > 2 * CONFIG_DRIVE_BYTES ? undefined : buildIso(files, CONFIG_DRIVE_LABEL, atMs);
  if (iso === undefined || iso.length > CONFIG_DRIVE_BYTES) {
    throw diskErrors.make('DISK_CONFIG_DRIVE_TOO_LARGE', `the config drive would have ${iso?.length ?? total} bytes`);
  }
  return iso;
}
