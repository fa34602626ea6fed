import type { ObjectKey } from '../api/meta.ts';
import { BARE_METAL_HOST, HOST_UPDATE_POLICY } from '../api/resources.ts';
import { orMissing } from '../store/or-missing.ts';
import type { WorkResult } from '../store/workqueue.ts';
import type { ControllerDoors } from './doors.ts';
import { ownedBy, withOwner } from './owners.ts';

/** A HostUpdatePolicy goes with its host (metal3-compat §1.6). What it says is read when the host is rebooted. */
export async function reconcileUpdatePolicy(doors: ControllerDoors, key: ObjectKey): Promise<WorkResult> {
  const policy = await orMissing(doors.store.get(HOST_UPDATE_POLICY, key));
  const host = policy === undefined ? undefined : await orMissing(doors.store.get(BARE_METAL_HOST, key));
  if (policy === undefined || host === undefined || host.metadata.deletionTimestamp !== undefined) {
    return { requeueMs: undefined };
  }
  const ownerReferences = withOwner(policy, ownedBy(host));
  if (ownerReferences !== undefined) {
    await orMissing(doors.store.patch(HOST_UPDATE_POLICY, key, { metadata: { ownerReferences } }));
  }
  return { requeueMs: undefined };
}
