import { isIPv6 } from 'node:net';
import { Readable } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib';
import { Client, buildConnector } from 'undici';
import type { Clock } from '../core/clock.ts';
import { Deadline, deadlineErrors } from '../core/deadline.ts';
import { IngotError, errorCode, errorText } from '../core/errors.ts';
import { redfishErrors } from './errors.ts';
import { textAt } from './json.ts';
import { type TlsTrust, contextFor, distrust } from './trust.ts';

export interface Endpoint {
  /** For messages, without credentials. */
  address: string;
  transport: 'http' | 'https';
  /** Name or address, IPv6 without brackets. */
  host: string;
  /** Undefined: 80 or 443. */
  port: number | undefined;
  trust: TlsTrust;
}

export interface TransportTiming {
  /** Connections at a time. BMCs have few threads and fewer sessions. */
  connections: number;
  connectMs: number;
  /** From the request to the end of its answer. 20 s are normal for a large resource of a small BMC. */
  readMs: number;
  /** A connection that rested longer is not used for what must not be sent twice: the BMC may be closing it. */
  freshMs: number;
  /** Largest answer, bytes, also when it came compressed. */
  maxBytes: number;
}

export const TRANSPORT_TIMING: TransportTiming = {
  connections: 2,
  connectMs: 15_000,
  readMs: 60_000,
  freshMs: 1000,
  maxBytes: 16 << 20,
};

/** Bytes of known number, for BMCs that do not understand chunks. */
export interface Upload {
  bytes: number;
  data: AsyncIterable<Uint8Array>;
}

export interface HttpRequest {
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Path and query. */
  path: string;
  headers: Readonly<Record<string, string>>;
  body?: string | Upload;
  /** May be sent twice. */
  repeatable: boolean;
}

export interface HttpAnswer {
  status: number;
  /** By lower-case name; of several of one name the first. */
  headers: ReadonlyMap<string, string>;
  bytes: Uint8Array;
}

/** Slowest upload that is waited for, bytes per second. */
const UPLOAD_RATE = 50_000;

interface Lane {
  client: Client | undefined;
  /** End of its last exchange, monotonic ms; undefined: its connection is new. */
  usedAt: number | undefined;
}

/**
 * HTTP to one BMC over a few kept connections. One that the BMC has closed meanwhile is replaced without anybody
 * noticing; whatever must not run twice goes out on a connection that is certainly alive.
 */
export class Transport {
  readonly #endpoint: Endpoint;
  readonly #timing: TransportTiming;
  readonly #clock: Clock;
  readonly #connect: buildConnector.connector;
  readonly #lanes = new Set<Lane>();
  readonly #free: Lane[] = [];
  readonly #waiting: (() => void)[] = [];
  #closed = false;

  /** @throws REDFISH_TLS_SETTINGS */
  constructor(endpoint: Endpoint, clock: Clock, timing: TransportTiming = TRANSPORT_TIMING) {
    this.#endpoint = endpoint;
    this.#clock = clock;
    this.#timing = timing;
    this.#connect = connector(endpoint, timing.connectMs);
  }

  /** `https://[fd00::1]:8443` */
  get origin(): string {
    const { transport, host, port } = this.#endpoint;
    // A zone says through which of our interfaces: nothing that belongs into a URL.
    const name = isIPv6(host) ? `[${host.replace(/%.*$/, '')}]` : host;
    return `${transport}://${name}${port === undefined ? '' : `:${port}`}`;
  }

  /**
   * One exchange.
   * @throws REDFISH_UNREACHABLE (`seen.sent` false: certainly not processed), REDFISH_UNCERTAIN (not repeatable, and its
   * answer was lost), REDFISH_TLS_UNTRUSTED, REDFISH_TOO_LARGE, REDFISH_MALFORMED, REDFISH_CLOSED, the signal's reason
   */
  async send(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
    const lane = await this.#acquire(signal);
    try {
      const reused = this.#prepare(lane, request.repeatable);
      try {
        return await this.#exchange(lane, request, signal);
      } catch (error) {
        // Closed by the BMC while it rested, most likely: that says nothing about the BMC.
        if (!reused || !request.repeatable || !isLost(error) || signal.aborted || this.#closed) throw error;
        this.#drop(lane);
        return await this.#exchange(lane, request, signal);
      }
    } catch (error) {
      this.#drop(lane);
      throw this.#failure(error, request, signal);
    } finally {
      this.#release(lane);
    }
  }

  /** Ends all connections; exchanges under way fail. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const wake of this.#waiting.splice(0)) wake();
    await Promise.all([...this.#lanes].map(async (lane) => lane.client?.destroy()));
  }

  async #acquire(signal: AbortSignal): Promise<Lane> {
    for (;;) {
      signal.throwIfAborted();
      if (this.#closed) throw redfishErrors.make('REDFISH_CLOSED', `${this.#endpoint.address}: closed`);
      // The one used last is the one most likely alive.
      const lane = this.#free.pop();
      if (lane !== undefined) return lane;
      if (this.#lanes.size < this.#timing.connections) {
        const made: Lane = { client: undefined, usedAt: undefined };
        this.#lanes.add(made);
        return made;
      }
      await this.#turn(signal);
    }
  }

  #turn(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        signal.removeEventListener('abort', done);
        const index = this.#waiting.indexOf(done);
        if (index >= 0) this.#waiting.splice(index, 1);
        resolve();
      };
      this.#waiting.push(done);
      signal.addEventListener('abort', done, { once: true });
    });
  }

  #release(lane: Lane): void {
    this.#free.push(lane);
    this.#waiting[0]?.();
  }

  /** @returns whether the request goes out on a connection that was used before */
  #prepare(lane: Lane, repeatable: boolean): boolean {
    if (lane.usedAt === undefined) return false;
    const rested = this.#clock.monotonic() - lane.usedAt;
    if (repeatable || rested <= this.#timing.freshMs) return true;
    this.#drop(lane);
    return false;
  }

  #drop(lane: Lane): void {
    void lane.client?.destroy().catch(() => {});
    lane.client = undefined;
    lane.usedAt = undefined;
  }

  async #exchange(lane: Lane, request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
    const { method, path, body } = request;
    lane.client ??= new Client(this.origin, {
      connect: this.#connect,
      allowH2: false,
      pipelining: 1,
      headersTimeout: 0,
      bodyTimeout: 0,
      maxHeaderSize: 64 << 10,
    });
    const uploadMs = typeof body === 'object' ? (body.bytes / UPLOAD_RATE) * 1000 : 0;
    const name = `BMC ${this.#endpoint.address} to answer ${method} ${path}`;
    using deadline = new Deadline(this.#clock, name, this.#timing.readMs + uploadMs, signal);
    const reply = await lane.client.request({
      method,
      path,
      headers: { ...request.headers, ...(typeof body === 'object' ? { 'content-length': String(body.bytes) } : {}) },
      signal: deadline.signal,
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : Readable.from(body.data) }),
    });
    const headers = firstOf(reply.headers);
    const bytes = await this.#bounded(reply.body);
    lane.usedAt = this.#clock.monotonic();
    return { status: reply.statusCode, headers, bytes: this.#plain(bytes, headers.get('content-encoding')) };
  }

  async #bounded(body: AsyncIterable<Uint8Array> & { destroy(): unknown }): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    let length = 0;
    for await (const chunk of body) {
      length += chunk.length;
      // Leaving the loop closes the connection.
      if (length > this.#timing.maxBytes) throw this.#tooLarge();
      chunks.push(chunk);
    }
    return Buffer.concat(chunks, length);
  }

  /** Asked for uncompressed answers, some BMCs compress all the same. */
  #plain(bytes: Uint8Array, encoding = 'identity'): Uint8Array {
    const unpack = UNPACK.get(encoding.trim().toLowerCase());
    if (unpack === undefined || bytes.length === 0) return bytes;
    try {
      return unpack(bytes, { maxOutputLength: this.#timing.maxBytes });
    } catch (error) {
      if (errorCode(error) === 'ERR_BUFFER_TOO_LARGE') throw this.#tooLarge();
      const text = `${this.#endpoint.address}: the answer is not the ${encoding} that it says`;
      throw redfishErrors.make('REDFISH_MALFORMED', text, { cause: error });
    }
  }

  #tooLarge(): IngotError {
    const text = `${this.#endpoint.address}: an answer of more than ${this.#timing.maxBytes} bytes`;
    return redfishErrors.make('REDFISH_TOO_LARGE', text);
  }

  #failure(error: unknown, request: HttpRequest, signal: AbortSignal): unknown {
    if (signal.aborted) return signal.reason;
    const { address } = this.#endpoint;
    if (this.#closed) return redfishErrors.make('REDFISH_CLOSED', `${address}: closed`);
    if (redfishErrors.is(error)) return error;
    const what = `${request.method} ${request.path}`;
    const late = deadlineErrors.is(error);
    if (!request.repeatable) {
      return redfishErrors.make('REDFISH_UNCERTAIN', `${address}: the answer to ${what} was lost: ${lossOf(error)}`, {
        cause: error,
      });
    }
    return redfishErrors.make(
      late ? 'REDFISH_TIMEOUT' : 'REDFISH_UNREACHABLE',
      `${address}: ${what}: ${lossOf(error)}`,
      { cause: error },
    );
  }
}

const UNPACK: ReadonlyMap<string, (bytes: Uint8Array, options: { maxOutputLength: number }) => Uint8Array> = new Map([
  ['gzip', gunzipSync],
  ['x-gzip', gunzipSync],
  ['deflate', inflateSync],
  ['br', brotliDecompressSync],
]);

/** Tells its errors as ours: one of them means that nothing of a request was sent. */
function connector(endpoint: Endpoint, timeout: number): buildConnector.connector {
  const { transport, host, trust, address } = endpoint;
  const tls =
    transport === 'http'
      ? {}
      : // Judged by `distrust`, which can say what it saw. No resumed sessions: they would skip half of the checks.
        { secureContext: contextFor(trust), rejectUnauthorized: false };
  const base = buildConnector({ timeout, allowH2: false, maxCachedSessions: 0, ...tls });
  return (options, callback) =>
    base({ ...options, hostname: host }, (error, socket) => {
      if (error !== null) {
        callback(connectFailure(error, address), null);
        return;
      }
      const refusal = socket instanceof TLSSocket ? distrust(socket, trust, address) : undefined;
      if (refusal === undefined) {
        callback(null, socket);
        return;
      }
      socket.destroy();
      callback(refusal, null);
    });
}

function connectFailure(error: Error, address: string): IngotError {
  const noTls = /wrong version number|packet length too long/i.test(error.message);
  const why = noTls ? 'what answers there speaks no TLS' : lossOf(error);
  return redfishErrors.make('REDFISH_UNREACHABLE', `${address}: cannot connect: ${why}`, {
    cause: error,
    seen: { sent: false },
    ...(noTls ? { hint: 'if it speaks plain HTTP, write redfish+http:// in the address' } : {}),
  });
}

/** A connection or an answer that broke off, as against an answer that is wrong. */
function isLost(error: unknown): boolean {
  return !(error instanceof IngotError);
}

function lossOf(error: unknown): string {
  if (deadlineErrors.is(error)) return error.message;
  const code = errorCode(error);
  if (error instanceof Error && error.name === 'HTTPParserError') return 'what answers there speaks no HTTP';
  // OpenSSL’s own words: `unsupported protocol` of a BMC from before TLS 1.2.
  if (error instanceof Error && code.startsWith('ERR_SSL_')) return `TLS: ${textAt(error, 'reason') ?? code}`;
  switch (code) {
    case 'ECONNREFUSED':
      return 'connection refused';
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'the name is not known';
    case 'ETIMEDOUT':
    case 'UND_ERR_CONNECT_TIMEOUT':
      return 'no answer to the connection';
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return 'no route to it';
    case 'ECONNRESET':
    case 'EPIPE':
    case 'UND_ERR_SOCKET':
      return 'the connection broke off';
    default:
      return errorText(error);
  }
}

function firstOf(headers: Readonly<Record<string, string | string[] | undefined>>): Map<string, string> {
  const out = new Map<string, string>();
  for (const [name, value] of Object.entries(headers)) {
    const first = typeof value === 'string' ? value : value?.[0];
    if (first !== undefined) out.set(name.toLowerCase(), first);
  }
  return out;
}
