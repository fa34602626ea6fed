import type { BareMetalHost, BareMetalHostSpec, Image } from '../../src/api/baremetalhost.ts';
import type { Event, Secret } from '../../src/api/core-types.ts';
import type { ObjectKey } from '../../src/api/meta.ts';
import { BARE_METAL_HOST, EVENT, HARDWARE_DATA, SECRET } from '../../src/api/resources.ts';
import { FakeClock } from '../../src/core/clock.ts';
import { type LogLine, memoryLogger } from '../../src/core/log.ts';
import { Metrics } from '../../src/core/metrics.ts';
import { HostIndex } from '../../src/host/host-index.ts';
import { HostMetrics } from '../../src/host/metrics.ts';
import { DEFAULT_LIFECYCLE, type LifecycleConfig } from '../../src/host/pass.ts';
import { type HostDoors, type PassResult, reconcileHost } from '../../src/host/reconcile.ts';
import { storeErrors } from '../../src/store/errors.ts';
import { FakeProvisioner } from './fake-provisioner.ts';
import { MemoryStore } from './memory-store.ts';

export const IMAGE: Image = { url: 'http://192.0.2.2/os.qcow2', checksum: 'a'.repeat(64) };
export const OTHER_IMAGE: Image = { url: 'http://192.0.2.2/other.raw', checksum: 'b'.repeat(64), format: 'raw' };

export const KEY: ObjectKey = { namespace: 'lab', name: 'node-0' };

/** One engine over one in-memory store, driven pass by pass: no queue, no timers, time moves when a pass says so. */
export class HostLab {
  readonly clock = new FakeClock();
  readonly store = new MemoryStore([KEY.namespace]);
  readonly provisioner = new FakeProvisioner();
  readonly metrics = new Metrics();
  readonly logs: LogLine[] = [];
  /** `state/operationalStatus` of the host KEY after each status write, repeats left out. */
  readonly trace: string[] = [];
  random: () => number = () => 0.5;
  /** Called with the host KEY after each pass over it. */
  onPass: ((host: BareMetalHost) => void) | undefined;
  lastPower: boolean | undefined;
  config: LifecycleConfig;
  #doors: HostDoors;

  constructor(config: Partial<LifecycleConfig> = {}) {
    this.config = { ...DEFAULT_LIFECYCLE, ...config };
    this.#doors = this.#open(new HostMetrics(this.metrics));
  }

  #open(metrics: HostMetrics): HostDoors {
    const { store, provisioner, clock, config } = this;
    return {
      store,
      provisioner,
      clock,
      random: () => this.random(),
      log: memoryLogger(this.logs),
      metrics,
      config,
      index: new HostIndex(),
    };
  }

  /** The engine stops and a new one starts: everything that was only in memory is gone. */
  async restart(): Promise<void> {
    this.#doors = this.#open(this.#doors.metrics);
    for (const host of await this.store.list(BARE_METAL_HOST)) this.#doors.index.observe(host);
  }

  async secret(name = 'bmc', values: Record<string, string> = { username: 'admin', password: 'pw' }): Promise<Secret> {
    return await this.store.create(SECRET, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name, namespace: KEY.namespace },
      type: 'Opaque',
      stringData: values,
    });
  }

  /** A host with a BMC; `spec` is laid over the defaults. */
  async host(
    spec: Partial<BareMetalHostSpec> = {},
    meta: Partial<BareMetalHost['metadata']> = {},
  ): Promise<BareMetalHost> {
    const bmc = { address: 'ipmi://192.0.2.1', credentialsName: 'bmc' };
    return await this.bareHost({ online: true, bmc, bootMACAddress: '52:54:00:00:00:01', ...spec }, meta);
  }

  /** A host with exactly this spec. */
  async bareHost(spec: BareMetalHostSpec, meta: Partial<BareMetalHost['metadata']> = {}): Promise<BareMetalHost> {
    const created = await this.store.create(BARE_METAL_HOST, {
      apiVersion: 'metal3.io/v1alpha1',
      kind: 'BareMetalHost',
      metadata: { name: KEY.name, namespace: KEY.namespace, ...meta },
      spec,
    });
    this.#doors.index.observe(created);
    return created;
  }

  async changeSecret(values: Record<string, string>, name = 'bmc'): Promise<void> {
    await this.store.patch(SECRET, { ...KEY, name }, { stringData: values });
  }

  async secretOf(name: string): Promise<Secret | undefined> {
    return (await this.store.list(SECRET)).find((s) => s.metadata.name === name);
  }

  /** Values of status.poweredOn from now on, as they change. */
  watchPower(): boolean[] {
    const seen: boolean[] = [];
    let last: boolean | undefined;
    const chained = this.onPass;
    this.onPass = (host) => {
      chained?.(host);
      const on = host.status?.poweredOn;
      if (on !== undefined && last !== undefined && on !== last) seen.push(on);
      last = on;
    };
    last = this.lastPower;
    return seen;
  }

  /** Secret and host, run until nothing changes. */
  async ready(spec: Partial<BareMetalHostSpec> = {}): Promise<BareMetalHost> {
    await this.secret();
    await this.host(spec);
    await this.settle();
    return await this.get();
  }

  /** Settles, then reads the host. */
  async settled(): Promise<BareMetalHost> {
    await this.settle();
    return await this.get();
  }

  async get(key = KEY): Promise<BareMetalHost> {
    return await this.store.get(BARE_METAL_HOST, key);
  }

  async status() {
    const { status } = await this.get();
    if (status === undefined) throw new Error('the host has no status yet');
    return status;
  }

  async exists(key = KEY): Promise<boolean> {
    return (await this.store.list(BARE_METAL_HOST)).some((h) => h.metadata.name === key.name);
  }

  async edit(spec: Record<string, unknown>, key = KEY): Promise<void> {
    await this.store.patch(BARE_METAL_HOST, key, { spec });
    this.#doors.index.observe(await this.get(key));
  }

  async annotate(annotations: Record<string, string | null>, key = KEY): Promise<void> {
    await this.store.patch(BARE_METAL_HOST, key, { metadata: { annotations } });
  }

  async remove(key = KEY): Promise<void> {
    await this.store.delete(BARE_METAL_HOST, key);
  }

  /** One pass. Conflicts are part of life and only ask for another one. */
  async pass(key = KEY): Promise<PassResult> {
    try {
      return await reconcileHost(this.#doors, key, new AbortController().signal);
    } catch (error) {
      if (storeErrors.is(error, 'STORE_CONFLICT')) return { requeueMs: 0 };
      throw error;
    } finally {
      await this.#record(key);
    }
  }

  async #record(key: ObjectKey): Promise<void> {
    if (key.name !== KEY.name) return;
    const host = (await this.store.list(BARE_METAL_HOST)).find((h) => h.metadata.name === key.name);
    const now = host === undefined ? 'gone' : `${host.status?.provisioning.state}/${host.status?.operationalStatus}`;
    if (host !== undefined && host.status === undefined) return;
    if (host !== undefined) {
      this.onPass?.(host);
      this.lastPower = host.status?.poweredOn;
    }
    if (this.trace.at(-1) !== now) this.trace.push(now);
  }

  /**
   * Passes until the host rests: nothing to do for `restMs`, or until somebody acts. Time moves with each wait.
   * @returns passes made
   */
  async settle(options: { restMs?: number; passes?: number; key?: ObjectKey } = {}): Promise<number> {
    const { restMs = 60_000, passes = 200, key = KEY } = options;
    for (let made = 1; made <= passes; made++) {
      const { requeueMs } = await this.pass(key);
      if (requeueMs === undefined || requeueMs >= restMs) return made;
      await this.clock.advance(requeueMs);
    }
    const host = await this.get(key);
    throw new Error(`no rest after ${passes} passes: ${JSON.stringify(host.status)}`);
  }

  /** As settle, but failures are waited out too, until `until` holds. */
  async until(until: (host: BareMetalHost | undefined) => boolean, passes = 200): Promise<void> {
    for (let made = 0; made < passes; made++) {
      const host = (await this.store.list(BARE_METAL_HOST)).find((h) => h.metadata.name === KEY.name);
      if (until(host)) return;
      const { requeueMs } = await this.pass();
      await this.clock.advance(requeueMs ?? 0);
    }
    throw new Error(`not reached: ${JSON.stringify((await this.get()).status)}; ${this.trace.join(' → ')}`);
  }

  /** States of the trace, repeats left out. */
  states(): string[] {
    return this.trace.map((t) => t.split('/')[0] ?? '').filter((s, i, all) => s !== all[i - 1]);
  }

  async events(reason?: string): Promise<Event[]> {
    const all = await this.store.list(EVENT, { namespace: KEY.namespace });
    return reason === undefined ? all : all.filter((e) => e.reason === reason);
  }

  async hardwareData() {
    return (await this.store.list(HARDWARE_DATA))[0];
  }

  async metric(line: string): Promise<number> {
    const { body } = await this.metrics.expose();
    const found = body.split('\n').find((l) => l.startsWith(`${line} `));
    return found === undefined ? 0 : Number(found.slice(line.length + 1));
  }
}
