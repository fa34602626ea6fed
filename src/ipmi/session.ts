import { type Clock, sleep } from '../core/clock.ts';
import { IngotError } from '../core/errors.ts';
import type { Trace } from '../core/trace.ts';
import { toHex } from '../wire/hex.ts';
import { ByteReader } from '../wire/reader.ts';
import type { Channel } from './channel.ts';
import { closeSession, setSessionPrivilege } from './commands/app.ts';
import type { Command } from './commands/command.ts';
import { ipmiErrors } from './errors.ts';
import { type LanMessage, answers, decodeLanMessage, encodeLanMessage, requestMessage } from './lan-message.ts';
import type { OpenedSession } from './login.ts';
import { Completion, PayloadType, Privilege, completionText } from './numbers.ts';
import type { Payload } from './framing.ts';
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

/** Tries of a request that the BMC answers with "busy" or "timeout". */
const BUSY_TRIES = 4;
const BUSY_DELAY_MS = 500;
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
  #rqSeq = 0;

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
      const data = await this.#once(command, signal);
      this.#traced(command, data, start);
      const completion = data[0] ?? Completion.unspecified;
      if (completion === Completion.ok) return readAnswer(command, data);
      const busy = completion === Completion.nodeBusy || completion === Completion.timeout;
      if (!busy || !command.idempotent || attempt >= BUSY_TRIES) throw refused(command, completion);
      await sleep(this.#clock, BUSY_DELAY_MS * attempt, signal);
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
      const silent = ipmiErrors.is(error, 'IPMI_TIMEOUT') || ipmiErrors.is(error, 'IPMI_SOCKET');
      if (silent || ipmiErrors.is(error, 'IPMI_MALFORMED')) return undefined;
      throw error;
    }
  }

  #message(command: Command<unknown>): LanMessage {
    this.#rqSeq = (this.#rqSeq + 1) & 0x3f;
    return requestMessage(command.netFn, command.cmd, this.#rqSeq, command.data);
  }

  #traced<T>(command: Command<T>, answer: Uint8Array, start: number): void {
    const { name, netFn, cmd, data } = command;
    const ms = Math.round(this.#clock.monotonic() - start);
    this.#trace?.({ protocol: this.protocol, command: name, netFn, cmd, sent: toHex(data), answer: toHex(answer), ms });
  }

  /** One request, answered or given up. Returns completion code and data. */
  async #once<T>(command: Command<T>, signal: AbortSignal): Promise<Uint8Array> {
    const message = this.#message(command);
    const { timeoutMs, timeoutStepMs, maxTimeoutMs } = this.#timing;
    const sends = command.idempotent ? this.#timing.sends : 1;
    let cause: unknown = undefined;
    for (let send = 0; send < sends; send++) {
      // A command that is sent once gets the patience of all sends.
      const timeout = command.idempotent ? Math.min(maxTimeoutMs, timeoutMs + send * timeoutStepMs) : maxTimeoutMs;
      try {
        const accept = (datagram: Datagram) => this.#answer(datagram, message);
        return await this.#channel.exchange(this.#packet(message), accept, timeout, signal);
      } catch (error) {
        if (!ipmiErrors.is(error, 'IPMI_TIMEOUT') && !ipmiErrors.is(error, 'IPMI_SOCKET')) throw error;
        cause = error;
      }
    }
    const code = command.idempotent ? 'IPMI_SESSION_LOST' : 'IPMI_UNCERTAIN';
    throw ipmiErrors.make(code, `no answer to ${command.name}, sent ${sends} times`, { cause });
  }

  #packet(message: LanMessage): Uint8Array {
    return this.#opened.framing.seal({ type: PayloadType.ipmi, bytes: encodeLanMessage(message) });
  }

  #answer(datagram: Datagram, message: LanMessage): Uint8Array | undefined {
    const payload = this.#opened.framing.open(datagram);
    if (payload?.type !== PayloadType.ipmi) return undefined;
    const reply = decodeLanMessage(payload.bytes, !this.#ignoreChecksums);
    // "Duplicated request" says that the first copy is being run: its answer is what we wait for.
    if (!answers(reply, message) || reply.data[0] === Completion.duplicate) return undefined;
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

function refused(command: Command<unknown>, completion: number): IngotError {
  const busy = completion === Completion.nodeBusy || completion === Completion.timeout;
  return ipmiErrors.make(busy ? 'IPMI_BUSY' : 'IPMI_COMPLETION', `${command.name}: ${completionText(completion)}`, {
    seen: { command: command.name, completion },
    ...(busy ? { hint: 'the BMC stayed busy; the command is tried again later' } : {}),
  });
}
