import { Agent as HttpAgent } from 'node:http';
import {
  AGENT_PATHS,
  type AgentLogLine,
  type ManifestReply,
  type ProgressMessage,
  type ProgressReply,
  type RegisterReply,
  type RegisterRequest,
  type ResultMessage,
  type TaskMessage,
} from '../../agent-protocol/messages.ts';
import { type Clock } from '../../core/clock.ts';
import { Deadline } from '../../core/deadline.ts';
import { agentErrors } from '../errors.ts';
import { type HttpAgents, type HttpReply, exchange } from './http.ts';
import { PinnedAgent } from './pinned-agent.ts';
import { parseManifestReply, parseProgressReply, parseRegisterReply, parseTaskMessage } from './replies.ts';

/** Task messages carry config drives, base64 of up to 64 MiB. */
const MAX_TASK_BYTES = 96 * 1024 * 1024;
const MAX_REPLY_BYTES = 64 * 1024;
/** Some thousands of frames of a manifest. */
const MAX_MANIFEST_PART_BYTES = 4 * 1024 * 1024;
/** How long the server may wait for something new to say about a manifest, s. */
const MANIFEST_WAIT_S = 8;
/** How long one exchange may take besides the server's own waiting, ms. */
const EXCHANGE_MS = 30_000;

/** The agent's side of the protocol in `agent-protocol/messages.ts`: one method a message, no retries here. */
export class ServerClient {
  readonly #base: string;
  readonly #clock: Clock;
  readonly #agents: HttpAgents;
  #sessionKey: string | undefined;

  /** @param fingerprint SHA-256 of the server's DER certificate, lower-case hex */
  constructor(options: { server: string; fingerprint: string; clock: Clock }) {
    this.#base = options.server;
    this.#clock = options.clock;
    this.#agents = {
      http: new HttpAgent({ keepAlive: true, maxSockets: 16 }),
      https: new PinnedAgent(options.fingerprint, { maxSockets: 16 }),
    };
  }

  set sessionKey(key: string) {
    this.#sessionKey = key;
  }

  /** @throws AGENT_REFUSED when the token is not the current attempt's, AGENT_SERVER_*, AGENT_BAD_REPLY */
  async register(request: RegisterRequest, signal: AbortSignal): Promise<RegisterReply> {
    const reply = await this.#post(AGENT_PATHS.register, JSON.stringify(request), signal);
    if (reply.status === 401 || reply.status === 403) {
      throw agentErrors.make('AGENT_REFUSED', `the server refused the token of this boot: ${textOf(reply)}`);
    }
    return parseRegisterReply(okJson(reply));
  }

  /** Waits up to `waitSeconds` at the server for a task. @throws AGENT_SESSION_OVER, AGENT_SERVER_*, AGENT_BAD_REPLY */
  async nextTask(waitSeconds: number, signal: AbortSignal): Promise<TaskMessage | undefined> {
    const reply = await this.#get(`${AGENT_PATHS.task}?wait=${waitSeconds}`, waitSeconds, MAX_TASK_BYTES, signal);
    if (reply.status === 204) return undefined;
    return parseTaskMessage(okJson(reply));
  }

  /** What is known of the image of a write task, from frame `from` on. @throws AGENT_SESSION_OVER, AGENT_SERVER_*, AGENT_BAD_REPLY */
  async manifest(taskId: string, from: number, signal: AbortSignal): Promise<ManifestReply> {
    const query = new URLSearchParams({ task: taskId, from: String(from), wait: String(MANIFEST_WAIT_S) });
    const path = `${AGENT_PATHS.manifest}?${query.toString()}`;
    return parseManifestReply(okJson(await this.#get(path, MANIFEST_WAIT_S, MAX_MANIFEST_PART_BYTES, signal)));
  }

  async progress(message: ProgressMessage, signal: AbortSignal): Promise<ProgressReply> {
    return parseProgressReply(okJson(await this.#post(AGENT_PATHS.progress, JSON.stringify(message), signal)));
  }

  async result(message: ResultMessage, signal: AbortSignal): Promise<void> {
    ok(await this.#post(AGENT_PATHS.result, JSON.stringify(message), signal));
  }

  async logs(lines: readonly AgentLogLine[], signal: AbortSignal): Promise<void> {
    const body = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
    ok(await this.#post(AGENT_PATHS.logs, body, signal, 'application/x-ndjson'));
  }

  /**
   * GET of a signed URL (manifest, frame), http or https to the pinned server.
   * @param url absolute, or a path at the server
   */
  async fetch(url: string, maxBytes: number, signal: AbortSignal): Promise<Uint8Array> {
    const reply = await exchange(this.#agents, { method: 'GET', url: new URL(url, this.#base).href, maxBytes, signal });
    ok(reply);
    return reply.body;
  }

  close(): void {
    this.#agents.http.destroy();
    this.#agents.https.destroy();
  }

  #headers(): Record<string, string> {
    return this.#sessionKey === undefined ? {} : { authorization: `Bearer ${this.#sessionKey}` };
  }

  /** A poll: the server may take `waitSeconds` before it answers. */
  async #get(path: string, waitSeconds: number, maxBytes: number, signal: AbortSignal): Promise<HttpReply> {
    const what = `the server's answer to ${path.split('?')[0]}`;
    using limit = new Deadline(this.#clock, what, EXCHANGE_MS + waitSeconds * 1000, signal);
    return await exchange(this.#agents, {
      method: 'GET',
      url: `${this.#base}${path}`,
      headers: this.#headers(),
      maxBytes,
      signal: limit.signal,
    });
  }

  async #post(path: string, body: string, signal: AbortSignal, type = 'application/json'): Promise<HttpReply> {
    using limit = new Deadline(this.#clock, `the server's answer to ${path}`, EXCHANGE_MS, signal);
    return await exchange(this.#agents, {
      method: 'POST',
      url: `${this.#base}${path}`,
      headers: { ...this.#headers(), 'content-type': type },
      body,
      maxBytes: MAX_REPLY_BYTES,
      signal: limit.signal,
    });
  }
}

/** @throws AGENT_SESSION_OVER for 401, AGENT_SERVER_ERROR (5xx and 429: try again), AGENT_BAD_REPLY for other codes */
function ok(reply: HttpReply): void {
  if (reply.status >= 200 && reply.status < 300) return;
  const text = `the server answered ${reply.status}: ${textOf(reply)}`;
  if (reply.status === 401) throw agentErrors.make('AGENT_SESSION_OVER', text);
  if (reply.status >= 500 || reply.status === 429 || reply.status === 408) {
    throw agentErrors.make('AGENT_SERVER_ERROR', text, { seen: { status: reply.status } });
  }
  throw agentErrors.make('AGENT_BAD_REPLY', text, { seen: { status: reply.status } });
}

function okJson(reply: HttpReply): unknown {
  ok(reply);
  try {
    return JSON.parse(Buffer.from(reply.body).toString('utf8'));
  } catch (cause) {
    throw agentErrors.make('AGENT_BAD_REPLY', 'the server’s reply is not JSON', { cause });
  }
}

function textOf(reply: HttpReply): string {
  return Buffer.from(reply.body.subarray(0, 300)).toString('utf8').replaceAll(/\s+/g, ' ').trim();
}
