import { SECRET_FINALIZER } from '../api/annotations.ts';
import type { BareMetalHost } from '../api/baremetalhost.ts';
import type { ObjectKey } from '../api/meta.ts';
import { BARE_METAL_HOST, SECRET } from '../api/resources.ts';
import { orMissing } from '../store/or-missing.ts';
import type { WorkResult } from '../store/workqueue.ts';
import type { ControllerDoors } from './doors.ts';

/** A host that names the Secret may name another one by then. */
const HELD_MS = 60_000;

/**
 * Lets a Secret go that was deleted and is kept by nothing but our finalizer. Hosts release theirs when they go; one that
 * was left by an edit of the spec, or by a host that went without us, has nobody else (Metal3 leaves it hanging).
 */
export async function reconcileDeletedSecret(doors: ControllerDoors, key: ObjectKey): Promise<WorkResult> {
  const secret = await orMissing(doors.store.get(SECRET, key));
  const finalizers = secret?.metadata.finalizers ?? [];
  if (secret?.metadata.deletionTimestamp === undefined || !finalizers.includes(SECRET_FINALIZER)) {
    return { requeueMs: undefined };
  }
  const hosts = await doors.store.list(BARE_METAL_HOST, { namespace: key.namespace });
  if (hosts.some((host) => holds(host, key.name))) return { requeueMs: HELD_MS };
  const { resourceVersion } = secret.metadata;
  const left = finalizers.filter((f) => f !== SECRET_FINALIZER);
  await orMissing(doors.store.patch(SECRET, key, { metadata: { resourceVersion, finalizers: left } }));
  return { requeueMs: undefined };
}

function holds({ spec }: BareMetalHost, name: string): boolean {
  return spec.bmc?.credentialsName === name || spec.preprovisioningNetworkDataName === name;
}
