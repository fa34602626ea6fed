import { BurstGuard } from '../core/burst-guard.ts';
import type { Clock, Timer } from '../core/clock.ts';
import { IngotError, errorText } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import { bytesEqual } from '../wire/hex.ts';
import type { Chassis } from './chassis.ts';
import type { DeviceIdentity } from './commands/app/device-id.ts';
import { ipmiErrors } from './errors.ts';
import type { Payload } from './framing.ts';
import { type LanMessage, decodeLanMessage, encodeLanMessage, responseMessage } from './lan-message.ts';
import { PayloadType } from './numbers.ts';
import { type Datagram, decodeDatagram, encodeV20Plain } from './packet.ts';
import { type V15Packet, encodeV15 } from './packet-v15.ts';
import { encodeAsf } from './rmcp.ts';
import { ServerCommands } from './server-commands.ts';
import { sessionsFamily } from './server-commands/sessions.ts';
import type { Answer, Sender } from './server-commands/handler.ts';
import { type Satellite, satelliteDoors } from './server-satellites.ts';
import { type BmcModel, plausibleModel } from './server-model.ts';
import type { Fate, ServerFaults } from './server-faults.ts';
import { ServerLogin } from './server-login.ts';
import { NO_V15, ServerLoginV15, type V15Service } from './server-login-v15.ts';
import { type ActiveState, DEFAULT_LIMITS, type IpmiUser, type SessionLimits, SessionTable } from './server-session.ts';
import type { SerialPort } from './sol/serial.ts';
import { SolServer } from './sol/server.ts';
import { DEFAULT_SUITES, suiteById } from './suites.ts';
import { type UdpListen, type UdpPeer, type UdpSocket, nodeUdpListen } from './udp.ts';

export interface IpmiServerOptions {
  /** Local address to listen on. */
  address: string;
  /** UDP port; 0 picks a free one. */
  port: number;
  users: readonly IpmiUser[];
  /** GUID of the managed system, 16 bytes as they go on the wire. */
  guid: Uint8Array;
  /** BMC key, 20 bytes: makes every login a two-key login. */
  kg?: Uint8Array;
  chassis: Chassis;
  deviceId: DeviceIdentity;
  clock: Clock;
  /** Decides which datagrams `faults.loss` takes. */
  random: () => number;
  log: Logger;
  /** Cipher suites offered; default 3 and 17. 0 opens the BMC to everybody. */
  suites?: readonly number[];
  /** IPMI 1.5; not spoken when absent. */
  v15?: V15Service;
  faults?: ServerFaults;
  /** Event log, sensors, inventory, network; default: those of a plausible small server. */
  model?: BmcModel;
  /** Serial port that SOL sessions get; default: none. */
  serial?: SerialPort;
  /** Controllers behind it that Send Message reaches. */
  satellites?: readonly Satellite[];
  limits?: Partial<SessionLimits>;
  /** Gets payloads other than IPMI messages and those of `serial`. Answers go by `session.post`. */
  payload?: (payload: Payload, session: ActiveState) => void;
  listen?: UdpListen;
}

export interface IpmiServer {
  readonly port: number;
  /** Sessions in all states. */
  readonly sessions: number;
  /** The BMC restarts: all sessions are gone, and it hears nothing for so many ms. The machine is untouched. */
  restart(silentMs: number): void;
  close(): Promise<void>;
}

/** A re-sent request older than this is a new one that happens to have the same number (§13.8: 5 s). */
const DUPLICATE_MS = 5000;
/** Fewer than the 64 numbers of requests: a number that comes round again belongs to a new request. */
const MAX_RECENT = 16;
const EXPIRE_EVERY_MS = 10_000;
/** How long an answer is held that others shall overtake: longer than a client's next request takes on loopback. */
const OVERTAKEN_MS = 40;

/**
 * Serves one chassis as an IPMI 2.0 BMC.
 * @throws IPMI_SOCKET when the address cannot be bound, IPMI_NO_SUITE for a suite that is not spoken
 */
export async function startIpmiServer(options: IpmiServerOptions): Promise<IpmiServer> {
  const server = new Server(options);
  await server.start(options);
  return server;
}

class Server implements IpmiServer {
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #log: Logger;
  readonly #faults: ServerFaults;
  readonly #table: SessionTable;
  readonly #login: ServerLogin;
  readonly #loginV15: ServerLoginV15;
  readonly #v15: V15Service;
  readonly #commands: ServerCommands;
  readonly #payload: IpmiServerOptions['payload'];
  readonly #sol: SolServer | undefined;
  readonly #working = new Set<Promise<void>>();
  #socket: UdpSocket | undefined;
  #expiry: Timer | undefined;
  #received = 0;
  #sent = 0;
  readonly #burst = new BurstGuard();
  /** Deaf until then, monotonic ms. */
  #silentUntil = 0;

  constructor(options: IpmiServerOptions) {
    const { guid, faults = {}, chassis, deviceId, users, log } = options;
    this.#clock = options.clock;
    this.#random = options.random;
    this.#log = log;
    this.#faults = faults;
    this.#payload = options.payload;
    const suites = (options.suites ?? DEFAULT_SUITES).map((id) => {
      const suite = suiteById(id);
      if (suite === undefined) throw ipmiErrors.make('IPMI_NO_SUITE', `cipher suite ${id} is not spoken`);
      return suite;
    });
    this.#table = new SessionTable({ ...DEFAULT_LIMITS, ...options.limits });
    const post = (session: ActiveState, payload: Payload) => this.#post(session, payload);
    this.#login = new ServerLogin({ users, suites, guid, faults, kg: options.kg, post }, this.#table);
    this.#v15 = options.v15 ?? NO_V15;
    this.#loginV15 = new ServerLoginV15(
      { users, service: this.#v15, oemAuth: faults.quirks?.oemAuth, post },
      this.#table,
    );
    const { types, perMessageAuth, only } = this.#v15;
    const capabilities = { v2: !only, v15: types.length > 0, types, perMessageAuth, kgSet: options.kg !== undefined };
    const { serial } = options;
    this.#sol =
      serial &&
      new SolServer(serial, {
        clock: options.clock,
        udpPort: () => this.port,
        alive: (session) => this.#table.get(session.bmcSessionId) === session,
        faults: faults.sol,
      });
    const parts = {
      chassis,
      deviceId,
      guid,
      suites,
      faults,
      log,
      capabilities,
      clock: options.clock,
      model: options.model ?? plausibleModel({ clock: options.clock, users }),
    };
    this.#commands = new ServerCommands({ ...parts, satellites: satelliteDoors(options.satellites ?? [], parts) }, [
      sessionsFamily(this.#table),
      ...(this.#sol === undefined ? [] : [this.#sol.family]),
    ]);
  }

  get port(): number {
    return this.#socket?.port ?? 0;
  }

  get sessions(): number {
    return this.#table.size;
  }

  async start(options: IpmiServerOptions): Promise<void> {
    const listen = options.listen ?? nodeUdpListen;
    this.#socket = await listen(
      { address: options.address, port: options.port },
      {
        message: (bytes, from) => this.#arrived(bytes, from),
        error: (error) => this.#log.debug('IPMI socket error', { why: error.message }),
      },
    );
    this.#scheduleExpiry();
  }

  restart(silentMs: number): void {
    this.#table.clear();
    this.#silentUntil = this.#clock.monotonic() + silentMs;
  }

  async close(): Promise<void> {
    this.#expiry?.cancel();
    this.#sol?.stop();
    this.#socket?.close();
    this.#socket = undefined;
    await Promise.allSettled(this.#working);
  }

  #scheduleExpiry(): void {
    this.#expiry = this.#clock.timer(
      EXPIRE_EVERY_MS,
      () => {
        this.#table.expire(this.#clock.monotonic());
        this.#sol?.prune();
        this.#scheduleExpiry();
      },
      true,
    );
  }

  #arrived(bytes: Uint8Array, from: UdpPeer): void {
    const now = this.#clock.monotonic();
    const { burst } = this.#faults;
    if (now < this.#silentUntil || (burst !== undefined && this.#burst.hit(now, burst) > 0)) return;
    this.#meet(this.#faults.received?.(this.#received++) ?? 'pass', () => this.#handle(bytes, from));
  }

  #reply(bytes: Uint8Array, to: UdpPeer): void {
    // One that went down in the middle of a command does not get to answer it.
    if (this.#clock.monotonic() < this.#silentUntil) return;
    const { sent, delayMs = 0, reordered } = this.#faults;
    const held = reordered !== undefined && this.#random() < reordered ? OVERTAKEN_MS : 0;
    const fate = sent?.(this.#sent++) ?? (delayMs + held > 0 ? { delayMs: delayMs + held } : 'pass');
    this.#meet(fate, () => this.#socket?.send(bytes, to));
  }

  /** Lets a datagram meet the fate that the faults have for it. */
  #meet(fate: Fate, deliver: () => void): void {
    const lost = this.#faults.loss !== undefined && this.#random() < this.#faults.loss;
    if (lost || fate === 'drop') return;
    const { duplicates } = this.#faults;
    const twice = fate === 'twice' || (duplicates !== undefined && this.#random() < duplicates);
    if (typeof fate === 'object') {
      this.#clock.timer(fate.delayMs, deliver, true);
      return;
    }
    deliver();
    if (twice) deliver();
  }

  #handle(bytes: Uint8Array, from: UdpPeer): void {
    try {
      this.#dispatch(bytes, from);
    } catch (error) {
      if (!(error instanceof IngotError)) throw error;
      this.#log.debug('IPMI datagram dropped', { from: from.address, why: error.message });
    }
  }

  #dispatch(bytes: Uint8Array, from: UdpPeer): void {
    const datagram = decodeDatagram(bytes);
    if (datagram.kind === 'asf') {
      const { kind, tag } = datagram.message;
      if (kind === 'ping') this.#reply(encodeAsf({ kind: 'pong', tag, ipmi: true }), from);
    } else if (datagram.kind === 'v1.5') {
      this.#dispatchV15(datagram, from);
    } else if (this.#v15.only) {
      throw ipmiErrors.make('IPMI_MALFORMED', 'RMCP+ is not spoken');
    } else if (datagram.sessionId !== 0) {
      this.#inside(datagram.sessionId, datagram, from);
    } else if (datagram.payloadType === PayloadType.ipmi) {
      this.#outside(datagram.payload, (reply) => this.#reply(encodeV20Plain(PayloadType.ipmi, reply), from));
    } else {
      const reply = this.#login.handle(datagram.payloadType, datagram.payload, from, this.#clock.monotonic());
      if (reply !== undefined) this.#reply(encodeV20Plain(reply.type, reply.payload), from);
    }
  }

  #dispatchV15(packet: V15Packet, from: UdpPeer): void {
    const session = packet.sessionId === 0 ? undefined : this.#table.get(packet.sessionId);
    if (session?.state === 'challenged-v15') {
      const reply = this.#loginV15.activate(session, packet, from, this.#clock.monotonic());
      if (reply !== undefined) this.#reply(reply, from);
    } else if (packet.sessionId !== 0) {
      this.#inside(packet.sessionId, packet, from);
    } else {
      const request = decodeLanMessage(packet.payload);
      if (this.#loginV15.handles(request)) {
        this.#reply(this.#loginV15.challenge(request, from, this.#clock.monotonic()), from);
      } else this.#outside(packet.payload, (reply) => this.#reply(encodeV15(reply), from));
    }
  }

  /** A command outside a session: only the few that lead to one are answered. */
  #outside(payload: Uint8Array, send: (reply: Uint8Array) => void): void {
    const request = decodeLanMessage(payload);
    if ((request.netFn & 1) === 1) return;
    this.#track(this.#run(request, undefined).then((response) => send(encodeLanMessage(response.message))));
  }

  /** A packet of an open session. Whatever is not signed by its keys is dropped without a word. */
  #inside(sessionId: number, datagram: Datagram, from: UdpPeer): void {
    const session = this.#table.get(sessionId);
    if (session?.state !== 'active') return;
    const payload = session.framing.open(datagram);
    if (payload === undefined) return;
    const now = this.#clock.monotonic();
    session.touchedAt = now;
    session.peer = from;
    if (payload.type !== PayloadType.ipmi) {
      this.#sol?.received(payload, session);
      return this.#payload?.(payload, session);
    }
    const request = decodeLanMessage(payload.bytes);
    if ((request.netFn & 1) === 1) return;
    session.recent = session.recent.filter((r) => now - r.at < DUPLICATE_MS).slice(-MAX_RECENT);
    const known = session.recent.find((r) => sameRequest(r.message, request));
    if (known !== undefined) {
      // Being worked on: the answers will come. Answered: an answer was lost, send them again, run nothing.
      for (const response of known.responses) this.#respond(session, response);
      return;
    }
    const entry: ActiveState['recent'][number] = { message: request, at: now, responses: [] };
    session.recent.push(entry);
    session.tail = session.tail.then(async () => {
      const { message, closes, follows } = await this.#run(request, session);
      const respond = (response: LanMessage) => {
        entry.responses.push(response);
        this.#respond(session, response);
      };
      respond(message);
      if (follows !== undefined) this.#track(follows.then((messages) => messages.forEach(respond)));
      if (closes === undefined) return;
      this.#table.remove(closes);
      this.#sol?.prune();
    });
    this.#track(session.tail);
  }

  async #run(
    request: LanMessage,
    sender: Sender,
  ): Promise<Pick<Answer, 'closes' | 'follows'> & { message: LanMessage }> {
    const { completion, data = new Uint8Array(0), ...more } = await this.#commands.run(request, sender);
    return { message: responseMessage(request, completion, data), ...more };
  }

  #respond(session: ActiveState, response: LanMessage): void {
    this.#post(session, { type: PayloadType.ipmi, bytes: encodeLanMessage(response) });
  }

  #post(session: ActiveState, payload: Payload): void {
    this.#reply(session.framing.seal(payload), session.peer);
  }

  #track(work: Promise<void>): void {
    const settled = work
      .catch((error: unknown) => this.#log.error('IPMI answer failed', { why: errorText(error) }))
      .finally(() => this.#working.delete(settled));
    this.#working.add(settled);
  }
}

function sameRequest(a: LanMessage, b: LanMessage): boolean {
  return a.sequence === b.sequence && a.netFn === b.netFn && a.cmd === b.cmd && bytesEqual(a.data, b.data);
}
