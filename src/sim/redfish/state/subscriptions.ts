import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { type Clock, kubeTime, sleep } from '../../../core/clock.ts';
import { errorText } from '../../../core/errors.ts';
import type { Logger } from '../../../core/log.ts';

export interface Subscription {
  id: string;
  destination: string;
  context: string | undefined;
  /** Sent with each event; secrets, never read back. */
  headers: Readonly<Record<string, string>>;
  eventTypes: readonly string[];
  registryPrefixes: readonly string[];
  resourceTypes: readonly string[];
}

export interface BmcEvent {
  messageId: string;
  message: string;
  severity: 'OK' | 'Warning' | 'Critical';
  args: readonly string[];
  /** Path of the resource it is about. */
  origin: string;
  eventType: 'StatusChange' | 'ResourceUpdated' | 'ResourceAdded' | 'ResourceRemoved' | 'Alert';
}

const MAX_SUBSCRIPTIONS = 20;
const ATTEMPTS = 3;
const RETRY_MS = 1000;
const POST_MS = 10_000;

/** Who wants to hear of events, and the sending of them. */
export class SubscriptionBook {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #closing = new AbortController();
  #nextId = 1;
  #nextEvent = 1;

  constructor(clock: Clock, log: Logger) {
    this.#clock = clock;
    this.#log = log;
  }

  /** Undefined when there is no place left. */
  add(subscription: Omit<Subscription, 'id'>): Subscription | undefined {
    if (this.#subscriptions.size >= MAX_SUBSCRIPTIONS) return undefined;
    const made = { ...subscription, id: String(this.#nextId++) };
    this.#subscriptions.set(made.id, made);
    return made;
  }

  get(id: string): Subscription | undefined {
    return this.#subscriptions.get(id);
  }

  list(): Subscription[] {
    return [...this.#subscriptions.values()];
  }

  remove(id: string): void {
    this.#subscriptions.delete(id);
  }

  /** Sends an event to all who asked for it. Failures are logged and forgotten, as DSP0266 has it. */
  publish(event: BmcEvent): void {
    for (const subscription of this.#subscriptions.values()) {
      if (!wants(subscription, event)) continue;
      void this.#deliver(subscription, this.#payload(subscription, event));
    }
  }

  close(): void {
    this.#closing.abort();
  }

  #payload(subscription: Subscription, event: BmcEvent): string {
    const id = String(this.#nextEvent++);
    return JSON.stringify({
      '@odata.type': '#Event.v1_7_0.Event',
      Id: id,
      Name: 'Event',
      ...(subscription.context === undefined ? {} : { Context: subscription.context }),
      Events: [
        {
          MemberId: '0',
          EventId: id,
          EventType: event.eventType,
          EventTimestamp: kubeTime(this.#clock.now()),
          Severity: event.severity,
          MessageSeverity: event.severity,
          Message: event.message,
          MessageId: event.messageId,
          MessageArgs: event.args,
          OriginOfCondition: { '@odata.id': event.origin },
        },
      ],
    });
  }

  async #deliver(subscription: Subscription, text: string): Promise<void> {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      try {
        await post(subscription.destination, subscription.headers, text, this.#closing.signal);
        return;
      } catch (error) {
        if (this.#closing.signal.aborted) return;
        this.#log.debug('event not delivered', { subscription: subscription.id, attempt, error: errorText(error) });
        if (attempt < ATTEMPTS) await sleep(this.#clock, RETRY_MS, this.#closing.signal).catch(() => {});
      }
    }
  }
}

function wants(subscription: Subscription, event: BmcEvent): boolean {
  const { eventTypes, registryPrefixes, resourceTypes } = subscription;
  if (eventTypes.length > 0 && !eventTypes.includes(event.eventType)) return false;
  const prefix = event.messageId.split('.')[0] ?? '';
  if (registryPrefixes.length > 0 && !registryPrefixes.includes(prefix)) return false;
  return resourceTypes.length === 0 || resourceTypes.some((type) => event.origin.includes(type));
}

/** One POST of an event. BMCs do not verify the receiver's certificate unless told to; neither does this one. */
function post(
  url: string,
  headers: Readonly<Record<string, string>>,
  text: string,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const options = {
      method: 'POST',
      headers: { ...headers, 'Content-Type': 'application/json', 'Content-Length': String(Buffer.byteLength(text)) },
      signal,
      timeout: POST_MS,
    };
    const sent = url.startsWith('https:')
      ? httpsRequest(url, { ...options, rejectUnauthorized: false })
      : httpRequest(url, options);
    sent.on('response', (response) => {
      response.resume();
      const status = response.statusCode ?? 0;
      if (status >= 200 && status < 300) resolve();
      else reject(new Error(`the receiver answered ${status}`));
    });
    sent.on('timeout', () => sent.destroy(new Error('the receiver does not answer')));
    sent.on('error', reject);
    sent.end(text);
  });
}
