/** `ingot operator`: the engine on a cluster's kube-apiserver. State is in custom resources and one Secret only. */
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Secret } from './api/core-types.ts';
import type { ObjectKey } from './api/meta.ts';
import { SECRET } from './api/resources.ts';
import type { Clock } from './core/clock.ts';
import type { Logger } from './core/log.ts';
import { Metrics } from './core/metrics.ts';
import { findInterface } from './dhcp/sockets.ts';
import { type Engine, type EngineConfig, startEngine } from './engine.ts';
import { type ServingCert, ensureServingCert } from './server/tls.ts';
import { storeErrors } from './store/errors.ts';
import { KubeClient } from './store/kube/client.ts';
import { connectKube } from './store/kube/connection.ts';
import { KubeStore } from './store/kube/store.ts';
import { LEASE_TIMES, leadWhileHeld } from './store/lease.ts';
import type { Store } from './store/store.ts';
import { formatIpv4 } from './wire/ipv4.ts';

export interface OperatorConfig extends EngineConfig {
  /** undefined: kubectl's own search order, the pod's service account last. */
  kubeconfig: string | undefined;
  /** Where the operator keeps its Lease and its Secret. */
  namespace: string;
  /** More addresses and names the agent API is reached by. */
  addresses: readonly string[];
}

export interface OperatorDoors {
  clock: Clock;
  random: () => number;
  log: Logger;
  signal: AbortSignal;
  /** Called each time this process has become the leader and every listener is up. */
  onReady?: (engine: Engine) => void;
}

const LEASE_NAME = 'ingot-operator';
const STATE_SECRET = 'ingot-operator';
const STATE_KEY = 'secret.key';

/**
 * Waits for the Lease, runs the engine while it is held, and returns when `signal` aborts or the Lease is lost (the
 * supervisor then starts a fresh process: nothing stale survives a lost leadership).
 * @throws STORE_UNAVAILABLE, STORE_FORBIDDEN, and what `startEngine` throws
 */
export async function runOperator(config: OperatorConfig, doors: OperatorDoors): Promise<void> {
  const { clock, random, log, signal } = doors;
  await mkdir(config.dataDir, { recursive: true, mode: 0o700 });
  const connection = await connectKube(config.kubeconfig);
  try {
    const store = new KubeStore({ client: new KubeClient({ connection, clock, random }), clock, random, log });
    const identity = `${hostname()}_${randomUUID()}`;
    const lease = { key: { namespace: config.namespace, name: LEASE_NAME }, identity, ...LEASE_TIMES };
    await leadWhileHeld({ store, clock, random, log }, lease, signal, (leading) =>
      lead(config, { ...doors, signal: leading }, store),
    );
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    await connection.close();
  }
}

async function lead(config: OperatorConfig, doors: OperatorDoors, store: Store): Promise<void> {
  const { clock, signal } = doors;
  const { secret, tls } = await keptState(config, store, clock.now(), signal);
  const metrics = new Metrics();
  metrics.collectProcess();
  // Whoever may write hosts in some namespace must not read this pod's files, its service account's token among them.
  const engine = await startEngine(config, { ...doors, store, secret, tls, metrics, localImages: false });
  try {
    doors.onReady?.(engine);
    const stopped = new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
    });
    await Promise.race([stopped, engine.done]);
  } finally {
    await engine.close();
  }
}

/**
 * What tokens, URLs and the agents' pinned certificate are made from. Kept in a Secret, so that a successor on another
 * node still knows every agent that is at work.
 */
async function keptState(
  config: OperatorConfig,
  store: Store,
  now: number,
  signal: AbortSignal,
): Promise<{ secret: Uint8Array; tls: ServingCert }> {
  const key: ObjectKey = { namespace: config.namespace, name: STATE_SECRET };
  const held = await store.get(SECRET, key).catch((error: unknown) => {
    if (storeErrors.is(error, 'STORE_NOT_FOUND')) return undefined;
    throw error;
  });
  const dir = await mkdtemp(join(tmpdir(), 'ingot-tls-'));
  try {
    await unpack(dir, held);
    const own = config.interfaces.map((name) => formatIpv4(findInterface(name).address));
    const ips = [...new Set(['127.0.0.1', ...own, ...config.addresses])];
    const tls = await ensureServingCert({ dir, names: ['localhost', 'ingot'], ips, signal }, now);
    const secret = decoded(held, STATE_KEY) ?? randomBytes(32);
    const data = { ...(await packed(dir)), [STATE_KEY]: Buffer.from(secret).toString('base64') };
    await keep(store, key, held, data);
    return { secret, tls };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function keep(
  store: Store,
  key: ObjectKey,
  held: Secret | undefined,
  data: Record<string, string>,
): Promise<void> {
  if (held === undefined) {
    const metadata = { namespace: key.namespace, name: key.name };
    await store.create(SECRET, { apiVersion: 'v1', kind: 'Secret', metadata, type: 'Opaque', data });
  } else if (JSON.stringify(sorted(held.data ?? {})) !== JSON.stringify(sorted(data))) {
    await store.update(SECRET, { ...held, data });
  }
}

function sorted(data: Record<string, string>): [string, string][] {
  return Object.entries(data).sort(([a], [b]) => (a < b ? -1 : 1));
}

function decoded(secret: Secret | undefined, key: string): Uint8Array | undefined {
  const value = secret?.data?.[key];
  return value === undefined ? undefined : Buffer.from(value, 'base64');
}

/** The TLS folder's files, `tls-` before their names. */
async function packed(dir: string): Promise<Record<string, string>> {
  const data: Record<string, string> = {};
  for (const name of await readdir(dir)) data[`tls-${name}`] = (await readFile(join(dir, name))).toString('base64');
  return data;
}

async function unpack(dir: string, secret: Secret | undefined): Promise<void> {
  for (const key of Object.keys(secret?.data ?? {})) {
    const bytes = key.startsWith('tls-') ? decoded(secret, key) : undefined;
    // A key of a Secret cannot hold a slash, so this stays inside `dir`.
    if (bytes !== undefined) await writeFile(join(dir, key.slice('tls-'.length)), bytes, { mode: 0o600 });
  }
}
