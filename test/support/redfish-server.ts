import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import { type ServerOptions, createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';

export interface Seen {
  method: string;
  path: string;
  headers: IncomingMessage['headers'];
  body: unknown;
  /** Number of the connection it came on, from 1. */
  connection: number;
}

export interface Scripted {
  status?: number;
  headers?: Record<string, string>;
  /** An object is sent as JSON, a string as it is. */
  body?: unknown;
  /** Waits before the answer, ms. */
  delayMs?: number;
  /** Cuts the connection instead of answering. */
  cut?: boolean;
}

type Script = (seen: Seen) => Scripted | undefined;

/** A web server that says exactly what a test wants a BMC to say, and remembers what it was asked. */
export class RedfishServer {
  readonly seen: Seen[] = [];
  /** `GET /redfish/v1/`, without a trailing slash in the table. */
  readonly #scripts = new Map<string, Script>();
  readonly #server: Server;
  readonly #sockets = new Map<Socket, number>();
  /** Asked before the table: authentication, faults. */
  before: Script = () => undefined;
  connections = 0;

  constructor(tls?: ServerOptions) {
    const handler = (request: IncomingMessage, response: ServerResponse) => void this.#serve(request, response);
    this.#server = tls === undefined ? createServer(handler) : createTlsServer(tls, handler);
    this.#server.keepAliveTimeout = 60_000;
    this.#server.on(tls === undefined ? 'connection' : 'secureConnection', (socket: Socket) => {
      this.#sockets.set(socket, ++this.connections);
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async listen(host = '127.0.0.1'): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, host, resolve));
    return this;
  }

  on(method: string, path: string, script: Script | Scripted): this {
    this.#scripts.set(`${method} ${path}`, typeof script === 'function' ? script : () => script);
    return this;
  }

  /** A resource. */
  get(path: string, body: Record<string, unknown>, headers: Record<string, string> = {}): this {
    return this.on('GET', path, () => ({ body: { '@odata.id': path, ...body }, headers }));
  }

  /** Ends all connections that are not in use, as BMCs do without a word. */
  dropIdle(): void {
    this.#server.closeIdleConnections();
  }

  requests(method: string, path?: string): Seen[] {
    return this.seen.filter((s) => s.method === method && (path === undefined || s.path === path));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of request as AsyncIterable<Uint8Array>) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString('utf8');
    const seen: Seen = {
      method: request.method ?? '',
      path: request.url ?? '',
      headers: request.headers,
      body: text === '' ? undefined : parsed(text),
      connection: this.#sockets.get(request.socket) ?? 0,
    };
    this.seen.push(seen);
    const key = `${seen.method} ${seen.path}`;
    const script = this.#scripts.get(key) ?? this.#scripts.get(key.replace(/\/$/, ''));
    const answer = this.before(seen) ??
      script?.(seen) ?? { status: 404, body: { error: { code: 'Base.1.0.ResourceMissing' } } };
    if (answer.delayMs !== undefined) await new Promise((resolve) => setTimeout(resolve, answer.delayMs));
    if (answer.cut === true) {
      request.socket.destroy();
      return;
    }
    const { body } = answer;
    const plain = typeof body === 'string' || body instanceof Uint8Array;
    response.writeHead(answer.status ?? 200, {
      ...(plain ? {} : { 'content-type': 'application/json' }),
      ...answer.headers,
    });
    response.end(body === undefined ? undefined : plain ? body : JSON.stringify(body));
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

export const ROOT = '/redfish/v1';
export const SESSIONS = '/redfish/v1/SessionService/Sessions';
export const PASSWORD = 'c0rrect horse';

/** A service with sessions: one user, tokens that it remembers, 401 for everything else. */
export class SessionBook {
  readonly tokens = new Map<string, string>();
  logins = 0;
  limit = 16;
  readonly #server: RedfishServer;
  readonly #account: { username: string; password: string };

  constructor(server: RedfishServer, account = { username: 'admin', password: PASSWORD }) {
    this.#server = server;
    this.#account = account;
    server.get(ROOT, { Links: { Sessions: { '@odata.id': SESSIONS } }, Systems: { '@odata.id': `${ROOT}/Systems` } });
    server.on('POST', SESSIONS, ({ body }) => this.#login(body));
    server.before = (seen) => this.#check(seen);
  }

  #login(body: unknown): Scripted {
    const { UserName, Password } = body as Record<string, string>;
    const { username, password } = this.#account;
    if (UserName !== username || Password !== password) return { status: 401, body: { error: {} } };
    if (this.tokens.size >= this.limit) {
      return { status: 400, body: extended('Base.1.5.SessionLimitExceeded', 'no more sessions') };
    }
    const id = String(++this.logins);
    this.tokens.set(`token-${id}`, `${SESSIONS}/${id}`);
    const headers = { 'x-auth-token': `token-${id}`, location: `https://idrac-7x.local${SESSIONS}/${id}` };
    return { status: 201, body: { '@odata.id': `${SESSIONS}/${id}` }, headers };
  }

  #check(seen: Seen): Scripted | undefined {
    const path = seen.path.replace(/\/$/, '');
    if (path === ROOT || (seen.method === 'POST' && path === SESSIONS)) return undefined;
    const token = String(seen.headers['x-auth-token']);
    if (!this.tokens.has(token)) return { status: 401, body: extended('Base.1.5.NoValidSession', 'log in') };
    if (seen.method === 'DELETE' && path.startsWith(`${SESSIONS}/`)) {
      for (const [t, p] of this.tokens) if (p === path) this.tokens.delete(t);
      return { status: 204 };
    }
    return undefined;
  }

  get server(): RedfishServer {
    return this.#server;
  }
}

export function extended(MessageId: string, Message = ''): unknown {
  return { error: { code: 'Base.1.0.GeneralError', '@Message.ExtendedInfo': [{ MessageId, Message }] } };
}
