import { detachRequest, isPaused } from '../api/annotations.ts';
import type { BareMetalHost } from '../api/baremetalhost.ts';
import type { DataImage } from '../api/bmc-extras.ts';
import { type ObjectKey, keyOf } from '../api/meta.ts';
import { isDeployed } from '../api/predicates.ts';
import { BARE_METAL_HOST, DATA_IMAGE } from '../api/resources.ts';
import { kubeTime } from '../core/clock.ts';
import { Deadline } from '../core/deadline.ts';
import { IngotError } from '../core/errors.ts';
import { orMissing } from '../store/or-missing.ts';
import type { WorkResult } from '../store/workqueue.ts';
import { BMC_LOOK_MS, type ControllerDoors } from './doors.ts';
import { ownedBy, withOwner } from './owners.ts';
import { mayCleanUp } from './readiness.ts';

export const DATA_IMAGE_FINALIZER = 'dataimage.metal3.io';
/** While a medium that should go is still in, or its BMC cannot be asked (metal3-compat §1.9). */
const STILL_IN_MS = 60_000;
const SETTLED: WorkResult = { requeueMs: undefined };

/**
 * One pass over one DataImage: claimed for its host, kept until its medium is out. The medium itself goes in and out when
 * the lifecycle switches the machine on (`host/data-image.ts`), as Metal3 has it; out of a machine that runs nothing it
 * goes at once.
 */
export async function reconcileDataImage(
  doors: ControllerDoors,
  key: ObjectKey,
  signal: AbortSignal,
): Promise<WorkResult> {
  const image = await orMissing(doors.store.get(DATA_IMAGE, key));
  if (image === undefined) return SETTLED;
  const host = await orMissing(doors.store.get(BARE_METAL_HOST, key));
  if (host === undefined) return await release(doors, image);
  if (isPaused(host)) return SETTLED;
  if (image.metadata.deletionTimestamp !== undefined) return await end(doors, image, host, signal);
  const finalizers = image.metadata.finalizers ?? [];
  const ownerReferences = withOwner(image, ownedBy(host));
  const missing = !finalizers.includes(DATA_IMAGE_FINALIZER);
  if (ownerReferences === undefined && !missing) return SETTLED;
  await doors.store.patch(DATA_IMAGE, key, {
    metadata: {
      ...(ownerReferences === undefined ? {} : { ownerReferences }),
      ...(missing ? { finalizers: [...finalizers, DATA_IMAGE_FINALIZER] } : {}),
    },
  });
  return SETTLED;
}

/** Deleted: waits for the medium to be out, unless nobody looks after the machine any more. */
async function end(
  doors: ControllerDoors,
  image: DataImage,
  host: BareMetalHost,
  signal: AbortSignal,
): Promise<WorkResult> {
  const attached = image.status?.attachedImage?.url ?? '';
  if (attached === '' || detachRequest(host) !== undefined) return await release(doors, image);
  if (!mayCleanUp(host)) return { requeueMs: STILL_IN_MS };
  using deadline = new Deadline(doors.clock, 'the BMC to show its virtual media', BMC_LOOK_MS, signal);
  try {
    const { media } = await doors.bmcOf(host, deadline.signal);
    const slots = (await media?.slots(deadline.signal)) ?? [];
    const slot = slots.find((s) => s.inserted && (s.image ?? attached) === attached);
    if (slot === undefined) return await release(doors, image);
    if (isDeployed(host.status?.provisioning.state ?? '')) return { requeueMs: STILL_IN_MS };
    await media?.eject(slot.id, deadline.signal);
    return await release(doors, image);
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof IngotError) || error.code.startsWith('STORE_')) throw error;
    await noteError(doors, image, error);
    return { requeueMs: STILL_IN_MS };
  }
}

async function noteError(doors: ControllerDoors, image: DataImage, error: IngotError): Promise<void> {
  const noted = { count: (image.status?.error?.count ?? 0) + 1, message: error.toString() };
  const status = { ...image.status, lastReconciled: kubeTime(doors.clock.now()), error: noted };
  await orMissing(doors.store.updateStatus(DATA_IMAGE, { ...image, status }));
}

async function release(doors: ControllerDoors, image: DataImage): Promise<WorkResult> {
  const finalizers = image.metadata.finalizers ?? [];
  const left = finalizers.filter((f) => f !== DATA_IMAGE_FINALIZER);
  if (left.length < finalizers.length) {
    await orMissing(doors.store.patch(DATA_IMAGE, keyOf(image), { metadata: { finalizers: left } }));
  }
  return SETTLED;
}
