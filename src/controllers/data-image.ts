import { detachRequest } from '../api/annotations.ts';
import type { ObjectKey } from '../api/meta.ts';
import { BARE_METAL_HOST, DATA_IMAGE } from '../api/resources.ts';
import { orMissing } from '../store/or-missing.ts';
import type { WorkResult } from '../store/workqueue.ts';
import type { ControllerDoors } from './doors.ts';
import { ownedBy, withOwner } from './owners.ts';

export const DATA_IMAGE_FINALIZER = 'dataimage.metal3.io';
/** A detached host is looked at again after this (metal3-compat §1.9). */
const DETACHED_MS = 20_000;

/**
 * One pass over one DataImage: claimed for its host, kept until its medium is out. The medium itself goes in and out when
 * the lifecycle switches the machine on (`host/data-image.ts`), as Metal3 has it.
 */
export async function reconcileDataImage(doors: ControllerDoors, key: ObjectKey): Promise<WorkResult> {
  const object = await orMissing(doors.store.get(DATA_IMAGE, key));
  if (object === undefined) return { requeueMs: undefined };
  const host = await orMissing(doors.store.get(BARE_METAL_HOST, key));
  const finalizers = object.metadata.finalizers ?? [];
  if (object.metadata.deletionTimestamp !== undefined) {
    const abandoned = host === undefined || detachRequest(host) !== undefined;
    if (!abandoned && (object.status?.attachedImage?.url ?? '') !== '') return { requeueMs: undefined };
    const left = finalizers.filter((f) => f !== DATA_IMAGE_FINALIZER);
    if (left.length < finalizers.length) {
      await orMissing(doors.store.patch(DATA_IMAGE, key, { metadata: { finalizers: left } }));
    }
    return { requeueMs: undefined };
  }
  if (host === undefined) return { requeueMs: DETACHED_MS };
  const ownerReferences = withOwner(object, ownedBy(host));
  const missing = !finalizers.includes(DATA_IMAGE_FINALIZER);
  if (ownerReferences !== undefined || missing) {
    await doors.store.patch(DATA_IMAGE, key, {
      metadata: {
        ...(ownerReferences === undefined ? {} : { ownerReferences }),
        ...(missing ? { finalizers: [...finalizers, DATA_IMAGE_FINALIZER] } : {}),
      },
    });
  }
  return { requeueMs: undefined };
}
