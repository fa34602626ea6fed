import { type Agent as HttpAgent, type IncomingMessage, request as httpRequest } from 'node:http';
import { type Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { errorCode, errorText, IngotError } from '../../core/errors.ts';
import { agentErrors } from '../errors.ts';

export interface HttpRequest {
  method: 'GET' | 'POST';
  url: string;
  headers?: Record<string, string>;
  body?: string | Uint8Array;
  /** A longer reply is an error. */
  maxBytes: number;
  /** Ends the request, in whatever state. */
  signal: AbortSignal;
}

export interface HttpReply {
  status: number;
  headers: IncomingMessage['headers'];
  body: Uint8Array;
}

export interface HttpAgents {
  http: HttpAgent;
  https: HttpsAgent;
}

/**
 * One HTTP exchange with a bounded reply.
 * @throws AGENT_SERVER_UNREACHABLE for anything below HTTP, AGENT_BAD_REPLY for a reply that is too long,
 * AGENT_TLS_FINGERPRINT, or the signal's reason
 */
export function exchange(agents: HttpAgents, request: HttpRequest): Promise<HttpReply> {
  const url = new URL(request.url);
  const secure = url.protocol === 'https:';
  const options = {
    method: request.method,
    agent: secure ? agents.https : agents.http,
    headers: {
      ...request.headers,
      ...(request.body === undefined ? {} : { 'content-length': String(Buffer.byteLength(request.body)) }),
    },
    signal: request.signal,
  };
  return new Promise((resolve, reject) => {
    const fail = (error: unknown) => reject(wrap(error, url, request.signal));
    if (request.signal.aborted) {
      fail(request.signal.reason);
      return;
    }
    const outgoing = secure ? httpsRequest(url, options) : httpRequest(url, options);
    outgoing.on('error', fail);
    outgoing.on('response', (reply) => {
      collect(reply, request.maxBytes).then(
        (body) => resolve({ status: reply.statusCode ?? 0, headers: reply.headers, body }),
        fail,
      );
    });
    outgoing.end(request.body);
  });
}

async function collect(reply: IncomingMessage, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of reply as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > maxBytes) {
      reply.destroy();
      throw agentErrors.make('AGENT_BAD_REPLY', `the server’s reply is longer than ${maxBytes} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}

function wrap(error: unknown, url: URL, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason;
  if (error instanceof IngotError) return error;
  const why = errorCode(error) === 'UNKNOWN' ? errorText(error) : `${errorCode(error)} ${errorText(error)}`;
  return agentErrors.make('AGENT_SERVER_UNREACHABLE', `${url.host} cannot be reached: ${why}`, { cause: error });
}
