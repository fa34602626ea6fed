import type { KubeObject, ObjectKey, ResourceType } from '../api/meta.ts';
import { keyOf, keyText, splitKey } from '../api/meta.ts';
import {
  BARE_METAL_HOST,
  BMC_EVENT_SUBSCRIPTION,
  DATA_IMAGE,
  HOST_FIRMWARE_COMPONENTS,
  HOST_FIRMWARE_SETTINGS,
  HOST_UPDATE_POLICY,
  SECRET,
} from '../api/resources.ts';
import { WorkQueue, type WorkResult } from '../store/workqueue.ts';
import { ENVIRONMENT_LABEL, ENVIRONMENT_VALUE, detachRequest, isPaused } from '../api/annotations.ts';
import { reconcileDataImage } from './data-image.ts';
import type { ControllerDoors } from './doors.ts';
import { reconcileSubscription } from './event-subscription.ts';
import { reconcileFirmware } from './firmware.ts';
import { mayAskBmc } from './readiness.ts';
import { reconcileDeletedSecret } from './secret-release.ts';
import { reconcileUpdatePolicy } from './update-policy.ts';

/** BMCs looked at by each controller at the same time. */
const CONCURRENCY = 10;

interface Controller {
  name: string;
  work: (doors: ControllerDoors, key: ObjectKey, signal: AbortSignal) => Promise<WorkResult>;
  /** What is watched, and which part of it is a reason to look: a change of anything else is passed over. */
  watches: readonly Watch[];
}

interface Watch {
  type: ResourceType;
  /** Undefined: nothing is to be done with this one. */
  wish: (object: KubeObject) => string | undefined;
  labels?: Record<string, string>;
}

const generation = ({ metadata }: KubeObject) =>
  JSON.stringify([metadata.uid, metadata.generation, metadata.deletionTimestamp, metadata.finalizers]);

const watch = <T extends KubeObject>(
  type: ResourceType<T>,
  wish: (object: T) => string | undefined,
  labels?: Record<string, string>,
): Watch => ({
  type,
  ...(labels === undefined ? {} : { labels }),
  // The type and its objects come from the same store.
  wish: wish as (object: KubeObject) => string | undefined,
});

const CONTROLLERS: readonly Controller[] = [
  {
    name: 'hostfirmware',
    work: reconcileFirmware,
    watches: [
      watch(BARE_METAL_HOST, (host) =>
        JSON.stringify([host.metadata.uid, mayAskBmc(host), host.spec.bmc, host.status?.goodCredentials]),
      ),
      watch(HOST_FIRMWARE_SETTINGS, generation),
      watch(HOST_FIRMWARE_COMPONENTS, generation),
    ],
  },
  {
    name: 'hostupdatepolicy',
    work: reconcileUpdatePolicy,
    watches: [watch(HOST_UPDATE_POLICY, generation), watch(BARE_METAL_HOST, (host) => host.metadata.uid)],
  },
  {
    name: 'secret',
    work: reconcileDeletedSecret,
    watches: [
      watch(
        SECRET,
        ({ metadata }) => (metadata.deletionTimestamp === undefined ? undefined : JSON.stringify(metadata.finalizers)),
        { [ENVIRONMENT_LABEL]: ENVIRONMENT_VALUE },
      ),
    ],
  },
  {
    name: 'bmceventsubscription',
    work: reconcileSubscription,
    watches: [watch(BMC_EVENT_SUBSCRIPTION, generation)],
  },
  {
    name: 'dataimage',
    work: reconcileDataImage,
    watches: [
      watch(DATA_IMAGE, (image) => generation(image) + JSON.stringify(image.status?.attachedImage)),
      watch(BARE_METAL_HOST, (host) =>
        JSON.stringify([host.metadata.uid, detachRequest(host) !== undefined, isPaused(host)]),
      ),
    ],
  },
];

/**
 * Runs the controllers of the smaller kinds.
 * @returns resolves when `signal` has aborted and no pass is left; rejects when a watch fails for good
 */
export async function startControllers(doors: ControllerDoors): Promise<void> {
  const failure = new AbortController();
  const signal = AbortSignal.any([doors.signal, failure.signal]);
  const running = CONTROLLERS.flatMap((controller) => {
    const queue = new WorkQueue({
      ...doors,
      name: controller.name,
      concurrency: CONCURRENCY,
      signal,
      work: (key, stop) => controller.work({ ...doors, signal }, splitKey(key), stop),
    });
    return [queue.done, ...controller.watches.map((w) => follow(doors, w, (key) => queue.add(keyText(key)), signal))];
  });
  try {
    await Promise.all(running);
  } catch (error) {
    if (doors.signal.aborted) return;
    failure.abort(error);
    throw error;
  }
}

async function follow(
  doors: ControllerDoors,
  { type, wish, labels }: Watch,
  add: (key: ObjectKey) => void,
  signal: AbortSignal,
): Promise<void> {
  const seen = new Map<string, string>();
  for await (const event of doors.store.watch(type, { signal, ...(labels === undefined ? {} : { labels }) })) {
    if (event.type === 'synced') continue;
    const key = keyText(keyOf(event.object));
    if (event.type === 'deleted') {
      seen.delete(key);
      add(keyOf(event.object));
      continue;
    }
    const now = wish(event.object);
    if (now === undefined || seen.get(key) === now) continue;
    seen.set(key, now);
    add(keyOf(event.object));
  }
}
