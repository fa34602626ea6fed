/** The engine behind both compositions: everything between the store and the machines. */
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bmcAnnotations } from './api/annotations.ts';
import type { ObjectKey } from './api/meta.ts';
import { keyOf, keyText } from './api/meta.ts';
import { parseBmcAddress } from './bmc/address.ts';
import { SECRET } from './api/resources.ts';
import { BmcPool } from './bmc/pool.ts';
import { decideBoot } from './boot/decide.ts';
import { dhcpObserver } from './boot/dhcp-observer.ts';
import { EventUrls } from './boot/event-urls.ts';
import { ProgressBook } from './boot/progress-book.ts';
import { RamdiskMedia } from './boot/ramdisk-media.ts';
import { scriptScope } from './boot/script-for.ts';
import { renderEntry } from './boot/scripts.ts';
import { Sightings } from './boot/sightings.ts';
import { Timeline } from './boot/timeline.ts';
import { AgentTokens } from './boot/tokens.ts';
import { UrlSigner } from './boot/url-signing.ts';
import type { Clock } from './core/clock.ts';
import { errorText } from './core/errors.ts';
import type { Logger } from './core/log.ts';
import type { Metrics } from './core/metrics.ts';
import { urlHost } from './core/url-host.ts';
import { DHCP_DEFAULTS, type DhcpInterface, subnetText } from './dhcp/config.ts';
import { memoryLeaseBook, openLeaseBook } from './dhcp/lease-book.ts';
import { type NetworkWishes, isRelayed, planSubnets } from './dhcp/plan.ts';
import type { BootPolicy } from './dhcp/policy.ts';
import { startDhcpServer } from './dhcp/server.ts';
import { findInterface } from './dhcp/sockets.ts';
import type { ControllerDoors } from './controllers/doors.ts';
import { startControllers } from './controllers/start.ts';
import { type HostControllerConfig, startHostController } from './host/controller.ts';
import { credentialsName, readCredentials } from './host/credentials.ts';
import { readPreprovisioningNetwork } from './host/preprovisioning.ts';
import { ImageCache } from './image/cache.ts';
import { Astray } from './provisioner/astray.ts';
import { AgentSessions } from './provisioner/agent-sessions.ts';
import { type BmcSource, DEFAULT_LIMITS, type Limits } from './provisioner/doors.ts';
import { provisionerErrors } from './provisioner/errors.ts';
import { NativeProvisioner } from './provisioner/native.ts';
import type { HostContext } from './provisioner/provisioner.ts';
import { TaskBoard } from './provisioner/task-board.ts';
import { ConsoleRecorder } from './provisioner/console-recorder.ts';
import { AgentLogs } from './server/agent-logs.ts';
import { ConsoleLogs, DEFAULT_CONSOLE_BYTES } from './server/console-logs.ts';
import { BootFiles } from './server/boot-files.ts';
import { ByteCounter } from './server/byte-counter.ts';
import { makeDiskLoader } from './server/disk-loader.ts';
import { serverErrors } from './server/errors.ts';
import { IsoBase } from './server/iso-base.ts';
import { everywhere, startAgentApi, startBootHttp } from './server/listen.ts';
import { localAddressTowards } from './server/local-address.ts';
import { type MediaAddresses, bmcBase, mediaBases } from './server/media-bases.ts';
import { MediaFetch } from './server/media-fetch.ts';
import { loaderSource, tftpObserver } from './server/tftp-files.ts';
import type { ServingCert } from './server/tls.ts';
import { parseCa } from './redfish/trust.ts';
import type { Store } from './store/store.ts';
import { startTftpServer } from './tftp/server.ts';
import { type Ipv4, formatIpv4 } from './wire/ipv4.ts';

export interface EngineConfig {
  dataDir: string;
  /** Network interfaces that machines boot from. */
  interfaces: readonly string[];
  /** `server`: gives addresses; `proxy`: next to another DHCP server; `off`: somebody else points machines at us. */
  dhcp: 'server' | 'proxy' | 'off';
  /** Which addresses DHCP gives where. */
  network: NetworkWishes;
  httpPort: number;
  agentPort: number;
  tftpPort: number;
  ramdiskDir: string;
  ipxeDir: string;
  /** Arguments for the ramdisk's kernel, after those it needs. */
  kernelArguments: string;
  /** PEM file with CAs that BMCs may be signed by, beside those of the system. */
  bmcCaFile?: string;
  /** Where BMCs fetch ISOs and ramdisks booted from them find us, when it is not what routes and interfaces say. */
  mediaAddress?: string | undefined;
  ramdiskAddress?: string | undefined;
  /** Record the serial console of every boot into the ramdisk. */
  recordConsole?: boolean | undefined;
  /** Let Redfish BMCs post their events to us. */
  bmcEvents?: boolean | undefined;
  limits: Partial<Limits>;
  hosts: Partial<HostControllerConfig>;
}

export interface EngineDoors {
  store: Store;
  /** 32 bytes or more; tokens, sessions and URLs are derived from it. */
  secret: Uint8Array;
  tls: ServingCert;
  /** May images be files of this machine? Only where those who write hosts own it: a file becomes readable on a disk. */
  localImages: boolean;
  clock: Clock;
  random: () => number;
  log: Logger;
  metrics: Metrics;
  signal: AbortSignal;
}

export interface Engine {
  httpPort: number;
  agentPort: number;
  /** Rejects when a part that cannot be missed has ended by itself. */
  done: Promise<void>;
  /** Waits for what is under way, stores what was noted and closes every socket and session. Abort `signal` before. */
  close(): Promise<void>;
}

/**
 * Starts the engine; resolves when every listener is up.
 * @throws SERVER_CONFIG, SERVER_PORT_IN_USE, BOOT_LOADER_MISSING, BOOT_RAMDISK_MISSING, DHCP_INTERFACE, TFTP_SOCKET…
 */
export async function startEngine(config: EngineConfig, doors: EngineDoors): Promise<Engine> {
  await using stack = new AsyncDisposableStack();
  const interfaces = config.interfaces.map((name) => findInterface(name));
  const parts = await machineSide(config, doors, stack);
  const { book, timeline, sightings, files } = parts;
  const where = { address: await everywhere(), port: config.httpPort };
  const http = await startBootHttp(where, parts.boot, doors.metrics, doors.log, parts.more);
  stack.defer(() => http.close());
  parts.ports.http = http.port;
  const observe = tftpObserver(timeline, (ip) => sightings.hostAt(ip));
  for (const address of interfaces.length === 0 ? ['0.0.0.0'] : interfaces.map((i) => formatIpv4(i.address))) {
    const { clock, log } = doors;
    const tftp = await startTftpServer({
      address,
      port: config.tftpPort,
      files: loaderSource(files, config.dhcp === 'off' ? renderEntry(entryBase(address, http.port)) : undefined),
      clock,
      log,
      observe,
    });
    stack.defer(() => tftp.close());
  }
  if (config.dhcp !== 'off') await startDhcp(config, doors, interfaces, parts, http.port, stack);
  const hosts = startHostController({ ...doors, provisioner: parts.provisioner, config: config.hosts });
  const others = startControllers({ ...doors, bmcOf: hostBmcs(doors.store, parts.bmcs) });
  parts.onWake((key) => hosts.wake(key));
  const done = Promise.all([hosts.done, others, parts.followed]).then(() => {});
  stack.defer(() => book.flush());
  stack.defer(() => done.catch(() => {}));
  const owned = stack.move();
  return { httpPort: http.port, agentPort: parts.agentPort, done, close: () => owned.disposeAsync() };
}

async function machineSide(config: EngineConfig, doors: EngineDoors, stack: AsyncDisposableStack) {
  const { store, clock, random, log, metrics, signal, secret, tls } = doors;
  const loader = await makeDiskLoader(config.dataDir, log, signal);
  const files = await BootFiles.open(config.ipxeDir, config.ramdiskDir, loader);
  const book = new ProgressBook({ store, clock, log });
  const { done: followed } = await book.start(signal);
  const timeline = new Timeline({ book, clock });
  const sightings = new Sightings(book.hosts);
  const [tokens, signer, board] = [new AgentTokens(secret), new UrlSigner(secret), new TaskBoard(clock)];
  let wakeHost: (key: ObjectKey) => void = () => {};
  const wake = (key: ObjectKey) => wakeHost(key);
  const nonce = () => randomBytes(16).toString('base64url');
  const sessions = new AgentSessions({ book, timeline, tokens, board, clock, log, nonce, wake });
  const astray = new Astray(wake, clock);
  const images = new ImageCache({
    dir: join(config.dataDir, 'images'),
    clock,
    log,
    random,
    localFiles: doors.localImages,
  });
  stack.defer(() => images.close());
  const pool = new BmcPool({ clock, random, log, ...(await bmcCas(config)) });
  stack.defer(() => pool.close());
  const bmcs = pooledBmcs(pool, book);
  const limits = { ...DEFAULT_LIMITS, ...config.limits };
  const recorder = new ConsoleRecorder({
    store: new ConsoleLogs(join(config.dataDir, 'consoles')),
    clock,
    log,
    see: (key, seen) => timeline.add(key, seen),
    characters: DEFAULT_CONSOLE_BYTES,
    longestMs: limits.agentBootMs,
    signal,
  });
  // Before the BMCs are closed: each console is given back over the session that has it.
  stack.defer(() => recorder.close());
  const logs = new AgentLogs(join(config.dataDir, 'logs'));
  const agent = await startAgentApi(
    { address: await everywhere(), port: config.agentPort },
    tls,
    { images, sessions, board, book, logs, clock, signal },
    log,
  );
  stack.defer(() => agent.close());
  // Known once the HTTP server listens: a configured port of 0 means any.
  const ports = { http: config.httpPort };
  const script = {
    fingerprint: `sha256:${tls.fingerprintSha256}`,
    kernelArguments: [files.kernelArguments, config.kernelArguments].filter((a) => a !== '').join(' '),
    diskLoader: files.hasDiskLoader,
    signer,
    tokens,
    agentPort: agent.port,
  };
  const iso = await IsoBase.open(config.ramdiskDir);
  if (iso !== undefined) stack.defer(() => iso.close());
  const addresses = () => mediaAddresses(config, () => ({ http: ports.http, agent: agent.port }));
  const media = new RamdiskMedia({
    ...script,
    iso: iso?.info,
    bases: (host) => mediaBases(host, addresses()),
    networkData: (host) => readPreprovisioningNetwork(store, host),
  });
  const bytes = new ByteCounter(metrics);
  const fetched = new MediaFetch({ book, timeline, clock });
  const mediaHttp = iso === undefined ? undefined : { book, signer, media, iso, fetched, bytes, clock };
  const events =
    config.bmcEvents === true ? new EventUrls({ signer, base: (host) => bmcBase(host, addresses()) }) : undefined;
  const provisioner = new NativeProvisioner({
    book,
    timeline,
    sessions,
    board,
    astray,
    bmcs,
    images,
    media,
    events,
    signer,
    clock,
    random,
    log,
    uuid: randomUUID,
    wake,
    recorder,
    recordAll: config.recordConsole === true,
    limits,
    listeningSince: clock.now(),
    httpBase: (status) => `http://${urlHost(status.agent?.serverAddress ?? '127.0.0.1')}:${ports.http}`,
    signal,
  });
  const boot = {
    book,
    timeline,
    sessions,
    signer,
    files,
    images,
    clock,
    bytes,
    astray,
    script,
    scriptSent: (key: ObjectKey) => recorder.booted(key),
    hostAt: (ip: string) => sightings.hostAt(ip),
    // With a DHCP server of our own no machine needs it, and nobody may ask without being on the boot network.
    entry: config.dhcp === 'off' ? { log, seen: (ip: string, mac: string) => sightings.seen(ip, mac) } : undefined,
  };
  const onWake = (handler: (key: ObjectKey) => void) => void (wakeHost = handler);
  return {
    book,
    followed,
    timeline,
    sightings,
    files,
    signer,
    provisioner,
    bmcs,
    boot,
    more: { media: mediaHttp, events: events === undefined ? undefined : { urls: events, book, timeline, clock } },
    ports,
    agentPort: agent.port,
    onWake,
  };
}

function mediaAddresses(config: EngineConfig, ports: MediaAddresses['ports']): MediaAddresses {
  const [interfaceName] = config.interfaces;
  return {
    media: config.mediaAddress,
    ramdisk: config.ramdiskAddress,
    bootNetwork: interfaceName === undefined ? undefined : formatIpv4(findInterface(interfaceName).address),
    ports,
    bmcOf: (host) => parseBmcAddress(host.spec.bmc?.address ?? ''),
    towards: localAddressTowards,
  };
}

/** Where TFTP clients find HTTP: at the same address, and if that is not known, where their DHCP server sent them. */
function entryBase(address: string, httpPort: number): string {
  return `http://${address === '0.0.0.0' ? '${next-server}' : address}:${httpPort}`;
}

type MachineSide = Awaited<ReturnType<typeof machineSide>>;

/** One server for all interfaces: a relay may send its requests to any address of ours. */
async function startDhcp(
  config: EngineConfig,
  doors: EngineDoors,
  interfaces: readonly DhcpInterface[],
  parts: MachineSide,
  httpPort: number,
  stack: AsyncDisposableStack,
): Promise<void> {
  const { clock, random, log } = doors;
  if (interfaces.length === 0) throw serverErrors.make('SERVER_CONFIG', 'DHCP needs an interface to answer on');
  const mode = config.dhcp === 'proxy' ? 'proxy' : 'server';
  const subnets = planSubnets(config.network, interfaces);
  if (mode === 'server' && subnets.every((s) => s.ranges.length === 0 && s.reservations.length === 0)) {
    const text = 'DHCP needs a range of addresses to give (--range), reservations (--reserve), or --proxy-dhcp';
    throw serverErrors.make('SERVER_CONFIG', text);
  }
  for (const subnet of subnets) {
    const reached = isRelayed(subnet, interfaces) ? 'through relays' : 'directly';
    log.info('dhcp: network served', { subnet: subnetText(subnet.subnet), reached, mode });
  }
  const leases = mode === 'proxy' ? memoryLeaseBook() : await openLeaseBook(config.dataDir, log);
  stack.defer(() => leases.close());
  const server = await startDhcpServer({
    interfaces,
    config: { ...DHCP_DEFAULTS, mode, subnets },
    policy: bootPolicy(parts, httpPort, clock),
    leases,
    clock,
    random,
    log,
    observe: dhcpObserver(parts.timeline, parts.sightings),
  });
  stack.defer(() => server.close());
}

const SCRIPT_URL_MS = 3600_000;

/** What a machine is told are the addresses of the interface it asked on. */
function bootPolicy(parts: MachineSide, httpPort: number, clock: Clock): BootPolicy {
  return (client, at: Ipv4) => {
    const owner = parts.book.hosts.byMac(client.mac);
    const status = owner.kind === 'host' ? parts.book.status(keyOf(owner.host)) : {};
    return decideBoot(client, owner, status, {
      address: at,
      httpBase: `http://${formatIpv4(at)}:${httpPort}`,
      scriptPath: (mac) => parts.signer.path(scriptScope(mac), 'script.ipxe', clock.now() + SCRIPT_URL_MS),
    });
  };
}

/** @throws SERVER_CONFIG */
async function bmcCas({ bmcCaFile }: EngineConfig): Promise<{ ca?: string }> {
  if (bmcCaFile === undefined) return {};
  try {
    const ca = await readFile(bmcCaFile, 'utf8');
    parseCa(ca, bmcCaFile);
    return { ca };
  } catch (error) {
    const text = `the CA file of BMCs ${bmcCaFile} cannot be used: ${errorText(error)}`;
    throw serverErrors.make('SERVER_CONFIG', text, { cause: error });
  }
}

/** BMCs for those who know a host object alone. */
function hostBmcs(store: Store, bmcs: BmcSource): ControllerDoors['bmcOf'] {
  return async (host, signal) => {
    const key = { namespace: host.metadata.namespace ?? '', name: credentialsName(host) };
    return await bmcs.get({ host, credentials: readCredentials(await store.get(SECRET, key)), signal });
  };
}

/**
 * BMCs by host. Credentials are told apart by digest, so that a changed password opens a new session. What the host's
 * progress remembers of its BMC counts also after a restart.
 */
export function pooledBmcs(pool: Pick<BmcPool, 'get' | 'forget'>, book: Pick<ProgressBook, 'status'>): BmcSource {
  const addresses = new Map<string, string>();
  return {
    async get({ host, credentials }: HostContext) {
      const name = keyText(keyOf(host));
      if (credentials === undefined) {
        throw provisionerErrors.make('PROVISION_NO_CREDENTIALS', 'the BMC credentials could not be read', {
          host: name,
        });
      }
      const { address = '', disableCertificateVerification = false } = host.spec.bmc ?? {};
      addresses.set(name, address);
      const credentialsVersion = createHash('sha256').update(JSON.stringify(credentials)).digest('hex');
      const { cipherSuite: preferredSuite } = book.status(keyOf(host)).bmc ?? {};
      return pool.get({
        address,
        credentials,
        credentialsVersion,
        disableCertificateVerification,
        ...bmcAnnotations(host),
        ...(preferredSuite === undefined ? {} : { preferredSuite }),
      });
    },
    async release(key) {
      const address = addresses.get(keyText(key));
      addresses.delete(keyText(key));
      if (address !== undefined && ![...addresses.values()].includes(address)) await pool.forget(address);
    },
  };
}
