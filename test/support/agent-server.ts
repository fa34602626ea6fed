import { readFileSync } from 'node:fs';
import { X509Certificate } from 'node:crypto';
import { type IncomingMessage, type ServerResponse } from 'node:http';
import { type Server, createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import {
  AGENT_PATHS,
  type AgentLogLine,
  type ManifestReply,
  type TaskMessage,
} from '../../src/agent-protocol/messages.ts';
import type { ProgressMessage, RegisterRequest, ResultMessage } from '../../src/agent-protocol/messages.ts';

const fixture = (name: string) => readFileSync(new URL(`../fixtures/tls/${name}`, import.meta.url));

/** A stand-in for the server side of the agent protocol: one token, one session, a queue of tasks, plain files. */
export class StandInAgentServer {
  readonly token = 'one-time-token-of-this-test';
  readonly registrations: RegisterRequest[] = [];
  readonly results: ResultMessage[] = [];
  readonly progress: ProgressMessage[] = [];
  readonly logs: AgentLogLine[] = [];
  /** Paths served by GET without a session: manifest and frames. */
  readonly files = new Map<string, Uint8Array>();
  /** What is told of the image of a task from a frame on; undefined: 503. */
  manifest: (taskId: string, from: number) => ManifestReply | undefined = () => undefined;
  /** How many of the next requests are answered 503. */
  failNext = 0;
  cancel = false;
  /** Clock told to the agent, ms. */
  timeMs: () => number = () => Date.now();
  readonly #server: Server;
  readonly #tasks: TaskMessage[] = [];
  readonly #listeners = new Set<() => void>();
  #used = false;

  constructor() {
    this.#server = createServer({ key: fixture('key.pem'), cert: fixture('cert.pem') }, (req, res) => {
      this.#answer(req, res).catch((error: unknown) => res.writeHead(500).end(String(error)));
    });
  }

  async start(address = '127.0.0.1'): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, address, resolve));
    return (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  get fingerprint(): string {
    return new X509Certificate(fixture('cert.pem')).fingerprint256.replaceAll(':', '').toLowerCase();
  }

  issue(task: TaskMessage): void {
    this.#tasks.push(task);
    this.#changed();
  }

  /** Issues a task and waits for its result. */
  async run(task: TaskMessage, ms = 60_000): Promise<ResultMessage> {
    this.issue(task);
    return this.until(`result of ${task.kind}`, ms, () => this.results.find((r) => r.taskId === task.id));
  }

  /** Waits until `look` finds something. */
  until<T>(what: string, ms: number, look: () => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const check = () => {
        const found = look();
        if (found === undefined) return;
        this.#listeners.delete(check);
        clearTimeout(timer);
        resolve(found);
      };
      const timer = setTimeout(() => {
        this.#listeners.delete(check);
        reject(new Error(`no ${what} within ${ms} ms`));
      }, ms);
      this.#listeners.add(check);
      check();
    });
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }

  async #answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const url = new URL(req.url ?? '/', 'https://x');
    const chunks: Uint8Array[] = [];
    for await (const chunk of req as AsyncIterable<Uint8Array>) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString('utf8');
    const json = (value: unknown) =>
      res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
    if (this.failNext > 0) {
      this.failNext--;
      res.writeHead(503).end('not now');
      return;
    }
    const file = this.files.get(url.pathname);
    if (file !== undefined) {
      res.writeHead(200).end(file);
      return;
    }
    if (url.pathname === AGENT_PATHS.register) {
      this.#register(JSON.parse(body), res, json);
      return;
    }
    if (req.headers.authorization !== 'Bearer session-key-of-this-test') {
      res.writeHead(401).end('who are you?');
      return;
    }
    switch (url.pathname) {
      case AGENT_PATHS.task:
        await this.#task(res, json);
        return;
      case AGENT_PATHS.manifest: {
        const known = this.manifest(url.searchParams.get('task') ?? '', Number(url.searchParams.get('from')));
        if (known === undefined) res.writeHead(503).end('not now');
        else json(known);
        break;
      }
      case AGENT_PATHS.progress:
        this.progress.push(JSON.parse(body));
        json({ cancel: this.cancel });
        break;
      case AGENT_PATHS.result:
        this.results.push(JSON.parse(body));
        res.writeHead(204).end();
        break;
      case AGENT_PATHS.logs:
        for (const line of body.split('\n')) if (line !== '') this.logs.push(JSON.parse(line));
        res.writeHead(204).end();
        break;
      default:
        res.writeHead(404).end();
    }
    this.#changed();
  }

  #register(request: RegisterRequest, res: ServerResponse, json: (value: unknown) => void): void {
    if (request.token !== this.token || this.#used) {
      res.writeHead(403).end('this token was used');
      return;
    }
    this.#used = true;
    this.registrations.push(request);
    const host = { namespace: 'lab', name: 'node-0', uid: '0a0b0c0d-0000-4000-8000-000000000001' };
    json({ sessionKey: 'session-key-of-this-test', serverTimeMs: this.timeMs(), host, attempt: 1 });
    this.#changed();
  }

  async #task(res: ServerResponse, json: (value: unknown) => void): Promise<void> {
    const closed = new Promise<void>((resolve) => res.once('close', resolve));
    const waiting = this.until('task', 2000, () => this.#tasks[0]).catch(() => undefined);
    const task = await Promise.race([waiting, closed.then(() => undefined)]);
    if (res.destroyed) return;
    if (task === undefined) res.writeHead(204).end();
    else {
      this.#tasks.shift();
      json(task);
    }
  }
}
