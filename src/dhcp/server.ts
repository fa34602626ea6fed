import type { Clock } from '../core/clock.ts';
import { errorText } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import { formatIpv4 } from '../wire/ipv4.ts';
import { macToString } from '../wire/mac.ts';
import { OPT, PROXY_PORT, SERVER_PORT, typeName } from './codes.ts';
import { type CheckedConfig, type DhcpConfig, type DhcpInterface, checkConfig } from './config.ts';
import { decide } from './decide.ts';
import type { DhcpDecision } from './decision.ts';
import type { Destination } from './destination.ts';
import type { DhcpEvent, DhcpSeen } from './events.ts';
import { clientFacts } from './facts.ts';
import { FirstTime } from './first-time.ts';
import type { LeaseBook } from './lease-book.ts';
import type { Lease } from './leases.ts';
import { type DhcpMessage, decodeMessage, encodeMessage } from './message.ts';
import type { BootPolicy } from './policy.ts';
import { maxReplyBytes } from './reply.ts';
import { type DhcpRequest, isOurs } from './request.ts';
import { type DhcpSocket, type OpenSockets, deviceSockets } from './sockets.ts';
import { messageType, readIp } from './values.ts';

export interface DhcpServerOptions {
  /** Interfaces to serve, see `findInterface`. Nothing is heard from, or sent to, any other. */
  interfaces: readonly DhcpInterface[];
  config: DhcpConfig;
  policy: BootPolicy;
  leases: LeaseBook;
  clock: Clock;
  random: () => number;
  log: Logger;
  /** Told of everything seen and done; must not throw. */
  observe?: (event: DhcpEvent) => void;
  /** Aborting closes the server. */
  signal?: AbortSignal;
  /** Replaced by tests. */
  openSockets?: OpenSockets;
}

export interface DhcpServer {
  /** Puts a new configuration in force for the next packet. @throws DHCP_CONFIG, the old one stays */
  configure(config: DhcpConfig): void;
  /** Leases that run now, offers included. */
  leases(): Lease[];
  /** Stops listening and waits for replies under way; the lease book stays open, it is the caller's. */
  close(): Promise<void>;
}

/**
 * Serves DHCP (ports 67) and PXE boot information (4011) on the given interfaces.
 * @throws DHCP_CONFIG, DHCP_INTERFACE, DHCP_PORT_IN_USE, DHCP_SOCKET
 */
export async function startDhcpServer(options: DhcpServerOptions): Promise<DhcpServer> {
  const config = checkConfig(options.config);
  const ports = options.interfaces.flatMap((iface) => [
    { iface, port: SERVER_PORT },
    { iface, port: PROXY_PORT },
  ]);
  const open = options.openSockets ?? deviceSockets(options.clock);
  const sockets = await open(ports);
  const engine = new Engine(options, config);
  for (const [i, socket] of sockets.entries()) {
    const at = ports[i];
    if (at !== undefined) socket.receive((bytes, source) => engine.receive(bytes, source, at.iface, at.port, socket));
  }
  let closed: Promise<void> | undefined;
  const close = () => {
    closed ??= engine.drain().finally(() => sockets.forEach((s) => s.close()));
    return closed;
  };
  if (options.signal?.aborted === true) await close();
  options.signal?.addEventListener('abort', () => void close(), { once: true });
  return {
    configure: (next) => engine.configure(checkConfig(next)),
    leases: () => options.leases.table.all().filter((l) => l.state !== 'released' && l.expires > options.clock.now()),
    close,
  };
}

class Engine {
  readonly #options: DhcpServerOptions;
  readonly #ownAddresses: ReadonlySet<number>;
  readonly #underWay = new Set<Promise<void>>();
  readonly #silences = new FirstTime();
  #config: CheckedConfig;
  #stopped = false;

  constructor(options: DhcpServerOptions, config: CheckedConfig) {
    this.#options = options;
    this.#config = config;
    this.#ownAddresses = new Set(options.interfaces.map((i) => i.address));
  }

  configure(config: CheckedConfig): void {
    this.#config = config;
  }

  async drain(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#underWay);
  }

  receive(bytes: Uint8Array, source: Destination, iface: DhcpInterface, port: number, socket: DhcpSocket): void {
    if (this.#stopped) return;
    let message: DhcpMessage;
    try {
      message = decodeMessage(bytes);
    } catch (error) {
      this.#malformed(iface, source, errorText(error));
      return;
    }
    const request: DhcpRequest = {
      message,
      facts: clientFacts(message),
      iface,
      source,
      port,
      now: this.#options.clock.now(),
      fuzz: this.#options.random(),
      ownAddresses: this.#ownAddresses,
    };
    this.#watchForeign(request);
    const work = this.#handle(request, socket).catch((error: unknown) => this.#failed(request, error));
    this.#underWay.add(work);
    void work.finally(() => this.#underWay.delete(work));
  }

  async #handle(request: DhcpRequest, socket: DhcpSocket): Promise<void> {
    const { leases, policy } = this.#options;
    const { iface } = request;
    const decision = decide(request, leases.table, this.#config, policy(request.facts, iface.address));
    const bytes = decision.kind === 'reply' ? encodeMessage(decision.message, maxReplyBytes(request)) : undefined;
    // The client may use the address the moment it hears of it, so the lease has to be on disk before (RFC 2131 §3.1.4).
    if (decision.change !== undefined) await leases.apply(decision.change);
    if (decision.kind === 'reply' && bytes !== undefined) await socket.send(bytes, decision.to);
    this.#tell(request, decision);
  }

  #tell(request: DhcpRequest, decision: DhcpDecision): void {
    const seen = this.#seen(request);
    const { observe, log } = this.#options;
    const mac = request.facts.mac;
    if (decision.kind === 'silent') {
      const why = { mac, request: seen.request, code: decision.code, reason: decision.reason };
      const level = this.#silences.isNews(`${mac} ${decision.reason}`, request.now) ? 'info' : 'debug';
      log[level]('dhcp: no answer', why);
      observe?.({ ...seen, kind: 'silence', code: decision.code, reason: decision.reason });
      return;
    }
    const { message, to, reason } = decision;
    const reply = {
      answer: typeName(decision.type),
      address: message.yiaddr === 0 ? '' : formatIpv4(message.yiaddr),
      file: bootFileOf(message),
      to: `${formatIpv4(to.address)}:${to.port}`,
      reason,
    };
    log.info('dhcp: answered', { mac, iface: seen.iface, request: seen.request, ...reply });
    observe?.({ ...seen, kind: 'reply', ...reply });
  }

  /** A server that is not ours gives itself away by the identifier in its clients' requests and in its own replies. */
  #watchForeign(request: DhcpRequest): void {
    const { message, iface, now } = request;
    const server = readIp(message.options, OPT.serverId);
    if (server === undefined || server === 0 || isOurs(server, request)) return;
    const address = message.ciaddr === 0 ? readIp(message.options, OPT.requestedAddress) : message.ciaddr;
    const event = {
      at: now,
      iface: iface.name,
      server: formatIpv4(server),
      mac: macToString(message.chaddr),
      address: address === undefined ? '' : formatIpv4(address),
      expected: this.#config.mode === 'proxy',
    };
    this.#options.log.debug('dhcp: another server answers here', event);
    this.#options.observe?.({ kind: 'foreign-server', ...event });
  }

  #malformed(iface: DhcpInterface, source: Destination, reason: string): void {
    const event = { at: this.#options.clock.now(), iface: iface.name, source: formatIpv4(source.address), reason };
    this.#options.log.debug('dhcp: malformed packet dropped', event);
    this.#options.observe?.({ kind: 'malformed', ...event });
  }

  #failed(request: DhcpRequest, error: unknown): void {
    const reason = errorText(error);
    this.#options.log.error('dhcp: could not answer', { mac: request.facts.mac, error: reason });
    this.#options.observe?.({ ...this.#seen(request), kind: 'silence', code: 'internal', reason });
  }

  #seen(request: DhcpRequest): DhcpSeen {
    const type = messageType(request.message.options);
    return {
      at: request.now,
      iface: request.iface.name,
      request: type === undefined ? 'BOOTP' : typeName(type),
      client: request.facts,
    };
  }
}

function bootFileOf(message: DhcpMessage): string {
  const option = message.options.get(OPT.bootFile);
  return option === undefined ? message.file : Buffer.from(option).toString('utf8');
}
