import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { keyText } from '../api/meta.ts';
import { EVENTS_PATH, type EventUrls } from '../boot/event-urls.ts';
import type { ProgressBook } from '../boot/progress-book.ts';
import type { Timeline } from '../boot/timeline.ts';
import type { Clock } from '../core/clock.ts';
import { serverErrors } from './errors.ts';

export interface EventDoors {
  urls: EventUrls;
  book: ProgressBook;
  timeline: Timeline;
  clock: Clock;
}

/** Far more than BMCs send; one that sends more has something else in mind. */
const MAX_BODY = 64 << 10;
/** Of one POST. */
const MAX_EVENTS = 20;
const MAX_TEXT = 240;

interface Params {
  namespace: string;
  segment: string;
  name: string;
}

/**
 * The receiver of BMCs' events (DSP0266, eventing). Each becomes a line of its host's timeline. The body is looked at only
 * after the signature of the URL, and nothing in it is believed: it is text for people.
 */
export function eventRoutes(app: FastifyInstance, doors: EventDoors): void {
  app.register((scope, _options, done) => {
    // BMCs name all kinds of content types.
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', { parseAs: 'string', bodyLimit: MAX_BODY }, (_request, body, parsed) => {
      parsed(null, body);
    });
    scope.route<{ Params: Params }>({
      method: 'POST',
      url: `${EVENTS_PATH}/:namespace/:segment/:name`,
      bodyLimit: MAX_BODY,
      onRequest: (request, _reply, next) => {
        const { namespace, segment, name } = request.params;
        const host = doors.book.hosts.get(keyText({ namespace, name }));
        doors.urls.verify(host, segment, doors.clock.now());
        next();
      },
      handler: async (request, reply) => {
        const { namespace, name } = request.params;
        for (const text of eventTexts(request.body)) {
          doors.timeline.add({ namespace, name }, { source: 'bmc', kind: 'bmc-event', text });
        }
        return reply.code(204).send();
      },
    });
    done();
  });
}

const word = z.string().optional().catch(undefined);

/** What is read of an event; services of all ages leave out most of it, or write null. */
const eventSchema = z.object({
  MessageSeverity: word,
  Severity: word,
  Message: word,
  MessageId: word,
  EventType: word,
});
const payloadSchema = z.object({ Events: z.array(z.unknown()) });

/**
 * One line per event, severity first, bounded in number and length, without characters that a terminal obeys.
 * @param body as it came
 * @throws SERVER_EVENT_INVALID
 */
export function eventTexts(body: unknown): string[] {
  const payload = payloadSchema.safeParse(parsed(body));
  if (!payload.success) throw serverErrors.make('SERVER_EVENT_INVALID', 'this is no Redfish event');
  const events = payload.data.Events;
  const lines = events.slice(0, MAX_EVENTS).flatMap((event) => lineOf(event) ?? []);
  const more = events.length - MAX_EVENTS;
  return more > 0 ? [...lines, `and ${more} more events`] : lines;
}

function parsed(body: unknown): unknown {
  try {
    return JSON.parse(String(body));
  } catch {
    return undefined;
  }
}

function lineOf(event: unknown): string | undefined {
  const { success, data } = eventSchema.safeParse(event);
  if (!success) return undefined;
  const { MessageSeverity, Severity, Message, MessageId, EventType } = data;
  const text = [Message, MessageId, EventType].map(plain).find((t) => t !== '');
  if (text === undefined) return undefined;
  const severity = /^(ok|warning|critical)$/i.exec(MessageSeverity ?? Severity ?? '')?.[1] ?? 'event';
  return `${severity.toLowerCase()}: ${text}`.slice(0, MAX_TEXT).toWellFormed();
}

function plain(text = ''): string {
  // Cut first: looking through megabytes is work.
  return text
    .slice(0, 4 * MAX_TEXT)
    .replaceAll(/[\s\p{Cc}\p{Bidi_Control}]+/gu, ' ')
    .trim();
}
