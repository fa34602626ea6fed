import { ENVIRONMENT_LABEL, ENVIRONMENT_VALUE, SECRET_FINALIZER } from '../api/annotations.ts';
import type { BareMetalHost, CredentialsStatus } from '../api/baremetalhost.ts';
import type { Secret } from '../api/core-types.ts';
import type { OwnerReference } from '../api/meta.ts';
import type { IngotError } from '../core/errors.ts';
import type { BmcCredentials } from '../provisioner/provisioner.ts';
import type { MergePatch } from '../store/store.ts';
import { hostErrors } from './errors.ts';

/**
 * The name of the Secret with the BMC credentials.
 * @throws HOST_BMC_DETAILS_MISSING when the address or the name is empty
 */
export function credentialsName(host: BareMetalHost): string {
  const { address = '', credentialsName: name = '' } = host.spec.bmc ?? {};
  if (address === '') throw hostErrors.make('HOST_BMC_DETAILS_MISSING', 'spec.bmc.address is empty');
  if (name === '') throw hostErrors.make('HOST_BMC_DETAILS_MISSING', 'spec.bmc.credentialsName is empty');
  return name;
}

/**
 * User name and password, trimmed (metal3-compat §3.5), and what is ours: `ca.crt`, the CAs of this BMC, and `kg`, its
 * IPMI key.
 * @throws HOST_CREDENTIALS_INVALID naming the key, never its value
 */
export function readCredentials(secret: Secret): BmcCredentials {
  const ca = text(secret, 'ca.crt');
  const kg = text(secret, 'kg');
  return {
    username: field(secret, 'username'),
    password: field(secret, 'password'),
    ...(ca === '' ? {} : { ca }),
    ...(kg === '' ? {} : { kg }),
  };
}

function field(secret: Secret, key: string): string {
  const found = text(secret, key);
  if (found !== '') return found;
  throw hostErrors.make(
    'HOST_CREDENTIALS_INVALID',
    `Secret ${secret.metadata.name} has no ${key} (spec.bmc.credentialsName)`,
  );
}

function text(secret: Secret, key: string): string {
  return Buffer.from(secret.data?.[key] ?? '', 'base64')
    .toString('utf8')
    .trim();
}

/** Identifies what was tried: change one letter of the Secret and it is another version. */
export function credentialsVersion(secret: Secret): CredentialsStatus {
  return {
    credentials: { name: secret.metadata.name, namespace: secret.metadata.namespace ?? '' },
    credentialsVersion: secret.metadata.resourceVersion ?? '',
  };
}

export function missingSecret(namespace: string, name: string): IngotError {
  return hostErrors.make(
    'HOST_SECRET_MISSING',
    `Secret ${namespace}/${name} with the BMC credentials does not exist (spec.bmc.credentialsName)`,
  );
}

/** The label that lets a watch find the Secret; undefined when it is there. */
export function labelPatch(secret: Secret): MergePatch | undefined {
  if (secret.metadata.labels?.[ENVIRONMENT_LABEL] === ENVIRONMENT_VALUE) return undefined;
  return { metadata: { labels: { [ENVIRONMENT_LABEL]: ENVIRONMENT_VALUE } } };
}

/**
 * What keeps the Secret of `spec.preprovisioningNetworkDataName` for as long as its host: label and finalizer, but no
 * owner, since it may serve many hosts (metal3-compat §3.5).
 */
export function keepPatch(secret: Secret): MergePatch | undefined {
  const { resourceVersion, deletionTimestamp, finalizers = [] } = secret.metadata;
  if (deletionTimestamp !== undefined || finalizers.includes(SECRET_FINALIZER)) return labelPatch(secret);
  return {
    metadata: {
      resourceVersion,
      labels: { [ENVIRONMENT_LABEL]: ENVIRONMENT_VALUE },
      finalizers: [...finalizers, SECRET_FINALIZER],
    },
  };
}

/** Gives up what `keepPatch` took; to be asked for only when no other host holds the Secret. */
export function letGoPatch(secret: Secret): MergePatch | undefined {
  const { resourceVersion, finalizers = [] } = secret.metadata;
  if (!finalizers.includes(SECRET_FINALIZER)) return undefined;
  return { metadata: { resourceVersion, finalizers: finalizers.filter((f) => f !== SECRET_FINALIZER) } };
}

/**
 * What makes a credentials Secret ours: label, owner reference without controller (an old one is downgraded), finalizer.
 * @returns a conditional merge patch, or undefined when nothing is missing
 */
export function claimPatch(secret: Secret, host: BareMetalHost): MergePatch | undefined {
  const { metadata } = secret;
  const owners = metadata.ownerReferences ?? [];
  const finalizers = metadata.finalizers ?? [];
  const mine = owners.find((o) => o.uid === host.metadata.uid);
  const owned = mine !== undefined && mine.controller !== true;
  const kept = metadata.deletionTimestamp !== undefined || finalizers.includes(SECRET_FINALIZER);
  const label = labelPatch(secret);
  if (owned && kept && label === undefined) return undefined;
  return {
    metadata: {
      resourceVersion: metadata.resourceVersion,
      labels: { [ENVIRONMENT_LABEL]: ENVIRONMENT_VALUE },
      ownerReferences: [...owners.filter((o) => o !== mine), hostReference(host)],
      finalizers: kept ? finalizers : [...finalizers, SECRET_FINALIZER],
    },
  };
}

export function hostReference(host: BareMetalHost): OwnerReference {
  return { apiVersion: host.apiVersion, kind: host.kind, name: host.metadata.name, uid: host.metadata.uid ?? '' };
}

/**
 * Gives the Secret up. While another host still owns it the finalizer stays: sharing a Secret must not be fragile.
 * @param owner also take away the owner reference: the host lives on with another Secret
 */
export function releasePatch(secret: Secret, host: BareMetalHost, owner: 'keep' | 'drop'): MergePatch | undefined {
  const { metadata } = secret;
  const finalizers = metadata.finalizers ?? [];
  const owners = metadata.ownerReferences ?? [];
  const others = owners.filter((o) => o.uid !== host.metadata.uid);
  const shared = others.some((o) => o.kind === host.kind);
  const left = shared ? finalizers : finalizers.filter((f) => f !== SECRET_FINALIZER);
  const keptOwners = owner === 'drop' || shared ? others : owners;
  if (left.length === finalizers.length && keptOwners.length === owners.length) return undefined;
  return {
    metadata: { resourceVersion: metadata.resourceVersion, finalizers: left, ownerReferences: keptOwners },
  };
}
