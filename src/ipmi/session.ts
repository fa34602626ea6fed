import { type Clock, sleep } from '../core/clock.ts';
import { IngotError } from '../core/errors.ts';
import type { Trace } from '../core/trace.ts';
import { toHex } from '../wire/hex.ts';
import { ByteReader } from '../wire/reader.ts';
import { type Bridged, BridgeWatch, NOT_ACKNOWLEDGED, routeText, wrap } from './bridge.ts';
import type { Channel } from './channel.ts';
import { closeSession } from './commands/session/close.ts';
import { setSessionPrivilege } from './commands/session/privilege.ts';
import type { Command } from './commands/command.ts';
import { ipmiErrors } from './errors.ts';
import { type LanMessage, answers, decodeLanMessage, encodeLanMessage, requestMessage } from './lan-message.ts';
import type { OpenedSession } from './login.ts';
import { Completion, PayloadType, Privilege, completionText } from './numbers.ts';
import type { Payload } from './framing.ts';
import { RequestNumbers } from './request-numbers.ts';
import { retryRule } from './retry-rules.ts';
import type { Datagram } from './packet.ts';
import type { WireQuirks } from './wire-quirks.ts';

export interface SessionTiming {
  /** Wait for the first answer, ms; each re-send waits `timeoutStepMs` longer, up to `maxTimeoutMs`. */
  timeoutMs: number;
  timeoutStepMs: number;
  maxTimeoutMs: number;
  /** Sends of one idempotent request before the session counts as lost. */
  sends: number;
}

/** Sends of a request to a satellite that the BMC passes on and nobody answers. */
const SATELLITE_SENDS = 2;
const CLOSE_SENDS = 2;

/** Gets the payloads of one type, verified, each once, in the order in which they come. Must not throw. */
export type PayloadHandler = (bytes: Uint8Array) => void;

/** An open session of the console side. One request at a time: the caller queues. */
export class Session {
  readonly #trace: Trace | undefined;
  readonly #channel: Channel;
  readonly #opened: OpenedSession;
  readonly #clock: Clock;
  readonly #timing: SessionTiming;
  readonly #subscribers = new Map<number, PayloadHandler>();
  readonly #ignoreChecksums: boolean;
  readonly #bare: boolean;
  readonly #numbers = new RequestNumbers();

  constructor(
    channel: Channel,
    opened: OpenedSession,
    clock: Clock,
    timing: SessionTiming,
    quirks: WireQuirks = {},
    trace?: Trace,
  ) {
    this.#trace = trace;
    this.#channel = channel;
    this.#opened = opened;
    this.#clock = clock;
    this.#timing = timing;
    this.#ignoreChecksums = quirks.ignoreChecksums === true;
    this.#bare = quirks.bareSession === true;
    channel.listen((datagram) => this.#unasked(datagram));
  }

  /** Cipher suite; undefined in IPMI 1.5. */
  get suite(): number | undefined {
    return this.#opened.suite;
  }

  /** What the session speaks, for people: "IPMI 2.0, cipher suite 17". */
  get protocol(): string {
    const { suite, v15Auth } = this.#opened;
    return suite === undefined ? `IPMI 1.5, authentication ${v15Auth ?? 'none'}` : `IPMI 2.0, cipher suite ${suite}`;
  }

  /** GUID that came with the login; IPMI 1.5 has none. */
  get guid(): Uint8Array | undefined {
    return this.#opened.bmcGuid;
  }

  /**
   * Hands payloads of `type` to `handler` until the function returned is called. IPMI messages cannot be had this way.
   * @param type PayloadType.sol, …
   */
  subscribe(type: number, handler: PayloadHandler): () => void {
    this.#subscribers.set(type, handler);
    return () => {
      if (this.#subscribers.get(type) === handler) this.#subscribers.delete(type);
    };
  }

  /** Sends a payload and waits for nothing. */
  post(payload: Payload): void {
    this.#channel.post(this.#opened.framing.seal(payload));
  }

  /** Payloads that somebody subscribed to go there, whatever exchange is under way. */
  #unasked(datagram: Datagram): boolean {
    if (datagram.kind !== 'v2.0' || datagram.payloadType === PayloadType.ipmi) return false;
    const handler = this.#subscribers.get(datagram.payloadType);
    if (handler === undefined) return false;
    const payload = this.#opened.framing.open(datagram);
    if (payload !== undefined) handler(payload.bytes);
    return true;
  }

  /**
   * Raises the session from User, where it starts, to the level of the login (§22.18).
   * @returns the level in force: the highest that the BMC gives, up to the one wanted
   */
  async raisePrivilege(signal: AbortSignal): Promise<number> {
    if (this.#bare) return this.#opened.privilege;
    for (let level = this.#opened.privilege; level > Privilege.user; level--) {
      try {
        return await this.request(setSessionPrivilege(level), signal);
      } catch (error) {
        if (!ipmiErrors.is(error, 'IPMI_COMPLETION')) throw error;
      }
    }
    return Math.min(this.#opened.privilege, Privilege.user);
  }

  /**
   * Runs one command; re-sends it when it may run twice, waits out a busy BMC.
   * @throws IPMI_SESSION_LOST (no answer), IPMI_UNCERTAIN (no answer to a command sent once), IPMI_COMPLETION,
   *   IPMI_BUSY, IPMI_MALFORMED, or the signal's reason
   */
  async request<T>(command: Command<T>, signal: AbortSignal): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      const start = this.#clock.monotonic();
      const outcome = await this.#once(command, signal);
      const data = outcome.kind === 'answer' ? outcome.data : Uint8Array.of(outcome.completion);
      this.#traced(command, data, start);
      const completion = data[0] ?? Completion.unspecified;
      if (completion === Completion.ok) return readAnswer(command, data);
      const rule = retryRule(completion);
      const again = rule !== undefined && attempt < rule.tries && (command.idempotent || rule.notBegun);
      if (!again) throw refused(command, completion, outcome.kind === 'refused');
      await sleep(this.#clock, rule.delayMs * attempt, signal);
    }
  }

  /** One send of one request; undefined when there is no answer in time, or a refusal. */
  async tryRequest<T>(command: Command<T>, timeoutMs: number, signal: AbortSignal): Promise<T | undefined> {
    const message = this.#message(command);
    try {
      const accept = (datagram: Datagram) => this.#answer(datagram, message);
      const data = await this.#channel.exchange(this.#packet(message), accept, timeoutMs, signal);
      return data[0] === Completion.ok ? readAnswer(command, data) : undefined;
    } catch (error) {
      const unanswered = ipmiErrors.is(error, 'IPMI_TIMEOUT') || ipmiErrors.is(error, 'IPMI_SOCKET');
      if (unanswered) this.#numbers.avoid(message.sequence, this.#clock.monotonic());
      if (unanswered || ipmiErrors.is(error, 'IPMI_MALFORMED')) return undefined;
      throw error;
    }
  }

  #message(command: Command<unknown>): LanMessage {
    const { netFn, cmd, data, lun } = command;
    const number = this.#numbers.next(this.#clock.monotonic());
    return { ...requestMessage(netFn, cmd, number, data), ...(lun === undefined ? {} : { lun }) };
  }

  #traced<T>(command: Command<T>, answer: Uint8Array, start: number): void {
    const { name, netFn, cmd, data } = command;
    const ms = Math.round(this.#clock.monotonic() - start);
    this.#trace?.({ protocol: this.protocol, command: name, netFn, cmd, sent: toHex(data), answer: toHex(answer), ms });
  }

  /** One request, answered or given up. Data of an answer begin with the completion code. */
  async #once<T>(command: Command<T>, signal: AbortSignal): Promise<Bridged> {
    const message = this.#message(command);
    const { route } = command;
    const watch = route === undefined ? undefined : new BridgeWatch(message, !this.#ignoreChecksums);
    const outer = route === undefined ? message : wrap(message, route);
    const accept = (datagram: Datagram): Bridged | undefined => {
      if (watch !== undefined) {
        const reply = this.#reply(datagram);
        return reply === undefined ? undefined : watch.see(reply);
      }
      const data = this.#answer(datagram, message);
      return data === undefined ? undefined : { kind: 'answer', data };
    };
    const { timeoutMs, timeoutStepMs, maxTimeoutMs } = this.#timing;
    let sends = command.idempotent ? this.#timing.sends : 1;
    let cause: unknown = undefined;
    for (let send = 0; send < sends; send++) {
      // An answer to the first copy may come late, so that nothing else may have this number for a while.
      if (send > 0) this.#numbers.avoid(message.sequence, this.#clock.monotonic());
      // A command that is sent once gets the patience of all sends.
      const timeout = command.idempotent ? Math.min(maxTimeoutMs, timeoutMs + send * timeoutStepMs) : maxTimeoutMs;
      try {
        return await this.#channel.exchange(this.#packet(outer), accept, timeout, signal);
      } catch (error) {
        if (!ipmiErrors.is(error, 'IPMI_TIMEOUT') && !ipmiErrors.is(error, 'IPMI_SOCKET')) throw error;
        cause = error;
        // The BMC took it, so it lives; a satellite that is silent twice is not there.
        if (watch?.taken === true) sends = Math.min(sends, SATELLITE_SENDS);
      }
    }
    this.#numbers.avoid(message.sequence, this.#clock.monotonic());
    throw silent(command, sends, watch?.taken === true, cause);
  }

  #packet(message: LanMessage): Uint8Array {
    return this.#opened.framing.seal({ type: PayloadType.ipmi, bytes: encodeLanMessage(message) });
  }

  /** The IPMI message in a packet of this session. */
  #reply(datagram: Datagram): LanMessage | undefined {
    const payload = this.#opened.framing.open(datagram);
    return payload?.type === PayloadType.ipmi ? decodeLanMessage(payload.bytes, !this.#ignoreChecksums) : undefined;
  }

  #answer(datagram: Datagram, message: LanMessage): Uint8Array | undefined {
    const reply = this.#reply(datagram);
    // "Duplicated request" says that the first copy is being run: its answer is what we wait for.
    if (reply === undefined || !answers(reply, message) || reply.data[0] === Completion.duplicate) return undefined;
    return reply.data;
  }

  /**
   * Ends the session on the BMC, which else keeps it for a minute out of its few. Sent twice when the first is lost.
   * @param waitMs how long to wait for an answer; it may never come
   */
  async close(waitMs: number): Promise<void> {
    const message = this.#message(closeSession(this.#opened.bmcSessionId));
    try {
      for (let send = 0; send < CLOSE_SENDS; send++) {
        if (await this.#closes(message, waitMs / CLOSE_SENDS)) return;
      }
    } finally {
      this.#channel.close();
    }
  }

  async #closes(message: LanMessage, waitMs: number): Promise<boolean> {
    const accept = (datagram: Datagram) => this.#answer(datagram, message);
    try {
      await this.#channel.exchange(this.#packet(message), accept, waitMs, new AbortController().signal);
      return true;
    } catch (error) {
      if (!(error instanceof IngotError)) throw error;
      return false;
    }
  }
}

function readAnswer<T>(command: Command<T>, data: Uint8Array): T {
  try {
    return command.parse(new ByteReader(data.subarray(1)));
  } catch (cause) {
    throw ipmiErrors.make('IPMI_MALFORMED', `the answer to ${command.name} is too short`, { cause });
  }
}

/** @param onTheWay it was not the one the command is for that refused it, but somebody between */
function refused(command: Command<unknown>, completion: number, onTheWay: boolean): IngotError {
  const passing = retryRule(completion)?.passing === true;
  const { name, route } = command;
  const absent = onTheWay && completion === NOT_ACKNOWLEDGED;
  const why = absent ? '0x83 (not acknowledged, nobody is there)' : completionText(completion);
  const text = route === undefined ? `${name}: ${why}` : `${name} for ${routeText(route)}: ${why}`;
  return ipmiErrors.make(passing ? 'IPMI_BUSY' : 'IPMI_COMPLETION', text, {
    seen: { command: name, completion, ...(onTheWay ? { onTheWay } : {}) },
    ...(passing ? { hint: 'the BMC stayed busy; the command is tried again later' } : {}),
  });
}

function silent(command: Command<unknown>, sends: number, taken: boolean, cause: unknown): IngotError {
  const { name, idempotent, route } = command;
  if (!idempotent) return ipmiErrors.make('IPMI_UNCERTAIN', `no answer to ${name}, sent ${sends} times`, { cause });
  if (taken && route !== undefined) {
    const text = `no answer to ${name} from ${routeText(route)}, although the BMC passed it on`;
    return ipmiErrors.make('IPMI_SATELLITE_SILENT', text, { cause });
  }
  return ipmiErrors.make('IPMI_SESSION_LOST', `no answer to ${name}, sent ${sends} times`, { cause });
}
