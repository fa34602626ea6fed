import type { Clock, Timer } from '../core/clock.ts';
import { sleep } from '../core/clock.ts';
import { type IngotError, errorText } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import type { Trace } from '../core/trace.ts';
import { utf8Bytes } from '../wire/hex.ts';
import type { Route } from './bridge.ts';
import { Channel } from './channel.ts';
import { getDeviceId } from './commands/app/device-id.ts';
import { type Command, at } from './commands/command.ts';
import { ipmiErrors } from './errors.ts';
import { MAX_USERNAME } from './handshake.ts';
import { MAX_PASSWORD_V15, passwordBytes, tooLong } from './password.ts';
import { type LoginPlan, type V15Policy, firstPlan, planAfter, rolesFor } from './login-plan.ts';
import { type LoginOutcome, type OpenedSession, login } from './login.ts';
import { Privilege, privilegeName } from './numbers.ts';
import { DEFAULT_PACE, type Pace, Pacer } from '../core/pacer.ts';
import { Session, type SessionTiming } from './session.ts';
import { CLIENT_SUITES, type CipherSuite, SUITE_WITHOUT_PASSWORD, suiteById } from './suites.ts';
import { type UdpConnect, nodeUdpConnect } from './udp.ts';
import type { WireQuirks } from './wire-quirks.ts';

export interface IpmiTarget {
  /** Name or address. */
  host: string;
  /** UDP port, 623 as a rule. */
  port: number;
  username: string;
  password: string;
  /** Privilege level to log in with; default administrator. */
  privilege?: number;
  /** Cipher suites in the order to try; default all, 17 and 3 first. 0 needs the quirk `noAuthentication`. */
  suites?: readonly number[];
  /** The one of them that worked last time. */
  firstSuite?: number;
  /** BMC key of two-key logins, 20 bytes. */
  kg?: Uint8Array;
  /** Default `if-only`. */
  v15?: V15Policy;
  quirks?: WireQuirks;
  /** The machine's own controller is not the one that is logged in to, but one behind it (Ironic: ipmi_bridging). */
  route?: Route;
}

export interface IpmiDoors {
  clock: Clock;
  random: () => number;
  log: Logger;
  connect?: UdpConnect;
  /** Hears of every command inside a session, secrets included. */
  trace?: Trace;
}

export interface IpmiTiming extends SessionTiming {
  pace: Pace;
  /** After so long without a command the session is kept alive by Get Device ID, ms. BMCs drop it after 60 s. */
  keepAliveMs: number;
  /** After so long without a command the session is closed, ms. */
  idleCloseMs: number;
  /** Wait for the answer to Close Session, ms. */
  closeMs: number;
}

export const DEFAULT_TIMING: IpmiTiming = {
  timeoutMs: 1000,
  timeoutStepMs: 1000,
  maxTimeoutMs: 6000,
  sends: 4,
  pace: DEFAULT_PACE,
  keepAliveMs: 25_000,
  idleCloseMs: 100_000,
  closeMs: 500,
};

/** What a link of `IpmiClient.link` calls. Must not throw. */
export interface LinkHandlers {
  /** A payload came: verified, each once, in the order of arrival. */
  payload(bytes: Uint8Array): void;
  /** The session is over, and the link with it. Called once, never after `release`. */
  ended(): void;
}

/** A way to send and get payloads other than IPMI messages over the session that is open. */
export interface PayloadLink {
  /** Sends at once, unpaced; nothing happens when the session is over. */
  send(bytes: Uint8Array): void;
  /** Gives the session up; it may then be closed when idle. */
  release(): void;
}

/** A session unused for longer than this is probed before a command that must not be sent twice. */
const TRUST_MS = 10_000;

/**
 * One BMC. Keeps at most one session, opened with the first command, and one command in flight; closes the session when
 * idle. All methods may be called at any time from anywhere: they queue.
 */
export class IpmiClient {
  readonly #target: IpmiTarget;
  readonly #quirks: WireQuirks;
  readonly #password: Uint8Array;
  readonly #doors: IpmiDoors;
  readonly #timing: IpmiTiming;
  readonly #pacer: Pacer;
  #suites: readonly number[];
  #session: Session | undefined;
  #tail: Promise<unknown> = Promise.resolve();
  #idleTimer: Timer | undefined;
  #spokeV2 = false;
  #lastCommand = 0;
  #lastAnswer = 0;
  readonly #closed = new AbortController();
  readonly #links = new Set<LinkHandlers>();

  /**
   * @throws IPMI_AUTH_FAILED when the name fits no BMC, IPMI_PASSWORD_TOO_LONG, IPMI_NO_SUITE for a suite that is not
   *   spoken
   */
  constructor(target: IpmiTarget, doors: IpmiDoors, timing: Partial<IpmiTiming> = {}) {
    if (utf8Bytes(target.username).length > MAX_USERNAME) {
      throw ipmiErrors.make('IPMI_AUTH_FAILED', `the user name is longer than the ${MAX_USERNAME} bytes of IPMI`);
    }
    this.#quirks = target.quirks ?? {};
    this.#password = passwordBytes(target.password, this.#quirks);
    this.#target = target;
    this.#doors = doors;
    this.#timing = { ...DEFAULT_TIMING, ...timing };
    this.#pacer = new Pacer(doors.clock, this.#timing.pace);
    const open = this.#quirks.noAuthentication === true;
    const suites = target.suites ?? CLIENT_SUITES;
    const all = open && target.suites === undefined ? [...suites, SUITE_WITHOUT_PASSWORD] : suites;
    this.#suites = target.firstSuite === undefined ? all : firstOf(all, target.firstSuite);
    for (const id of this.#suites) {
      knownSuite(id);
      if (id === SUITE_WITHOUT_PASSWORD && !open) {
        throw ipmiErrors.make('IPMI_NO_SUITE', 'cipher suite 0, which needs no password, is not allowed');
      }
    }
  }

  /** Cipher suite of the open session. */
  get suite(): number | undefined {
    return this.#session?.suite;
  }

  /** What the open session speaks, for people. */
  get protocol(): string | undefined {
    return this.#session?.protocol;
  }

  /** GUID of the BMC as it stands on the wire, when a session is open. */
  get guid(): Uint8Array | undefined {
    return this.#session?.guid;
  }

  /**
   * Runs one command, opening a session when there is none. A lost session is opened again once and the command
   * repeated, unless the command must not run twice.
   * @throws IPMI_* of errors.ts, or the signal's reason
   */
  async run<T>(command: Command<T>, signal: AbortSignal): Promise<T> {
    const { route } = this.#target;
    const routed = route === undefined || command.route !== undefined ? command : at(command, { route });
    const answer = await this.#queue(async (both) => {
      this.#lastCommand = this.#doors.clock.monotonic();
      return await this.#runNow(routed, both);
    }, signal);
    return answer;
  }

  /**
   * Asks for something that many BMCs do not know and that is not needed: one send, a short wait.
   * @returns undefined when the BMC refuses or stays silent
   * @throws what `run` throws, silence and refusals aside
   */
  async tryRun<T>(command: Command<T>, timeoutMs: number, signal: AbortSignal): Promise<T | undefined> {
    return await this.#queue(async (both) => {
      const session = this.#session ?? (await this.#openSession(both));
      await this.#pacer.turn(both);
      return await session.tryRequest(command, timeoutMs, both);
    }, signal);
  }

  /**
   * Subscribes to payloads of `type` (PayloadType.sol), opening a session when there is none. The session is kept while
   * the link lives, and `run` uses the same one: a session that is lost ends the link before another one is opened.
   * @throws what `run` throws; IPMI_NEEDS_V2
   */
  async link(type: number, handlers: LinkHandlers, signal: AbortSignal): Promise<PayloadLink> {
    return await this.#queue(async (both) => {
      const session = this.#session ?? (await this.#openSession(both));
      if (session.suite === undefined) throw withoutPayloads(session.protocol);
      const unsubscribe = session.subscribe(type, (bytes) => handlers.payload(bytes));
      this.#links.add(handlers);
      return {
        send: (bytes) => {
          if (this.#links.has(handlers)) session.post({ type, bytes });
        },
        release: () => {
          unsubscribe();
          this.#links.delete(handlers);
        },
      };
    }, signal);
  }

  /** Ends the session and refuses further commands. What waits in the queue fails with IPMI_CLOSED. */
  async close(): Promise<void> {
    if (this.#closed.signal.aborted) return;
    this.#closed.abort(ipmiErrors.make('IPMI_CLOSED', `the connection to ${this.#target.host} was closed`));
    this.#idleTimer?.cancel();
    await this.#tail;
    await this.#endSession();
  }

  /** Runs `work` when all earlier work is done. */
  #queue<T>(work: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
    const both = AbortSignal.any([signal, this.#closed.signal]);
    const before = this.#tail;
    const result = this.#afterTurn(before, work, both);
    this.#tail = Promise.allSettled([before, result]);
    return result;
  }

  async #afterTurn<T>(
    before: Promise<unknown>,
    work: (signal: AbortSignal) => Promise<T>,
    signal: AbortSignal,
  ): Promise<T> {
    await settledOrAborted(before, signal);
    this.#idleTimer?.cancel();
    try {
      return await work(signal);
    } finally {
      this.#watchIdle();
    }
  }

  async #runNow<T>(command: Command<T>, signal: AbortSignal): Promise<T> {
    if (!command.idempotent) await this.#probe(signal);
    try {
      return await this.#send(command, signal);
    } catch (error) {
      if (!ipmiErrors.is(error, 'IPMI_SESSION_LOST')) throw error;
      this.#doors.log.info('IPMI session lost, opening a new one', { bmc: this.#target.host, why: error.message });
      return await this.#send(command, signal);
    }
  }

  /** Makes sure that a command which is sent only once does not meet a session the BMC has forgotten. */
  async #probe(signal: AbortSignal): Promise<void> {
    const fresh = this.#doors.clock.monotonic() - this.#lastAnswer < TRUST_MS;
    if (this.#session === undefined || fresh || this.#quirks.bareSession === true) return;
    try {
      await this.#send(getDeviceId(), signal);
    } catch (error) {
      if (!ipmiErrors.is(error, 'IPMI_SESSION_LOST')) throw error;
    }
  }

  async #send<T>(command: Command<T>, signal: AbortSignal): Promise<T> {
    const session = this.#session ?? (await this.#openSession(signal));
    if (command.bulk !== true) await this.#pacer.turn(signal, command.cost);
    try {
      const answer = await session.request(command, signal);
      this.#lastAnswer = this.#doors.clock.monotonic();
      return answer;
    } catch (error) {
      if (ipmiErrors.is(error, 'IPMI_SESSION_LOST') || ipmiErrors.is(error, 'IPMI_UNCERTAIN')) {
        this.#pacer.failed();
        await this.#endSession();
      }
      throw error;
    }
  }

  async #openSession(signal: AbortSignal): Promise<Session> {
    const roles = rolesFor(this.#target.privilege ?? Privilege.administrator, this.#quirks.noNameOnlyLookup !== true);
    let plan = firstPlan(this.#suites, roles, this.#v15Policy());
    for (;;) {
      const { outcome, channel } = await this.#attempt(plan, signal);
      if (outcome.kind === 'open') return await this.#begin(channel, outcome.session, signal);
      const next = planAfter(plan, outcome);
      if (next.kind === 'fail') throw await this.#explained(next.error, channel, signal);
      channel.close();
      this.#doors.log.debug('IPMI login tried again', { bmc: this.#target.host, after: outcome, suite: plan.suite });
      plan = next.plan;
      await sleep(this.#doors.clock, next.delayMs, signal);
    }
  }

  /** A BMC that spoke IPMI 2.0 once still does: who says otherwise would only like to see a weaker login. */
  #v15Policy(): V15Policy {
    const wanted = this.#target.v15 ?? 'if-only';
    const never = wanted === 'if-only' && (this.#quirks.neverV15 === true || this.#spokeV2);
    return never ? 'never' : wanted;
  }

  /** A BMC that is silent to IPMI but answers a ping is there, with IPMI over LAN switched off. */
  async #explained(error: IngotError, channel: Channel, signal: AbortSignal): Promise<IngotError> {
    try {
      const silent = ipmiErrors.is(error, 'IPMI_TIMEOUT') && error.seen['step'] === 'capabilities';
      if (!silent || !(await channel.ping(this.#timing.timeoutMs, signal))) return error;
    } finally {
      channel.close();
    }
    return ipmiErrors.make('IPMI_TIMEOUT', `${error.message}; it does answer an RMCP ping`, {
      seen: error.seen,
      hint: 'the BMC is there: enable IPMI over LAN in its settings',
    });
  }

  /** One login from a new source port. */
  async #attempt(plan: LoginPlan, signal: AbortSignal): Promise<Attempt> {
    const { username, kg } = this.#target;
    if (plan.v15 && this.#password.length > MAX_PASSWORD_V15) throw tooLong(MAX_PASSWORD_V15, 'IPMI 1.5');
    const request = {
      suite: knownSuite(plan.suite),
      role: plan.role,
      username: utf8Bytes(username),
      password: this.#password,
      quirks: this.#quirks,
      v15: plan.v15,
      plainPassword: plan.v15Policy === 'always',
      // Only after silence to that very question: others, pyghmi for one, never answer a question without the bit.
      plainFirst: (plan.silentAt.capabilities ?? 0) % 2 === 1,
      ...(kg === undefined ? {} : { kg }),
    };
    const { timeoutMs, timeoutStepMs, maxTimeoutMs } = this.#timing;
    const full = Math.min(maxTimeoutMs, timeoutMs + plan.setbacks * timeoutStepMs);
    const jittered = full * (0.75 + 0.25 * this.#doors.random());
    const channel = await Channel.open(this.#doors.connect ?? nodeUdpConnect, this.#target, this.#doors.clock);
    try {
      return { channel, outcome: await login(channel, request, jittered, signal) };
    } catch (error) {
      channel.close();
      throw error;
    }
  }

  async #begin(channel: Channel, opened: OpenedSession, signal: AbortSignal): Promise<Session> {
    const session = new Session(channel, opened, this.#doors.clock, this.#timing, this.#quirks, this.#doors.trace);
    try {
      const privilege = await session.raisePrivilege(signal);
      const { host, port } = this.#target;
      this.#doors.log.debug('IPMI session open', { bmc: host, port, protocol: session.protocol, privilege });
      this.#warnOf(opened, privilege);
    } catch (error) {
      await session.close(this.#timing.closeMs);
      throw error;
    }
    this.#session = session;
    const { suite } = session;
    this.#spokeV2 ||= suite !== undefined;
    if (suite !== undefined) this.#suites = firstOf(this.#suites, suite);
    return session;
  }

  /** Says what is weaker than it should be. */
  #warnOf({ suite, v15Auth }: OpenedSession, privilege: number): void {
    const { log } = this.#doors;
    const { host: bmc, privilege: wanted = Privilege.administrator } = this.#target;
    if (suite === SUITE_WITHOUT_PASSWORD || v15Auth === 'none') {
      log.warn('IPMI session without any password: anybody on this network can have one', { bmc });
    } else if (v15Auth === 'password' || (v15Auth === 'oem' && this.#quirks.oemAuth === 'quanta')) {
      log.warn('IPMI 1.5 session with the password in the clear', { bmc });
    } else if (v15Auth === 'oem') {
      log.warn('IPMI 1.5 session by OEM authentication: who sees its packets can send others', { bmc });
    }
    if (privilege < wanted) {
      log.warn('IPMI session has less privilege than wanted', {
        bmc,
        wanted: privilegeName(wanted),
        has: privilegeName(privilege),
      });
    }
  }

  async #endSession(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    const links = [...this.#links];
    this.#links.clear();
    for (const link of links) link.ended();
    await session?.close(this.#timing.closeMs);
  }

  #watchIdle(): void {
    if (this.#session === undefined || this.#closed.signal.aborted) return;
    this.#idleTimer?.cancel();
    this.#idleTimer = this.#doors.clock.timer(this.#timing.keepAliveMs, () => void this.#idle(), true);
  }

  async #idle(): Promise<void> {
    const unused = this.#doors.clock.monotonic() - this.#lastCommand;
    const rest = unused >= this.#timing.idleCloseMs && this.#links.size === 0;
    try {
      await this.#queue((signal) => (rest ? this.#endSession() : this.#keepAlive(signal)), this.#closed.signal);
    } catch (error) {
      this.#doors.log.debug('IPMI keep-alive failed', { bmc: this.#target.host, why: errorText(error) });
    }
  }

  async #keepAlive(signal: AbortSignal): Promise<void> {
    if (this.#session !== undefined && this.#quirks.bareSession !== true) await this.#send(getDeviceId(), signal);
  }
}

/** `suites` with one of them moved to the front; one that is not among them is not allowed. */
function firstOf(suites: readonly number[], first: number): readonly number[] {
  return suites.includes(first) ? [first, ...suites.filter((s) => s !== first)] : suites;
}

/** Packets of IPMI 1.5 have no payload type (§13.6), so they carry IPMI messages and nothing else. */
function withoutPayloads(protocol: string): IngotError {
  const text = `the session is one of ${protocol}, and serial over LAN is a payload of RMCP+ (IPMI v2.0 §13.27.3, §15)`;
  return ipmiErrors.make('IPMI_NEEDS_V2', text);
}

interface Attempt {
  outcome: LoginOutcome;
  channel: Channel;
}

/** Waits for `before`, however it ends; whoever gives up does not wait on. @throws the signal's reason */
function settledOrAborted(before: Promise<unknown>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    void Promise.allSettled([before]).then(() => {
      signal.removeEventListener('abort', onAbort);
      if (signal.aborted) onAbort();
      else resolve();
    });
    if (signal.aborted) onAbort();
  });
}

function knownSuite(id: number): CipherSuite {
  const suite = suiteById(id);
  if (suite === undefined) throw ipmiErrors.make('IPMI_NO_SUITE', `cipher suite ${id} is not spoken`);
  return suite;
}
