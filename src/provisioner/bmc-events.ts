import type { Bmc } from '../bmc/bmc.ts';
import { Deadline } from '../core/deadline.ts';
import { IngotError, errorText } from '../core/errors.ts';
import type { Run } from './run.ts';

/** A BMC that is slow with this has had its chance: nothing depends on it. */
const EVENTS_MS = 30_000;

/**
 * Lets the BMC post its events to us, once; subscriptions of ours from an earlier address go. Events are a help for people:
 * a BMC that has none, or no way to us, is a BMC like any other.
 */
export async function subscribeEvents(run: Run, bmc: Bmc): Promise<void> {
  await bestEffort(run, 'events of the BMC not subscribed', async (signal) => {
    const urls = run.doors.events;
    if (urls === undefined || bmc.events === undefined) return;
    const destination = await urls.url(run.host);
    await endOthers(run, bmc.events, destination, signal);
    await bmc.events.subscribe({ destination, context: 'ingot' }, signal);
    run.see('bmc', 'bmc-events', 'the BMC posts its events to us');
  });
}

/** Ends what `subscribeEvents` has begun. */
export async function unsubscribeEvents(run: Run): Promise<void> {
  const { events, bmcs } = run.doors;
  if (events === undefined || run.context.credentials === undefined) return;
  await bestEffort(run, 'events of the BMC not unsubscribed', async (signal) => {
    const bmc = await bmcs.get(run.context);
    if (bmc.events !== undefined) await endOthers(run, bmc.events, undefined, signal);
  });
}

async function endOthers(
  run: Run,
  events: NonNullable<Bmc['events']>,
  kept: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  for (const { id, destination } of await events.subscriptions(signal)) {
    const ours = run.doors.events?.isOurs(run.host, destination) === true;
    if (ours && destination !== kept) await events.unsubscribe(id, signal);
  }
}

async function bestEffort(run: Run, what: string, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const { clock, log } = run.doors;
  using deadline = new Deadline(clock, 'the BMC to handle event subscriptions', EVENTS_MS, run.context.signal);
  try {
    await work(deadline.signal);
  } catch (error) {
    run.context.signal.throwIfAborted();
    if (!(error instanceof IngotError)) throw error;
    log.info(what, { host: run.name, why: errorText(error) });
  }
}
