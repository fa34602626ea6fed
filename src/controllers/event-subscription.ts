import type { BareMetalHost } from '../api/baremetalhost.ts';
import type { BmcEventSubscription } from '../api/bmc-extras.ts';
import { type ObjectKey, keyOf } from '../api/meta.ts';
import { BARE_METAL_HOST, BMC_EVENT_SUBSCRIPTION, SECRET } from '../api/resources.ts';
import type { EventControl } from '../bmc/capabilities.ts';
import { IngotError } from '../core/errors.ts';
import { orMissing } from '../store/or-missing.ts';
import type { WorkResult } from '../store/workqueue.ts';
import type { ControllerDoors } from './doors.ts';
import { controllerErrors } from './errors.ts';
import { mayAskBmc, mayCleanUp } from './readiness.ts';

export const SUBSCRIPTION_FINALIZER = 'bmceventsubscription.metal3.io';
/** A host that is missing is looked for again after this (metal3-compat §1.8). */
const MISSING_MS = 10 * 60_000;
/** One that is being registered; no BMC is asked for that. */
const NOT_READY_MS = 30_000;
const FAILED_MS = 60_000;
/** BMCs forget their subscriptions: by a reset, an update, or because nobody took the events for a while. */
const CHECK_MS = 10 * 60_000;
/** A BMC that is gone for good keeps nobody's namespace. */
const GIVE_UP_MS = 10 * 60_000;

/** One pass over one BMCEventSubscription: subscribed on the BMC while it exists, unsubscribed before it goes. */
export async function reconcileSubscription(
  doors: ControllerDoors,
  key: ObjectKey,
  signal: AbortSignal,
): Promise<WorkResult> {
  const object = await orMissing(doors.store.get(BMC_EVENT_SUBSCRIPTION, key));
  if (object === undefined) return { requeueMs: undefined };
  if (object.metadata.deletionTimestamp !== undefined) return await end(doors, object, signal);
  const finalizers = object.metadata.finalizers ?? [];
  if (!finalizers.includes(SUBSCRIPTION_FINALIZER)) {
    const added = [...finalizers, SUBSCRIPTION_FINALIZER];
    await doors.store.patch(BMC_EVENT_SUBSCRIPTION, key, { metadata: { finalizers: added } });
    return { requeueMs: 0 };
  }
  const known = object.status?.subscriptionID ?? '';
  try {
    const events = await eventsOf(doors, object, signal);
    const there = known === '' ? undefined : (await events.subscriptions(signal)).find((s) => s.id === known);
    if (there !== undefined && there.destination === object.spec.destination) return { requeueMs: CHECK_MS };
    // Metal3 forbids to edit one. Of one that was edited all the same the old subscription must not stay behind; in any
    // other it is a stranger's: a BMC that was reset gives old numbers anew.
    if (there !== undefined && (object.metadata.generation ?? 1) > 1) await events.unsubscribe(known, signal);
    const id = await events.subscribe(await wanted(doors, object), signal);
    await say(doors, object, { subscriptionID: id });
    return { requeueMs: CHECK_MS };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof IngotError) || error.code.startsWith('STORE_')) throw error;
    // A BMC that is silent now may well have kept it.
    if (known !== '') return { requeueMs: CHECK_MS };
    await say(doors, object, { error: error.toString() });
    return { requeueMs: retryOf(error) };
  }
}

function retryOf(error: IngotError): number {
  if (controllerErrors.is(error, 'CONTROLLER_HOST_MISSING')) return MISSING_MS;
  return controllerErrors.is(error, 'CONTROLLER_HOST_NOT_READY') ? NOT_READY_MS : FAILED_MS;
}

/** Ends it on the BMC too; for a while that is tried again. */
async function end(doors: ControllerDoors, object: BmcEventSubscription, signal: AbortSignal): Promise<WorkResult> {
  const finalizers = object.metadata.finalizers ?? [];
  if (!finalizers.includes(SUBSCRIPTION_FINALIZER)) return { requeueMs: undefined };
  const id = object.status?.subscriptionID ?? '';
  const host = await hostOf(doors, object);
  if (id !== '' && host !== undefined && mayCleanUp(host)) {
    try {
      const { events } = await doors.bmcOf(host, signal);
      await events?.unsubscribe(id, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof IngotError) || error.code.startsWith('STORE_')) throw error;
      const since = doors.clock.now() - Date.parse(object.metadata.deletionTimestamp ?? '');
      if (since < GIVE_UP_MS) {
        await say(doors, object, { subscriptionID: id, error: error.toString() });
        return { requeueMs: FAILED_MS };
      }
      doors.log.warn('event subscription stays on the BMC', { object: object.metadata.name, why: error.toString() });
    }
  }
  const left = finalizers.filter((f) => f !== SUBSCRIPTION_FINALIZER);
  await orMissing(doors.store.patch(BMC_EVENT_SUBSCRIPTION, keyOf(object), { metadata: { finalizers: left } }));
  return { requeueMs: undefined };
}

function hostOf(doors: ControllerDoors, object: BmcEventSubscription): Promise<BareMetalHost | undefined> {
  const key = { namespace: object.metadata.namespace ?? '', name: object.spec.hostName ?? '' };
  return key.name === '' ? Promise.resolve(undefined) : orMissing(doors.store.get(BARE_METAL_HOST, key));
}

async function eventsOf(
  doors: ControllerDoors,
  object: BmcEventSubscription,
  signal: AbortSignal,
): Promise<EventControl> {
  const host = await hostOf(doors, object);
  const name = object.spec.hostName ?? '';
  if (host === undefined) {
    throw controllerErrors.make('CONTROLLER_HOST_MISSING', `spec.hostName: BareMetalHost "${name}" does not exist`);
  }
  if (!mayAskBmc(host)) {
    throw controllerErrors.make(
      'CONTROLLER_HOST_NOT_READY',
      `BareMetalHost "${name}" is not registered, or is left alone`,
    );
  }
  const { events } = await doors.bmcOf(host, signal);
  if (events === undefined) {
    throw controllerErrors.make('CONTROLLER_UNSUPPORTED', `the BMC of "${name}" takes no event subscriptions`);
  }
  return events;
}

/** @throws CONTROLLER_SPEC_INVALID naming the field */
async function wanted(doors: ControllerDoors, object: BmcEventSubscription) {
  const { destination = '', context, httpHeadersRef } = object.spec;
  const namespace = object.metadata.namespace ?? '';
  if (!URL.canParse(destination) || !/^https?:$/.test(new URL(destination).protocol)) {
    throw controllerErrors.make('CONTROLLER_SPEC_INVALID', `spec.destination "${destination}" is no http or https URL`);
  }
  const subscription = { destination, ...(context === undefined ? {} : { context }) };
  const name = httpHeadersRef?.name ?? '';
  if (name === '') return subscription;
  if ((httpHeadersRef?.namespace ?? namespace) !== namespace) {
    throw controllerErrors.make(
      'CONTROLLER_SPEC_INVALID',
      'spec.httpHeadersRef.namespace must be that of the subscription',
    );
  }
  const secret = await orMissing(doors.store.get(SECRET, { namespace, name }));
  if (secret === undefined) {
    throw controllerErrors.make('CONTROLLER_SPEC_INVALID', `spec.httpHeadersRef: Secret "${name}" does not exist`);
  }
  const entries = Object.entries(secret.data ?? {});
  const headers = entries.map(([key, value]): [string, string] => [key, Buffer.from(value, 'base64').toString('utf8')]);
  return { ...subscription, headers: Object.fromEntries(headers) };
}

async function say(
  doors: ControllerDoors,
  object: BmcEventSubscription,
  status: { subscriptionID?: string; error?: string },
): Promise<void> {
  if (object.status?.error === status.error && object.status?.subscriptionID === status.subscriptionID) return;
  await orMissing(doors.store.updateStatus(BMC_EVENT_SUBSCRIPTION, { ...object, status }));
}
