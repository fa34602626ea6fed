/** `ingot up`: the engine with its own store and API server, in one process and one data folder. */
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadCrds } from './api/registry/load.ts';
import { writeKubeconfig } from './apiserver/kubeconfig.ts';
import { startApiServer } from './apiserver/server.ts';
import type { Clock } from './core/clock.ts';
import type { Logger } from './core/log.ts';
import { Metrics } from './core/metrics.ts';
import { findInterface } from './dhcp/sockets.ts';
import { type EngineConfig, startEngine } from './engine.ts';
import { ensureServingCert } from './server/tls.ts';
import { openEmbeddedStore } from './store/embedded/store.ts';
import { formatIpv4 } from './wire/ipv4.ts';

export interface StandaloneConfig extends EngineConfig {
  /** Where the API listens. */
  apiAddress: string;
  apiPort: number;
}

export interface StandaloneDoors {
  clock: Clock;
  random: () => number;
  log: Logger;
  signal: AbortSignal;
}

export interface Standalone {
  apiUrl: string;
  kubeconfig: string;
  httpPort: number;
  agentPort: number;
  /** Rejects when a part that cannot be missed has ended by itself. */
  done: Promise<void>;
  /** Abort `signal` before. Leaves no socket, session or half-written file behind. */
  close(): Promise<void>;
}

/**
 * Starts everything; resolves when every listener is up.
 * @throws STORE_UNAVAILABLE when another process has the data folder, APISERVER_LISTEN, and what `startEngine` throws
 */
export async function startStandalone(config: StandaloneConfig, doors: StandaloneDoors): Promise<Standalone> {
  const { clock, log, signal } = doors;
  const { dataDir } = config;
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  await using stack = new AsyncDisposableStack();
  const store = openEmbeddedStore({ file: join(dataDir, 'store.db'), crds: await loadCrds(), clock, log });
  stack.defer(() => store.close());
  const secret = await keptSecret(join(dataDir, 'secret.key'));
  const token = (await keptSecret(join(dataDir, 'api-token'))).toString('base64url');
  const tls = await ensureServingCert(
    { dir: join(dataDir, 'tls'), names: ['localhost', 'ingot'], ips: addressesOf(config), signal },
    clock.now(),
  );
  const api = await startApiServer({
    store: store.raw,
    address: config.apiAddress,
    port: config.apiPort,
    tokens: [token],
    tls,
    log,
    clock,
  });
  stack.defer(() => api.close());
  const kubeconfig = join(dataDir, 'kubeconfig');
  const apiUrl = config.apiAddress === '0.0.0.0' ? `https://127.0.0.1:${api.port}` : api.url;
  await writeKubeconfig({ file: kubeconfig, url: apiUrl, caPem: tls.caPem, token });
  const metrics = new Metrics();
  metrics.collectProcess();
  const engine = await startEngine(config, { ...doors, store, secret, tls, metrics, localImages: true });
  stack.defer(() => engine.close());
  const { httpPort, agentPort, done } = engine;
  const owned = stack.move();
  return { apiUrl, kubeconfig, httpPort, agentPort, done, close: () => owned.disposeAsync() };
}

/** 32 random bytes that stay the same over restarts, readable by their owner alone. */
async function keptSecret(path: string): Promise<Buffer> {
  const held = await readFile(path).catch(() => undefined);
  if (held?.length === 32) return held;
  const fresh = randomBytes(32);
  await writeFile(`${path}.new`, fresh, { mode: 0o600 });
  await chmod(`${path}.new`, 0o600);
  await rename(`${path}.new`, path);
  return fresh;
}

/** Addresses the certificate is for: kubectl checks them, agents check the fingerprint. */
function addressesOf(config: StandaloneConfig): string[] {
  const own = config.interfaces.map((name) => formatIpv4(findInterface(name).address));
  const api = config.apiAddress === '0.0.0.0' ? [] : [config.apiAddress];
  return [...new Set(['127.0.0.1', ...own, ...api])];
}
