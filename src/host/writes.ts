import { isDeepStrictEqual } from 'node:util';
import { HOST_FINALIZER } from '../api/annotations.ts';
import type { BareMetalHost } from '../api/baremetalhost.ts';
import { keyOf, keyText } from '../api/meta.ts';
import { BARE_METAL_HOST, EVENT } from '../api/resources.ts';
import { type Clock, kubeTime } from '../core/clock.ts';
import { errorText } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import { storeErrors } from '../store/errors.ts';
import type { MergePatch, Store } from '../store/store.ts';
import { type HostEvent, eventObject } from './events.ts';
import type { HostIndex } from './host-index.ts';
import { orMissing } from '../store/or-missing.ts';
import type { HostStatus } from './status.ts';

export interface WriteDoors {
  store: Store;
  clock: Clock;
  log: Logger;
  index: HostIndex;
}

/** Tries at one write against somebody who edits the same object. */
const MAX_ATTEMPTS = 5;

/** Applies `patch` if the host is still as it was read. @throws STORE_CONFLICT */
export async function patchHost(doors: WriteDoors, host: BareMetalHost, patch: MergePatch): Promise<void> {
  await doors.store.patch(BARE_METAL_HOST, keyOf(host), conditional(patch, host));
}

function conditional(patch: MergePatch, host: BareMetalHost): MergePatch {
  const metadata = (patch['metadata'] ?? {}) as Record<string, unknown>;
  return { ...patch, metadata: { ...metadata, resourceVersion: host.metadata.resourceVersion } };
}

/**
 * Writes the status. Nobody else writes it, so a conflict means that spec or metadata were edited during the pass: what
 * the pass found out about the machine is as true as before, and losing it could mean to provision a machine twice.
 * @throws STORE_CONFLICT when the status itself is not the one this pass began with
 */
export async function saveStatus(doors: WriteDoors, host: BareMetalHost, status: HostStatus): Promise<BareMetalHost> {
  const lastUpdated = kubeTime(doors.clock.now());
  let base = host;
  for (let attempt = 1; ; attempt++) {
    try {
      const saved = await doors.store.updateStatus(BARE_METAL_HOST, { ...base, status: { ...status, lastUpdated } });
      doors.index.observe(saved);
      return saved;
    } catch (error) {
      if (!storeErrors.is(error, 'STORE_CONFLICT') || attempt >= MAX_ATTEMPTS) throw error;
      base = await doors.store.get(BARE_METAL_HOST, keyOf(host));
      const same = base.metadata.uid === host.metadata.uid && isDeepStrictEqual(base.status, host.status);
      if (!same) throw error;
    }
  }
}

/**
 * Sets and removes annotations. Somebody may edit the host in between: an annotation that is not what this pass saw is
 * left alone.
 */
export async function writeAnnotations(
  doors: WriteDoors,
  seen: BareMetalHost,
  saved: BareMetalHost,
  changes: ReadonlyMap<string, string | null>,
): Promise<void> {
  if (changes.size === 0) return;
  let current: BareMetalHost | undefined = saved;
  for (let attempt = 1; current !== undefined; attempt++) {
    const annotations = Object.fromEntries(
      [...changes].filter(([k]) => current?.metadata.annotations?.[k] === seen.metadata.annotations?.[k]),
    );
    try {
      await patchHost(doors, current, { metadata: { annotations } });
      return;
    } catch (error) {
      if (!storeErrors.is(error, 'STORE_CONFLICT') || attempt >= MAX_ATTEMPTS) throw error;
      current = await orMissing(doors.store.get(BARE_METAL_HOST, keyOf(seen)));
    }
  }
}

export async function dropFinalizer(doors: WriteDoors, host: BareMetalHost): Promise<void> {
  const finalizers = (host.metadata.finalizers ?? []).filter((f) => f !== HOST_FINALIZER);
  await orMissing(patchHost(doors, host, { metadata: { finalizers } }));
  doors.index.remove(keyOf(host));
}

/** Events are a courtesy: one that cannot be written is logged and forgotten. */
export async function publish(doors: WriteDoors, host: BareMetalHost, events: readonly HostEvent[]): Promise<void> {
  for (const event of events) {
    doors.log.info(event.message, { host: keyText(keyOf(host)), reason: event.reason });
    try {
      await doors.store.create(EVENT, eventObject(host, event, doors.clock.now()));
    } catch (error) {
      doors.log.warn('event not written', {
        host: keyText(keyOf(host)),
        reason: event.reason,
        error: errorText(error),
      });
    }
  }
}
