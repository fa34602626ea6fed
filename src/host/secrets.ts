import type { BareMetalHost, CredentialsStatus } from '../api/baremetalhost.ts';
import type { Secret } from '../api/core-types.ts';
import type { ObjectKey } from '../api/meta.ts';
import { SECRET } from '../api/resources.ts';
import type { BmcCredentials } from '../provisioner/provisioner.ts';
import { orMissing } from '../store/or-missing.ts';
import type { MergePatch, Store } from '../store/store.ts';
import type { ConfigResult } from './ask.ts';
import { type ConfigSource, buildConfigData, configReferences, foreignReference } from './config-data.ts';
import {
  claimPatch,
  credentialsName,
  credentialsVersion,
  keepPatch,
  labelPatch,
  letGoPatch,
  missingSecret,
  readCredentials,
  releasePatch,
} from './credentials.ts';

export interface ClaimedCredentials {
  credentials: BmcCredentials;
  version: CredentialsStatus;
}

function secretKey(host: BareMetalHost, name: string): ObjectKey {
  return { namespace: host.metadata.namespace ?? '', name };
}

/**
 * Reads and claims the Secret with the BMC credentials. The version is the one after claiming, so that our own label
 * does not look like a change of the password.
 * @throws HOST_BMC_DETAILS_MISSING, HOST_SECRET_MISSING, HOST_CREDENTIALS_INVALID, STORE_*
 */
export async function claimCredentials(store: Store, host: BareMetalHost): Promise<ClaimedCredentials> {
  const key = secretKey(host, credentialsName(host));
  const found = await orMissing(store.get(SECRET, key));
  if (found === undefined) throw missingSecret(key.namespace, key.name);
  const patch = host.metadata.deletionTimestamp === undefined ? claimPatch(found, host) : undefined;
  const secret = patch === undefined ? found : await store.patch(SECRET, key, patch);
  return { credentials: readCredentials(secret), version: credentialsVersion(secret) };
}

/** Gives up the named Secret; one that does not exist any more is fine. */
export async function releaseSecret(
  store: Store,
  host: BareMetalHost,
  name: string,
  owner: 'keep' | 'drop',
): Promise<void> {
  await change(store, host, name, (secret) => releasePatch(secret, host, owner));
}

/** Keeps the Secret of the ramdisk's network from going before the host; one that is not there yet is fine. */
export async function keepNetworkSecret(store: Store, host: BareMetalHost): Promise<void> {
  await change(store, host, host.spec.preprovisioningNetworkDataName ?? '', keepPatch);
}

/** @param held another host holds it too */
export async function releaseNetworkSecret(store: Store, host: BareMetalHost, held: boolean): Promise<void> {
  if (!held) await change(store, host, host.spec.preprovisioningNetworkDataName ?? '', letGoPatch);
}

async function change(
  store: Store,
  host: BareMetalHost,
  name: string,
  patchOf: (secret: Secret) => MergePatch | undefined,
): Promise<void> {
  if (name === '') return;
  const key = secretKey(host, name);
  const secret = await orMissing(store.get(SECRET, key));
  const patch = secret === undefined ? undefined : patchOf(secret);
  if (patch !== undefined) await orMissing(store.patch(SECRET, key, patch));
}

/** Reads, labels and merges the Secrets of userData, networkData and metaData. */
export async function readConfigData(store: Store, host: BareMetalHost): Promise<ConfigResult> {
  const foreign = foreignReference(host);
  if (foreign !== undefined) return { ok: false, problem: foreign };
  const sources: ConfigSource[] = [];
  for (const { field, reference } of configReferences(host)) {
    const name = reference.name ?? '';
    const key = secretKey(host, name);
    const secret = await orMissing(store.get(SECRET, key));
    if (secret !== undefined) await labelSecret(store, key, secret);
    sources.push({ field, name, secret });
  }
  return buildConfigData(host, sources);
}

/** The label is what the watch on Secrets selects by. */
export async function labelSecret(store: Store, key: ObjectKey, secret: Secret): Promise<void> {
  const patch = labelPatch(secret);
  if (patch !== undefined) await orMissing(store.patch(SECRET, key, patch));
}
