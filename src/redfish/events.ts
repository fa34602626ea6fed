import type { JsonObject, Resource } from './calls.ts';
import { redfishErrors, refusalOf } from './errors.ts';
import { linkAt, textAt } from './json.ts';
import { type ServiceDoors, firstTaken, membersAt, rootService } from './service-doors.ts';

export interface EventSubscription {
  id: string;
  destination: string;
  context?: string;
}

/** Subscriptions of events that the BMC posts to an HTTP server (DSP2046, EventDestination schema). */
export class Events {
  readonly #doors: ServiceDoors;

  constructor(doors: ServiceDoors) {
    this.#doors = doors;
  }

  async subscriptions(signal: AbortSignal): Promise<EventSubscription[]> {
    const members = await membersAt(this.#doors, await this.#collection(signal), signal);
    return members.map(readSubscription);
  }

  /**
   * Subscribes and reads the subscription back. One with the same destination and context is used again: after a crash in
   * between nothing is subscribed twice.
   * @param wanted headers are secrets
   * @returns the path of the subscription
   */
  async subscribe(
    wanted: { destination: string; context?: string; headers?: Readonly<Record<string, string>> },
    signal: AbortSignal,
  ): Promise<string> {
    const collection = await this.#collection(signal);
    const existing = await this.#find(wanted, signal);
    // Headers are never read back, so those of an older subscription may be others.
    if (existing !== undefined && wanted.headers === undefined) return existing.id;
    if (existing !== undefined) await this.unsubscribe(existing.id, signal);
    const written = await firstTaken(
      subscriptionForms(wanted),
      (form) => this.#doors.calls.post(collection, form, signal),
      (error) => [400, 422].includes(refusalOf(error)?.status ?? 0),
    );
    const made = written.location ?? textAt(written.body, '@odata.id');
    const found = made === undefined ? await this.#find(wanted, signal) : await this.#doors.calls.find(made, signal);
    if (found === undefined) {
      throw redfishErrors.make('REDFISH_NOT_APPLIED', 'the BMC took the event subscription and does not show it');
    }
    return 'path' in found ? found.path : found.id;
  }

  async unsubscribe(id: string, signal: AbortSignal): Promise<void> {
    try {
      await this.#doors.calls.delete(id, signal);
    } catch (error) {
      if (!redfishErrors.is(error, 'REDFISH_NOT_FOUND')) throw error;
    }
  }

  async #collection(signal: AbortSignal): Promise<string> {
    const service = await rootService(this.#doors, 'EventService', signal);
    const link = linkAt(service.body, 'Subscriptions');
    if (link === undefined) throw redfishErrors.make('REDFISH_UNSUPPORTED', 'the BMC takes no event subscriptions');
    return link;
  }

  async #find(
    wanted: { destination: string; context?: string },
    signal: AbortSignal,
  ): Promise<EventSubscription | undefined> {
    const all = await this.subscriptions(signal);
    // Some BMCs drop the context.
    return all.find((s) => s.destination === wanted.destination && (s.context ?? wanted.context) === wanted.context);
  }
}

function readSubscription({ path, body }: Resource): EventSubscription {
  const context = textAt(body, 'Context');
  return { id: path, destination: textAt(body, 'Destination') ?? '', ...(context === undefined ? {} : { context }) };
}

/** Newer services want a format, older ones a list of types, the oldest a context. */
function subscriptionForms(wanted: {
  destination: string;
  context?: string;
  headers?: Readonly<Record<string, string>>;
}): JsonObject[] {
  const headers = Object.entries(wanted.headers ?? {}).map(([name, value]) => ({ [name]: value }));
  const common: JsonObject = {
    Destination: wanted.destination,
    Protocol: 'Redfish',
    Context: wanted.context ?? '',
    ...(headers.length === 0 ? {} : { HttpHeaders: headers }),
  };
  return [
    { ...common, EventFormatType: 'Event' },
    { ...common, EventTypes: ['Alert'] },
    { ...common, EventTypes: ['Alert', 'StatusChange', 'ResourceUpdated', 'ResourceAdded', 'ResourceRemoved'] },
    common,
  ];
}
