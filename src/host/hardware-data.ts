import { HARDWARE_DATA_FINALIZER } from '../api/annotations.ts';
import type { BareMetalHost, HardwareData } from '../api/baremetalhost.ts';
import type { HardwareDetails } from '../api/hardware.ts';
import { keyOf } from '../api/meta.ts';
import { HARDWARE_DATA } from '../api/resources.ts';
import { storeErrors } from '../store/errors.ts';
import type { Store } from '../store/store.ts';

/**
 * HardwareData (metal3-compat §1.2): what inspection found, under the name of its host. It survives a move between
 * clusters, and a person may write one beforehand. Its uid is that of one inspection: it is replaced, never changed.
 */
export async function readHardwareData(store: Store, host: BareMetalHost): Promise<HardwareData | undefined> {
  try {
    return await store.get(HARDWARE_DATA, keyOf(host));
  } catch (error) {
    if (storeErrors.is(error, 'STORE_NOT_FOUND')) return undefined;
    throw error;
  }
}

/**
 * Deletes the old object and writes a new one. Safe to repeat after a stop at any point.
 * @throws STORE_ALREADY_EXISTS when somebody else wrote one in between; the next pass mends it
 */
export async function replaceHardwareData(store: Store, host: BareMetalHost, details: HardwareDetails): Promise<void> {
  const old = await readHardwareData(store, host);
  if (old !== undefined) {
    await releaseHardwareData(store, old);
    try {
      await store.delete(HARDWARE_DATA, keyOf(host), uidOf(old));
    } catch (error) {
      if (!storeErrors.is(error, 'STORE_NOT_FOUND')) throw error;
    }
  }
  await store.create(HARDWARE_DATA, hardwareDataFor(host, details));
}

function uidOf(data: HardwareData): { uid?: string } {
  return data.metadata.uid === undefined ? {} : { uid: data.metadata.uid };
}

/** The object as it is created: owned by the host, kept by a finalizer until the host itself goes. */
export function hardwareDataFor(host: BareMetalHost, details: HardwareDetails): HardwareData {
  const { apiVersion, kind, metadata } = host;
  return {
    apiVersion: 'metal3.io/v1alpha1',
    kind: 'HardwareData',
    metadata: {
      name: metadata.name,
      namespace: metadata.namespace ?? '',
      finalizers: [HARDWARE_DATA_FINALIZER],
      ownerReferences: [
        {
          apiVersion,
          kind,
          name: metadata.name,
          uid: metadata.uid ?? '',
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
    },
    spec: { hardware: details },
  };
}

/** Takes our finalizer away, so that deletion and garbage collection can have the object. */
export async function releaseHardwareData(store: Store, data: HardwareData): Promise<void> {
  const finalizers = data.metadata.finalizers ?? [];
  if (!finalizers.includes(HARDWARE_DATA_FINALIZER)) return;
  const left = finalizers.filter((f) => f !== HARDWARE_DATA_FINALIZER);
  const { resourceVersion } = data.metadata;
  try {
    await store.patch(HARDWARE_DATA, keyOf(data), { metadata: { resourceVersion, finalizers: left } });
  } catch (error) {
    if (!storeErrors.is(error, 'STORE_NOT_FOUND')) throw error;
  }
}
