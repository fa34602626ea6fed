import { checkPatch, objectOf, oneOf, optionalText, optionalTexts, text, webUrl } from '../check.ts';
import { Refusal } from '../messages.ts';
import { ROOT } from '../paths.ts';
import {
  type Body,
  type Call,
  NO_CONTENT,
  OK_HEALTH,
  type Reply,
  type Route,
  collection,
  created,
  link,
  resource,
} from '../router.ts';
import type { RedfishService } from '../service.ts';
import type { BmcEvent, Subscription } from '../state/subscriptions.ts';

const HOME = `${ROOT}/EventService`;
const SUBSCRIPTIONS = `${HOME}/Subscriptions`;
const EVENT_TYPES = ['StatusChange', 'ResourceUpdated', 'ResourceAdded', 'ResourceRemoved', 'Alert'] as const;
const PREFIXES = ['ResourceEvent', 'TaskEvent', 'Base'];

/** Subscriptions to events; the BMC POSTs to each (DSP0266 §12.1). */
export function eventRoutes(): Route[] {
  return [
    {
      path: HOME,
      get: () =>
        resource(HOME, 'EventService.v1_10_0.EventService', 'EventService', 'Events', {
          ServiceEnabled: true,
          DeliveryRetryAttempts: 3,
          DeliveryRetryIntervalSeconds: 1,
          EventFormatTypes: ['Event'],
          EventTypesForSubscription: EVENT_TYPES,
          RegistryPrefixes: PREFIXES,
          Status: OK_HEALTH,
          Subscriptions: link(SUBSCRIPTIONS),
          Actions: {
            '#EventService.SubmitTestEvent': { target: `${HOME}/Actions/EventService.SubmitTestEvent` },
          },
        }),
    },
    {
      path: SUBSCRIPTIONS,
      get: ({ service }) =>
        collection(
          SUBSCRIPTIONS,
          'EventDestination.EventDestination',
          'Subscriptions',
          service.subscriptions.list().map((s) => `${SUBSCRIPTIONS}/${s.id}`),
        ),
      post: subscribe,
      privilege: 'ConfigureManager',
    },
    {
      path: `${SUBSCRIPTIONS}/Members`,
      post: subscribe,
      privilege: 'ConfigureManager',
    },
    {
      path: `${SUBSCRIPTIONS}/:subscription`,
      get: ({ service, params }) => {
        const found = service.subscriptions.get(params['subscription'] ?? '');
        return found === undefined ? undefined : view(service, found);
      },
      patch: ({ service, params, body }) => {
        const found = service.subscriptions.get(params['subscription'] ?? '');
        if (found === undefined) throw new Refusal(404, 'ResourceMissingAtURI', [params['subscription'] ?? '']);
        checkPatch(body, view(service, found), { Context: 'string' });
        found.context = optionalText(body, 'Context');
        return { status: 200, body: view(service, found) };
      },
      delete: ({ service, params }) => {
        const id = params['subscription'] ?? '';
        if (service.subscriptions.get(id) === undefined) throw new Refusal(404, 'ResourceMissingAtURI', [id]);
        service.subscriptions.remove(id);
        return NO_CONTENT;
      },
      privilege: 'ConfigureManager',
    },
    {
      path: `${HOME}/Actions/EventService.SubmitTestEvent`,
      post: submitTest,
      privilege: 'ConfigureManager',
    },
  ];
}

function view(service: RedfishService, subscription: Subscription): Body {
  const id = subscription.id;
  return resource(`${SUBSCRIPTIONS}/${id}`, 'EventDestination.v1_14_0.EventDestination', id, `Subscription ${id}`, {
    Destination: subscription.destination,
    ...(service.quirks.has('subscription-without-context') ? {} : { Context: subscription.context ?? '' }),
    Protocol: 'Redfish',
    SubscriptionType: 'RedfishEvent',
    EventFormatType: 'Event',
    EventTypes: subscription.eventTypes,
    RegistryPrefixes: subscription.registryPrefixes,
    ResourceTypes: subscription.resourceTypes,
    HttpHeaders: [],
    DeliveryRetryPolicy: 'TerminateAfterRetries',
    Status: OK_HEALTH,
  });
}

function subscribe({ service, body }: Call): Reply {
  const destination = webUrl(text(body, 'Destination'), 'Destination');
  oneOf(optionalText(body, 'Protocol') ?? 'Redfish', ['Redfish'], 'Protocol');
  const eventTypes = optionalTexts(body, 'EventTypes');
  for (const type of eventTypes) oneOf(type, EVENT_TYPES, 'EventTypes');
  const registryPrefixes = optionalTexts(body, 'RegistryPrefixes');
  for (const prefix of registryPrefixes) oneOf(prefix, PREFIXES, 'RegistryPrefixes');
  if (eventTypes.length > 0 && registryPrefixes.length > 0) {
    throw new Refusal(400, 'PropertyValueConflict', ['EventTypes', 'RegistryPrefixes']);
  }
  const subscription = service.subscriptions.add({
    destination,
    context: optionalText(body, 'Context'),
    headers: headersOf(body['HttpHeaders']),
    eventTypes,
    registryPrefixes,
    resourceTypes: optionalTexts(body, 'ResourceTypes'),
  });
  if (subscription === undefined) throw new Refusal(503, 'ResourceInUse');
  return created(view(service, subscription));
}

/** A list of objects with one header each. Values are never told to anybody. */
function headersOf(value: unknown): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const entry of Array.isArray(value) ? value : []) {
    for (const [name, text] of Object.entries(objectOf(entry))) {
      if (!/^[\w-]{1,64}$/.test(name) || typeof text !== 'string' || /[\r\n]/.test(text)) {
        throw new Refusal(400, 'PropertyValueFormatError', [name.slice(0, 64), 'HttpHeaders']);
      }
      headers[name] = text;
    }
  }
  return headers;
}

function submitTest({ service, body }: Call): Reply {
  const type = oneOf(optionalText(body, 'EventType') ?? 'Alert', EVENT_TYPES, 'EventType');
  const severity = oneOf(
    optionalText(body, 'MessageSeverity') ?? optionalText(body, 'Severity') ?? 'OK',
    ['OK', 'Warning', 'Critical'],
    'MessageSeverity',
  );
  service.publish({
    messageId: optionalText(body, 'MessageId') ?? 'ResourceEvent.1.3.TestMessage',
    message: optionalText(body, 'Message') ?? 'A test event.',
    severity: severity as BmcEvent['severity'],
    args: optionalTexts(body, 'MessageArgs'),
    origin: optionalText(body, 'OriginOfCondition') ?? service.paths.system,
    eventType: type as BmcEvent['eventType'],
  });
  return NO_CONTENT;
}
