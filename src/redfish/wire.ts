import type { Clock } from '../core/clock.ts';
import { type Logger, REDACTED, redactText } from '../core/log.ts';
import { errorText } from '../core/errors.ts';
import { type Pace, Pacer } from '../core/pacer.ts';
import type { Trace } from '../core/trace.ts';
import type { JsonObject } from './calls.ts';
import { type Refusal, redfishErrors } from './errors.ts';
import { refusalIn } from './faults.ts';
import { isObject } from './json.ts';
import type { HttpAnswer, HttpRequest, Transport } from './transport.ts';

export interface Reply {
  status: number;
  /** Of the request, after redirects. */
  path: string;
  headers: ReadonlyMap<string, string>;
  /** Undefined when the answer has none or it is no JSON object. */
  body: JsonObject | undefined;
  /** Bytes of the answer. */
  length: number;
  /** What it says when it is a refusal. */
  refusal: Refusal;
}

export interface WireRequest {
  method: HttpRequest['method'];
  path: string;
  headers?: Readonly<Record<string, string>>;
  body?: HttpRequest['body'] | JsonObject;
  repeatable: boolean;
}

/** More than a task of one host needs at once; less than what makes a BMC's web server stall in the long run. */
export const REDFISH_PACE: Pace = { burst: 40, perSecond: 10, afterFailureMs: 500 };

const MAX_REDIRECTS = 5;

/** Of a body that is no JSON object. */
const TRACED_BYTES = 2048;

/** Redfish's use of HTTP (DSP0266 §6, §7): headers, redirects, JSON. Whoever asks judges the status. */
export class Wire {
  readonly #transport: Transport;
  readonly #address: string;
  readonly #pacer: Pacer;
  readonly #clock: Clock;
  readonly #log: Logger;
  /** What must not come back out of the BMC's texts into ours. */
  readonly #secret: string;
  readonly #trace: Trace | undefined;
  /** Compressed answers carry weak ETags; HPE refuses to be asked for plain ones (406). */
  #identity = true;

  constructor(parts: {
    transport: Transport;
    address: string;
    clock: Clock;
    log: Logger;
    pace: Pace;
    secret: string;
    trace?: Trace;
  }) {
    this.#transport = parts.transport;
    this.#address = parts.address;
    this.#clock = parts.clock;
    this.#log = parts.log;
    this.#secret = parts.secret;
    this.#trace = parts.trace;
    this.#pacer = new Pacer(parts.clock, parts.pace);
  }

  /** @throws what `Transport.send` throws, REDFISH_FOREIGN_LINK */
  async send(request: WireRequest, signal: AbortSignal): Promise<Reply> {
    let path = this.path(request.path);
    for (let redirects = 0; ; redirects++) {
      const answer = await this.#plainly({ ...request, path }, signal);
      const target = redirectOf(request.method, answer);
      if (target === undefined) return this.#reply(path, answer);
      if (redirects >= MAX_REDIRECTS) {
        throw redfishErrors.make('REDFISH_MALFORMED', `${this.#address}: ${path} is redirected without end`);
      }
      path = this.#redirected(path, target);
    }
  }

  /**
   * A path as it goes on the wire; fragments (`/Power#/PowerControl/0`) are dropped.
   * @throws REDFISH_FOREIGN_LINK for a link that leaves the BMC
   */
  path(link: string): string {
    const { origin } = this.#transport;
    const url = URL.canParse(link, origin) ? new URL(link, origin) : undefined;
    if (url === undefined || url.origin !== new URL(origin).origin) {
      const text = `${this.#address}: the BMC points to ${JSON.stringify(link.slice(0, 200))}, which is not on it`;
      throw redfishErrors.make('REDFISH_FOREIGN_LINK', text);
    }
    return url.pathname + url.search;
  }

  /**
   * The path in a `Location`. Its host is of no matter: BMCs behind a router or with a name of their own write one that
   * we do not know, and the resource is on the BMC that made it.
   */
  location(headers: ReadonlyMap<string, string>): string | undefined {
    const text = headers.get('location') ?? '';
    const { origin } = this.#transport;
    if (text === '' || !URL.canParse(text, origin)) return undefined;
    const { pathname, search } = new URL(text, origin);
    return pathname + search;
  }

  async #plainly(request: WireRequest, signal: AbortSignal): Promise<HttpAnswer> {
    const plain = this.#identity;
    const answer = await this.#paced(request, plain, signal);
    if (answer.status !== 406 || !plain || isUpload(request.body)) return answer;
    this.#identity = false;
    return await this.#paced(request, false, signal);
  }

  async #paced(request: WireRequest, plain: boolean, signal: AbortSignal): Promise<HttpAnswer> {
    const { method, path, body, repeatable } = request;
    await this.#pacer.turn(signal);
    const start = this.#clock.monotonic();
    const headers = {
      accept: 'application/json',
      'odata-version': '4.0',
      'user-agent': 'ingot',
      ...(plain ? { 'accept-encoding': 'identity' } : {}),
      ...(body === undefined || isUpload(body) ? {} : { 'content-type': 'application/json' }),
      ...request.headers,
    };
    const data = body === undefined || typeof body === 'string' || isUpload(body) ? body : JSON.stringify(body);
    try {
      const answer = await this.#transport.send(
        { method, path, headers, repeatable, ...(data === undefined ? {} : { body: data }) },
        signal,
      );
      const ms = Math.round(this.#clock.monotonic() - start);
      this.#log.debug('redfish', { method, path, status: answer.status, ms, bytes: answer.bytes.length });
      this.#trace?.({ protocol: 'redfish', method, path, sent: sentText(data), ...answerFacts(answer), ms });
      return answer;
    } catch (error) {
      this.#pacer.failed();
      this.#trace?.({ protocol: 'redfish', method, path, sent: sentText(data), failed: errorText(error) });
      throw error;
    }
  }

  #reply(path: string, { status, headers, bytes }: HttpAnswer): Reply {
    const body = objectIn(bytes);
    const refusal = refusalIn(status, status < 400 ? {} : body, bytes);
    return { status, path, headers, body, length: bytes.length, refusal: this.#cleaned(refusal) };
  }

  /** A refused login may be told with what was sent, and so may an image's URL with its signature. */
  #cleaned(refusal: Refusal): Refusal {
    const cleaned = (text: string) => redactText(this.#secret === '' ? text : text.replaceAll(this.#secret, REDACTED));
    return { ...refusal, texts: refusal.texts.map(cleaned) };
  }

  #redirected(from: string, target: string): string {
    try {
      const here = new URL(from, this.#transport.origin);
      return this.path(URL.canParse(target, here.href) ? new URL(target, here.href).href : target);
    } catch (error) {
      if (!redfishErrors.is(error, 'REDFISH_FOREIGN_LINK')) throw error;
      const to = URL.canParse(target) ? new URL(target).origin : target.slice(0, 200);
      const text = `${this.#address}: the BMC redirects ${from} to ${to}, which is not the address in spec.bmc.address`;
      const hint = to.startsWith('https:') ? { hint: 'if that is this BMC, use its https: redfish://HOST' } : {};
      throw redfishErrors.make('REDFISH_FOREIGN_LINK', text, hint);
    }
  }
}

/** What of an answer tells something: those headers that decide how we go on, and the body, or its beginning. */
function answerFacts({ status, headers, bytes }: HttpAnswer): Record<string, unknown> {
  const told = ['etag', 'location', 'retry-after', 'allow', 'content-type', 'www-authenticate'];
  const kept = told.map((name) => [name, headers.get(name)]).filter(([, value]) => value !== undefined);
  const body = objectIn(bytes) ?? new TextDecoder().decode(bytes.subarray(0, TRACED_BYTES));
  return { status, headers: Object.fromEntries(kept) as Record<string, string>, body };
}

function sentText(data: HttpRequest['body']): unknown {
  if (typeof data !== 'string') return data === undefined ? undefined : `<${data.bytes} bytes>`;
  return objectIn(new TextEncoder().encode(data)) ?? data;
}

/** Undefined when the bytes are no JSON object. A byte order mark is dropped by the decoder. */
function objectIn(bytes: Uint8Array): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Only 307 and 308 keep the method and the body; the others are followed when there is nothing to lose. */
function redirectOf(method: string, { status, headers }: HttpAnswer): string | undefined {
  const kept = status === 307 || status === 308;
  const plain = status === 301 || status === 302;
  return kept || (plain && method === 'GET') ? headers.get('location') : undefined;
}

function isUpload(body: WireRequest['body']): body is Exclude<HttpRequest['body'], string | undefined> {
  return typeof body === 'object' && Symbol.asyncIterator in Object(body['data']);
}
