import { execFileSync } from 'node:child_process';
import { X509Certificate, randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BareMetalHost } from '../../src/api/baremetalhost.ts';
import { BARE_METAL_HOST } from '../../src/api/resources.ts';
import type { Bmc } from '../../src/bmc/bmc.ts';
import { decideBoot } from '../../src/boot/decide.ts';
import { EventUrls } from '../../src/boot/event-urls.ts';
import { ProgressBook } from '../../src/boot/progress-book.ts';
import { RamdiskMedia } from '../../src/boot/ramdisk-media.ts';
import { scriptScope } from '../../src/boot/script-for.ts';
import { Timeline } from '../../src/boot/timeline.ts';
import { AgentTokens } from '../../src/boot/tokens.ts';
import { UrlSigner } from '../../src/boot/url-signing.ts';
import type { ClientFacts } from '../../src/dhcp/policy.ts';
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/log.ts';
import { Metrics } from '../../src/core/metrics.ts';
import { urlHost } from '../../src/core/url-host.ts';
import { readPreprovisioningNetwork } from '../../src/host/preprovisioning.ts';
import type { ImageManifest } from '../../src/image/manifest-types.ts';
import { Astray } from '../../src/provisioner/astray.ts';
import { AgentSessions } from '../../src/provisioner/agent-sessions.ts';
import {
  DEFAULT_LIMITS,
  type ImageSource,
  type Limits,
  type PreparedImage,
  type ProvisionerDoors,
} from '../../src/provisioner/doors.ts';
import { NativeProvisioner } from '../../src/provisioner/native.ts';
import type { HostContext, Outcome, Provisioner } from '../../src/provisioner/provisioner.ts';
import { TaskBoard } from '../../src/provisioner/task-board.ts';
import type { ImageGrowth } from '../../src/server/agent-api.ts';
import type { ImageFrames } from '../../src/server/boot-http.ts';
import { AgentLogs } from '../../src/server/agent-logs.ts';
import { BootFiles } from '../../src/server/boot-files.ts';
import { ByteCounter } from '../../src/server/byte-counter.ts';
import { IsoBase } from '../../src/server/iso-base.ts';
import { type Listener, startAgentApi, startBootHttp } from '../../src/server/listen.ts';
import { MediaFetch } from '../../src/server/media-fetch.ts';
import { parseIpv4 } from '../../src/wire/ipv4.ts';
import { MemoryStore } from './memory-store.ts';
import { request } from './sim-agent.ts';
import { writeFakeIso } from './sim-media.ts';
import { SimMachine } from './sim-machine.ts';

export const MAC = '52:54:00:12:00:01';
export const KEY = { namespace: 'lab', name: 'node-0' };
export const DIGEST = 'sha256:aa';
export const MANIFEST: ImageManifest = {
  version: 1,
  diskBytes: 8 << 20,
  frameBytes: 4 << 20,
  frames: [
    { kind: 'data', sha256: 'x', zstdBytes: 3 },
    { kind: 'data', sha256: 'y', zstdBytes: 3 },
  ],
  digest: DIGEST,
};

const FAST: Limits = {
  ...DEFAULT_LIMITS,
  agentBootMs: 3000,
  agentSuspectMs: 300,
  agentLostMs: 1500,
  inspectMs: 5000,
  cleanMs: 5000,
  finishMs: 5000,
  writeMs: 5000,
  softOffMs: 1000,
  settleEveryMs: 0,
  settleMs: 2000,
  bmcTroubleMs: 2000,
};

/** Images as the engine's parts see them: `image/cache.ts`, or what a test makes of them. */
export type WorldImages = Pick<ImageSource, 'prepare'> & ImageGrowth & ImageFrames;

/** What outlives an engine: objects, the machine, secrets, certificate, ports. */
export class World {
  readonly store = new MemoryStore();
  readonly machine: SimMachine;
  readonly dir = mkdtempSync(join(tmpdir(), 'ingot-test-'));
  readonly secret = randomBytes(32);
  readonly tls: { certPem: string; keyPem: string };
  ports = { http: 0, agent: 0 };
  imageFailure: Error | undefined;
  imageCalls = 0;
  /** Instead of an image that is there at once. */
  images: WorldImages | undefined;
  /** Digests of images that were looked at again. */
  readonly rechecked: string[] = [];
  /** Prepared only when this resolves. */
  imageHold: Promise<void> = Promise.resolve();
  limits: Limits = { ...FAST };
  /** Instead of the simulated machine. */
  bmc: Bmc | undefined;
  /** Records consoles, of all hosts or of those whose annotation asks. */
  recorder: ProvisionerDoors['recorder'];
  recordAll = false;
  /** BMCs post their events. */
  bmcEvents = false;
  /** For the ramdisk's kernel, after those it needs. */
  kernelArguments = '';
  /** Where the ramdisk and its ISO are. */
  ramdiskDir = this.dir;
  /** The address at which machines booted from an ISO find the agent API. */
  ramdiskAddress = '127.0.0.1';
  /** Where the agent API listens. */
  agentListens = '127.0.0.1';

  constructor() {
    this.machine = new SimMachine(
      {
        mac: MAC,
        uuid: randomUUID(),
        firmware: 'uefi',
        disks: [
          { name: '/dev/vda', serial: 'DISK0', sizeBytes: 8 * 2 ** 30, logicalSectorBytes: 512, rotational: false },
          { name: '/dev/vdb', serial: 'DISK1', sizeBytes: 5 * 2 ** 30, logicalSectorBytes: 512, rotational: false },
        ],
      },
      () => Promise.resolve(undefined),
    );
    const [key, cert] = [join(this.dir, 'key.pem'), join(this.dir, 'cert.pem')];
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-subj', '/CN=test'];
    execFileSync('openssl', ['req', '-x509', ...curve, '-keyout', key, '-out', cert, '-days', '1'], {
      stdio: 'ignore',
    });
    this.tls = { certPem: readFileSync(cert, 'utf8'), keyPem: readFileSync(key, 'utf8') };
    for (const file of ['undionly.kpxe', 'snponly.efi', 'vmlinuz', 'ramdisk.zst']) {
      writeFileSync(join(this.dir, file), `content of ${file}`);
    }
    writeFakeIso(this.dir);
  }

  async addHost(spec: Partial<BareMetalHost['spec']> = {}): Promise<BareMetalHost> {
    return this.store.create(BARE_METAL_HOST, {
      apiVersion: 'metal3.io/v1alpha1',
      kind: 'BareMetalHost',
      metadata: { ...KEY },
      spec: { online: true, bootMACAddress: MAC, bmc: { address: 'ipmi://sim', credentialsName: 's' }, ...spec },
    });
  }

  async end(): Promise<void> {
    await this.machine.cutPower();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** One life of the engine: everything between the store and the wire, without DHCP and the host controller. */
export class Engine {
  readonly world: World;
  readonly provisioner: NativeProvisioner;
  readonly book: ProgressBook;
  readonly sessions: AgentSessions;
  readonly signer: UrlSigner;
  readonly media: RamdiskMedia;
  readonly #stop: AbortController;
  readonly #listeners: Listener[];

  private constructor(
    parts: Pick<Engine, 'world' | 'provisioner' | 'book' | 'sessions' | 'signer' | 'media'>,
    stop: AbortController,
    listeners: Listener[],
  ) {
    this.world = parts.world;
    this.provisioner = parts.provisioner;
    this.book = parts.book;
    this.sessions = parts.sessions;
    this.signer = parts.signer;
    this.media = parts.media;
    this.#stop = stop;
    this.#listeners = listeners;
  }

  static async start(world: World): Promise<Engine> {
    const stop = new AbortController();
    const clock = systemClock;
    const log = silentLogger;
    const book = new ProgressBook({ store: world.store, clock, log });
    await book.start(stop.signal);
    const timeline = new Timeline({ book, clock });
    const tokens = new AgentTokens(world.secret);
    const signer = new UrlSigner(world.secret);
    const board = new TaskBoard(clock);
    const wake = () => {};
    const astray = new Astray(wake, clock);
    const sessions = new AgentSessions({ book, timeline, tokens, board, clock, log, nonce: randomUUID, wake });
    const metrics = new Metrics();
    const bytes = new ByteCounter(metrics);
    const fingerprint = new X509Certificate(world.tls.certPem).fingerprint256.replaceAll(':', '').toLowerCase();
    const files = await BootFiles.open(world.dir, world.ramdiskDir, undefined);
    const common = {
      fingerprint: `sha256:${fingerprint}`,
      kernelArguments: `${files.kernelArguments} ${world.kernelArguments}`.trim(),
      diskLoader: false,
      signer,
      tokens,
    };
    const iso = await IsoBase.open(world.ramdiskDir);
    const media = new RamdiskMedia({
      ...common,
      iso: iso?.info,
      bases: () =>
        Promise.resolve({
          http: `http://127.0.0.1:${world.ports.http}`,
          agent: `https://${urlHost(world.ramdiskAddress)}:${world.ports.agent}`,
        }),
      networkData: (host) => readPreprovisioningNetwork(world.store, host),
    });
    const eventBase = () => Promise.resolve(`http://127.0.0.1:${world.ports.http}`);
    const events = world.bmcEvents ? new EventUrls({ signer, base: eventBase }) : undefined;
    const provisioner = new NativeProvisioner({
      events,
      book,
      timeline,
      sessions,
      board,
      astray,
      bmcs: { get: () => Promise.resolve(world.bmc ?? world.machine), release: () => Promise.resolve() },
      media,
      images: {
        prepare: (image, options) => world.images?.prepare(image, options) ?? prepare(world),
        recheck: (digest) => {
          world.rechecked.push(digest);
          return Promise.resolve(false);
        },
      },
      signer,
      clock,
      random: Math.random,
      log,
      uuid: randomUUID,
      wake,
      limits: world.limits,
      recorder: world.recorder,
      recordAll: world.recordAll,
      listeningSince: clock.now(),
      httpBase: () => `http://127.0.0.1:${world.ports.http}`,
      signal: stop.signal,
    });
    const agent = await startAgentApi(
      { address: world.agentListens, port: world.ports.agent },
      world.tls,
      {
        images: { growth: (...args) => world.images?.growth(...args) ?? Promise.resolve(undefined) },
        sessions,
        board,
        book,
        logs: new AgentLogs(join(world.dir, 'logs')),
        clock,
        signal: stop.signal,
      },
      log,
    );
    const fetched = new MediaFetch({ book, timeline, clock });
    const http = await startBootHttp(
      { address: '127.0.0.1', port: world.ports.http },
      {
        book,
        timeline,
        sessions,
        signer,
        files,
        clock,
        bytes,
        astray,
        images: {
          manifest: (digest) => world.images?.manifest(digest) ?? Promise.resolve(MANIFEST),
          frame: (name, i) =>
            world.images?.frame(name, i) ?? Promise.resolve(i < 2 ? Uint8Array.of(1, 2, 3) : undefined),
        },
        script: { ...common, agentPort: agent.port },
        hostAt: () => KEY,
      },
      metrics,
      log,
      {
        media: iso === undefined ? undefined : { book, signer, media, iso, fetched, bytes, clock },
        events: events === undefined ? undefined : { urls: events, book, timeline, clock },
      },
    );
    world.ports = { http: http.port, agent: agent.port };
    world.machine.network = (mac) => netboot(book, signer, mac, http.port);
    const base: Listener = { port: 0, close: () => iso?.close() ?? Promise.resolve() };
    return new Engine({ world, provisioner, book, sessions, signer, media }, stop, [agent, http, base]);
  }

  /** As kill -9: nothing is flushed. The ports stay the same for the next life. */
  async kill(): Promise<void> {
    this.#stop.abort(new Error('killed'));
    await Promise.all(this.#listeners.map((l) => l.close()));
  }

  async context(): Promise<HostContext> {
    const host = await this.world.store.get(BARE_METAL_HOST, KEY);
    return { host, credentials: { username: 'u', password: 'p' }, signal: this.#stop.signal };
  }

  /** Calls like the host controller does, until the outcome is final. */
  async until<T>(
    call: (p: Provisioner, c: HostContext) => Promise<Outcome<T>>,
    options: { timeoutMs?: number; each?: () => boolean } = {},
  ): Promise<Outcome<T> | undefined> {
    const end = Date.now() + (options.timeoutMs ?? 15_000);
    for (;;) {
      const outcome = await call(this.provisioner, await this.context());
      if (outcome.kind !== 'continue') return outcome;
      if (options.each?.() === true) return undefined;
      if (Date.now() > end) throw new Error(`no end: ${JSON.stringify(this.book.status(KEY), undefined, 1)}`);
      await new Promise((resolve) => setTimeout(resolve, Math.min(outcome.requeueMs, 20)));
    }
  }
}

async function prepare(world: World): Promise<PreparedImage> {
  world.imageCalls += 1;
  await world.imageHold;
  if (world.imageFailure !== undefined) throw world.imageFailure;
  return { digest: DIGEST, manifest: MANIFEST, source: `source:${'0'.repeat(64)}` };
}

/** What firmware and iPXE do: ask DHCP, follow the script. */
async function netboot(book: ProgressBook, signer: UrlSigner, mac: string, port: number): Promise<string | undefined> {
  const httpBase = `http://127.0.0.1:${port}`;
  const client: ClientFacts = {
    mac,
    stage: 'ipxe',
    arch: 7,
    vendorClass: '',
    userClass: ['iPXE'],
    uuid: undefined,
    hostname: undefined,
    relay: 0,
  };
  const answer = decideBoot(client, book.hosts.byMac(mac), book.status(KEY), {
    address: parseIpv4('127.0.0.1'),
    httpBase,
    scriptPath: (m) => signer.path(scriptScope(m), 'script.ipxe', Date.now() + 60_000),
  });
  if (answer.kind !== 'boot') return undefined;
  const reply = await request('GET', answer.file);
  if (reply.status !== 200) throw new Error(`script: ${reply.status} ${reply.body}`);
  return reply.body;
}
