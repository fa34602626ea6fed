import { createHash } from 'node:crypto';
import { ENVIRONMENT_LABEL, ENVIRONMENT_VALUE } from '../api/annotations.ts';
import type { BareMetalHost } from '../api/baremetalhost.ts';
import type { Secret } from '../api/core-types.ts';
import {
  type Condition,
  type KubeObject,
  type ObjectKey,
  type ResourceType,
  keyOf,
  keyText,
  splitKey,
} from '../api/meta.ts';
import {
  BARE_METAL_HOST,
  DATA_IMAGE,
  HOST_FIRMWARE_COMPONENTS,
  HOST_FIRMWARE_SETTINGS,
  HOST_UPDATE_POLICY,
  SECRET,
} from '../api/resources.ts';
import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/log.ts';
import type { Metrics } from '../core/metrics.ts';
import type { Provisioner } from '../provisioner/provisioner.ts';
import type { Store } from '../store/store.ts';
import { WorkQueue } from '../store/workqueue.ts';
import { HostIndex } from './host-index.ts';
import { HostMetrics } from './metrics.ts';
import { DEFAULT_LIFECYCLE, type LifecycleConfig } from './pass.ts';
import { type HostDoors, reconcileHost } from './reconcile.ts';
import { Rests } from './rests.ts';

export interface HostControllerConfig extends LifecycleConfig {
  /** Hosts reconciled at the same time. */
  concurrency: number;
  /** A pass that lasts longer, ms, waits for its BMC and no longer counts as one of them. */
  patienceMs: number;
}

export const DEFAULT_HOST_CONTROLLER: HostControllerConfig = {
  ...DEFAULT_LIFECYCLE,
  concurrency: 20,
  patienceMs: 2000,
};

export interface HostControllerOptions {
  store: Store;
  provisioner: Provisioner;
  clock: Clock;
  random: () => number;
  log: Logger;
  metrics: Metrics;
  config?: Partial<HostControllerConfig>;
  signal: AbortSignal;
}

export interface HostController {
  /** Resolves when `signal` has aborted and the last pass is over. Rejects when a watch fails for good. */
  done: Promise<void>;
  /** Reconciles a host at once: its agent registered, a task ended. */
  wake(key: ObjectKey): void;
}

/**
 * Runs the lifecycle of every BareMetalHost: watches hosts and Secrets, queues each host whose spec, annotations,
 * finalizers or Secrets changed, and reconciles it.
 */
export function startHostController(options: HostControllerOptions): HostController {
  const config = { ...DEFAULT_HOST_CONTROLLER, ...options.config };
  const index = new HostIndex();
  const metrics = new HostMetrics(options.metrics);
  const doors: HostDoors = { ...options, config, index, metrics };
  // A watch that fails stops the rest too: half a controller would look alive and do nothing.
  const failure = new AbortController();
  const signal = AbortSignal.any([options.signal, failure.signal]);
  const rests = new Rests(options.clock);
  const queue = new WorkQueue({
    ...options,
    signal,
    name: 'baremetalhost',
    concurrency: config.concurrency,
    patienceMs: config.patienceMs,
    work: async (key, stop) => {
      const rest = rests.left(key);
      if (rest > 0) return { requeueMs: rest };
      try {
        const result = await reconcileHost(doors, splitKey(key), stop);
        rests.ended(key, result.failed === true ? result.requeueMs : undefined);
        return result;
      } catch (error) {
        if (!stop.aborted) metrics.count('reconcileError');
        throw error;
      }
    },
  });
  const edited = (key: ObjectKey) => {
    rests.edited(keyText(key));
    queue.add(keyText(key));
  };
  const watches = [
    watchHosts(options.store, index, edited, signal),
    watchSecrets(options.store, index, edited, signal),
    ...WISHES.map((wish) => watchWishes(options.store, wish, edited, signal)),
  ];
  const guarded = watches.map(async (watch) => {
    try {
      await watch;
    } catch (error) {
      if (options.signal.aborted) return;
      failure.abort(error);
      throw error;
    }
  });
  const done = Promise.all([queue.done, ...guarded]).then(() => undefined);
  return { done, wake: (key) => queue.add(keyText(key)) };
}

/** Told of hosts that somebody gave a reason to look at again. */
type Edited = (key: ObjectKey) => void;

/** Queues hosts; changes of labels or status alone are nobody's wish and are passed over (metal3-compat §2.2). */
async function watchHosts(store: Store, index: HostIndex, edited: Edited, signal: AbortSignal): Promise<void> {
  const seen = new Map<string, string>();
  const waiting = new Set<string>();
  let synced = false;
  for await (const event of store.watch(BARE_METAL_HOST, { signal })) {
    if (event.type === 'synced') {
      // Passes ask about the other hosts: none runs before all are known.
      synced = true;
      for (const key of waiting) edited(splitKey(key));
      waiting.clear();
      continue;
    }
    const key = keyText(keyOf(event.object));
    if (event.type === 'deleted') {
      index.remove(keyOf(event.object));
      seen.delete(key);
      for (const rival of index.rivalsOf(event.object.spec.bootMACAddress)) edited(rival);
      continue;
    }
    index.observe(event.object);
    const wish = wishOf(event.object);
    if (seen.get(key) === wish) continue;
    seen.set(key, wish);
    if (synced) edited(keyOf(event.object));
    else waiting.add(key);
  }
}

/** What people and other controllers can ask for, as one text. */
function wishOf(host: BareMetalHost): string {
  const { uid, generation, finalizers, annotations, deletionTimestamp } = host.metadata;
  const sorted = Object.entries(annotations ?? {}).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([uid, generation, finalizers, sorted, deletionTimestamp]);
}

/**
 * Queues the hosts that use a Secret which appeared or whose contents changed. Only claimed ones carry the label; others
 * are polled. Claims are written into the Secret too: if they woke hosts, each new user of a shared Secret would make all
 * the others try again what has just failed, and none would keep its backoff.
 */
async function watchSecrets(store: Store, index: HostIndex, edited: Edited, signal: AbortSignal): Promise<void> {
  const contents = new Map<string, string>();
  let synced = false;
  const labels = { [ENVIRONMENT_LABEL]: ENVIRONMENT_VALUE };
  for await (const event of store.watch(SECRET, { signal, labels })) {
    if (event.type === 'synced') {
      synced = true;
      continue;
    }
    const { metadata } = event.object;
    const key = keyText(keyOf(event.object));
    const content = contentOf(event);
    const known = contents.get(key);
    if (event.type === 'deleted') contents.delete(key);
    else contents.set(key, content);
    if (!synced || known === content) continue;
    // A host that owns it when it is first seen has read it already: the label that shows it here is that host's own.
    const owners = new Set(known === undefined ? metadata.ownerReferences?.map((o) => o.uid) : []);
    for (const user of index.usersOfSecret(metadata.namespace ?? '', metadata.name)) {
      if (!owners.has(user.uid)) edited(user.key);
    }
  }
}

/** A kind whose objects have the names of the hosts that they are for. */
interface Wish {
  type: ResourceType;
  /** What a host may have to act on, as one text. */
  of: (object: KubeObject & { status?: { conditions?: Condition[] } }) => string;
}

const asked = ({ metadata }: KubeObject) => [metadata.uid, metadata.generation, metadata.deletionTimestamp];

const WISHES: readonly Wish[] = [
  { type: DATA_IMAGE, of: (image) => JSON.stringify(asked(image)) },
  { type: HOST_UPDATE_POLICY, of: (policy) => JSON.stringify(asked(policy)) },
  // The word of the controllers counts, not the wish itself.
  ...[HOST_FIRMWARE_SETTINGS, HOST_FIRMWARE_COMPONENTS].map((type) => ({
    type,
    of: ({ metadata, status }: Parameters<Wish['of']>[0]) =>
      JSON.stringify([metadata.uid, status?.conditions?.map((c) => [c.type, c.status, c.observedGeneration])]),
  })),
];

/** Queues hosts whose DataImage or firmware is wished otherwise: none waits for its next poll, or rests after a failure. */
async function watchWishes(store: Store, { type, of }: Wish, edited: Edited, signal: AbortSignal): Promise<void> {
  const seen = new Map<string, string>();
  for await (const event of store.watch(type, { signal })) {
    if (event.type === 'synced') continue;
    const key = keyText(keyOf(event.object));
    const wish = event.type === 'deleted' ? 'deleted' : of(event.object);
    const known = seen.get(key);
    if (event.type === 'deleted') seen.delete(key);
    else seen.set(key, wish);
    // One that is first seen is read by the pass that needs it.
    if (known !== undefined && known !== wish) edited(keyOf(event.object));
  }
}

/** What a host reads of a Secret, as a digest: nothing secret is kept. A Secret on its way out is another one. */
function contentOf({ type, object }: { type: string; object: Secret }): string {
  if (type === 'deleted') return 'deleted';
  const { uid, deletionTimestamp } = object.metadata;
  const data = Object.entries(object.data ?? {}).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256')
    .update(JSON.stringify([uid, deletionTimestamp, data]))
    .digest('base64');
}
