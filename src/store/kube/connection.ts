import type { RequestOptions } from 'node:https';
import { Agent, type Dispatcher } from 'undici';
import { storeErrors } from '../errors.ts';

/** Where an API server is and how to be let in. Asked before every request: tokens expire, exec plugins renew. */
export interface KubeConnection {
  readonly server: string;
  credentials(): Promise<{ headers: Record<string, string>; dispatcher: Dispatcher }>;
  close(): Promise<void>;
}

/**
 * Reads a kubeconfig (`path`), or, when undefined, $KUBECONFIG, ~/.kube/config or the pod's service account, in kubectl's
 * order. @kubernetes/client-node costs a second and 90 MB to import, so it is loaded here and only here.
 * @throws STORE_UNAVAILABLE when there is no usable configuration
 */
export async function connectKube(path: string | undefined): Promise<KubeConnection> {
  const { KubeConfig } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  try {
    if (path === undefined) config.loadFromDefault();
    else config.loadFromFile(path);
  } catch (cause) {
    throw storeErrors.make('STORE_UNAVAILABLE', `cannot read the kubeconfig ${path ?? '(default)'}`, { cause });
  }
  const server = config.getCurrentCluster()?.server;
  if (server === undefined) {
    throw storeErrors.make('STORE_UNAVAILABLE', `the kubeconfig ${path ?? '(default)'} names no cluster`);
  }
  const agents = new AgentPerIdentity();
  return {
    server: server.replace(/\/$/, ''),
    async credentials() {
      const options: RequestOptions = {};
      await config.applyToHTTPSOptions(options);
      const user = config.getCurrentUser();
      const headers: Record<string, string> = {};
      for (const [k, v] of Object.entries(options.headers ?? {})) headers[k] = String(v);
      if (user?.username !== undefined && user.password !== undefined && headers['Authorization'] === undefined) {
        headers['Authorization'] = `Basic ${Buffer.from(`${user.username}:${user.password}`).toString('base64')}`;
      }
      return { headers, dispatcher: await agents.for(options) };
    },
    close: () => agents.close(),
  };
}

/** One connection pool; replaced when the client certificate or the CA is rotated under us. */
class AgentPerIdentity {
  #identity = '';
  #agent: Agent | undefined;

  async for(options: RequestOptions): Promise<Agent> {
    const tls = {
      ca: options.ca,
      cert: options.cert,
      key: options.key,
      rejectUnauthorized: options.rejectUnauthorized ?? true,
      ...(options.servername === undefined ? {} : { servername: options.servername }),
    };
    const identity = JSON.stringify(tls, (_k, v: unknown) =>
      v instanceof Uint8Array ? Buffer.from(v).toString('base64') : v,
    );
    if (this.#agent === undefined || identity !== this.#identity) {
      const old = this.#agent;
      this.#identity = identity;
      // Bookmarks come about once a minute, so a watch that is silent for longer sits on a dead connection.
      this.#agent = new Agent({
        connect: { ...tls, timeout: 10_000, keepAlive: true },
        bodyTimeout: 150_000,
        headersTimeout: 60_000,
      });
      // Watches in flight end by themselves; `close` waits for them, so it is not awaited.
      void old?.close();
    }
    return this.#agent;
  }

  async close(): Promise<void> {
    await this.#agent?.destroy();
  }
}
