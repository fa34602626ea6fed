import { randomBytes } from 'node:crypto';
import { IngotError } from '../core/errors.ts';
import { ByteReader } from '../wire/reader.ts';
import type { Channel } from './channel.ts';
import { type AuthCapabilities, getAuthCapabilities } from './commands/session/auth-capabilities.ts';
import { closeSession } from './commands/session/close.ts';
import {
  type Handshake,
  codesEqual,
  rakp2Code,
  rakp3Code,
  rakp4Code,
  rakp4CodeByIntegrity,
  sessionIntegrityKey,
  sessionKeys,
  userKey,
} from './crypto.ts';
import { ipmiErrors } from './errors.ts';
import { type Framing, V20Framing } from './framing.ts';
import * as handshake from './handshake.ts';
import { answers, decodeLanMessage, encodeLanMessage, requestMessage } from './lan-message.ts';
import { Completion, PayloadType, RakpStatus } from './numbers.ts';
import { loginV15 } from './login-v15.ts';
import { type Datagram, encodeV20Plain } from './packet.ts';
import { type V15Auth, encodeV15 } from './packet-v15.ts';
import { type CipherSuite, algorithmsOf, suiteByAlgorithms } from './suites.ts';
import type { WireQuirks } from './wire-quirks.ts';

/** The level to log in with, and how the BMC shall look up the user: by name alone, or by name and level. */
export interface Role {
  level: number;
  nameOnly: boolean;
}

export interface LoginRequest {
  suite: CipherSuite;
  role: Role;
  /** At most 16 bytes; none: the null user. */
  username: Uint8Array;
  /** At most 20 bytes. */
  password: Uint8Array;
  /** Key of the BMC for two-key logins, 20 bytes. */
  kg?: Uint8Array;
  quirks: WireQuirks;
  /** Log in by IPMI 1.5. */
  v15: boolean;
  /** IPMI 1.5 may send the password as it is. */
  plainPassword: boolean;
  /** Ask first without the IPMI 2.0 bit: some old boards do not answer a question that has it. */
  plainFirst: boolean;
}

/** The packet whose answer was awaited or came. */
export type LoginStep = 'capabilities' | 'open' | 'rakp2' | 'rakp4' | 'challenge' | 'activate';

/** How one attempt to log in ended. What to do about it is decided in `login-plan.ts`. */
export type LoginOutcome =
  | { kind: 'open'; session: OpenedSession }
  /** `waited` is false when the network said at once that nobody is there. */
  | { kind: 'silence'; step: LoginStep; waited: boolean; reason: string }
  | { kind: 'refused'; step: 'open' | 'rakp2' | 'rakp4'; status: number }
  | { kind: 'refused-v15'; step: 'challenge' | 'activate'; completion: number }
  /** The BMC chose other algorithms than asked; `suite` is their suite when we speak it. */
  | { kind: 'other-suite'; suite: number | undefined }
  /** The BMC speaks IPMI 1.5 only. */
  | { kind: 'not-v2' }
  /** IPMI 1.5 with authentication types of which none is allowed. */
  | { kind: 'no-auth-type'; offered: readonly V15Auth[] }
  /** The proof of the BMC does not fit our password. */
  | { kind: 'bad-proof'; step: 'rakp2' | 'rakp4' };

export interface OpenedSession {
  framing: Framing;
  /** The id that Close Session names. */
  bmcSessionId: number;
  /** Absent in IPMI 1.5, like the suite. */
  bmcGuid: Uint8Array | undefined;
  suite: number | undefined;
  /** IPMI 1.5: how its packets are signed. */
  v15Auth?: V15Auth;
  privilege: number;
}

/** Wait for an answer that decides nothing any more. */
const ABANDON_MS = 250;
const NAME_ONLY_LOOKUP = 0x10;
const NO_CAPABILITIES = { channel: 0, v2: false, v15: false, types: [], kgSet: false, perMessageAuth: true };
/** What is taken for granted of a BMC that is not asked. */
const RMCP_PLUS: AuthCapabilities = { ...NO_CAPABILITIES, v2: true };
/** A BMC that answers without the IPMI 2.0 fields and never with them speaks IPMI 1.5 only. */
const SILENT_TRIES = 3;

/**
 * One attempt to open a session (§13.15, §6.12.7) over a fresh channel. Nothing is re-sent: once an answer is missing,
 * the state of the BMC is unknown and only a new attempt from the start is safe.
 * @param timeoutMs wait for each answer
 * @throws only the signal's reason and IPMI_CLOSED; everything a BMC can do is an outcome
 */
export async function login(
  channel: Channel,
  request: LoginRequest,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<LoginOutcome> {
  const attempt = new LoginAttempt(channel, request, timeoutMs, signal);
  let step: LoginStep = 'capabilities';
  try {
    const capabilities = request.quirks.bareSession === true ? RMCP_PLUS : await attempt.capabilities();
    if (request.v15) {
      return await loginV15(channel, request, capabilities, timeoutMs, signal, (next) => (step = next));
    }
    if (!capabilities.v2) return { kind: 'not-v2' };
    step = 'open';
    const refusedOpen = await attempt.openSession();
    if (refusedOpen !== undefined) return refusedOpen;
    step = 'rakp2';
    const refusedRakp2 = await attempt.rakp12();
    if (refusedRakp2 !== undefined) return refusedRakp2;
    step = 'rakp4';
    return await attempt.rakp34();
  } catch (error) {
    await attempt.abandon();
    if (ipmiErrors.is(error, 'IPMI_TIMEOUT') || ipmiErrors.is(error, 'IPMI_SOCKET')) {
      const waited = ipmiErrors.is(error, 'IPMI_TIMEOUT');
      return { kind: 'silence', step, waited, reason: error.message };
    }
    throw error;
  }
}

class LoginAttempt {
  readonly #channel: Channel;
  readonly #request: LoginRequest;
  readonly #timeoutMs: number;
  readonly #signal: AbortSignal;
  readonly #kuid: Uint8Array;
  readonly #tag = randomBytes(1).readUInt8() & 0x3f;
  readonly #shared: Handshake;
  /** RAKP 3 as it was sent, and the session that it opens. */
  #proven: { rakp3: Uint8Array; framing: Framing } | undefined;

  constructor(channel: Channel, request: LoginRequest, timeoutMs: number, signal: AbortSignal) {
    this.#channel = channel;
    this.#request = request;
    this.#timeoutMs = timeoutMs;
    this.#signal = signal;
    const short = request.quirks.md5Password16 === true && request.suite.auth === 'md5';
    this.#kuid = userKey(short ? request.password.subarray(0, 16) : request.password);
    this.#shared = {
      // A new id for each attempt, never 0: an answer to an earlier attempt then does not fit.
      consoleSessionId: (randomBytes(4).readUInt32LE() | 1) >>> 0,
      bmcSessionId: 0,
      consoleRandom: randomBytes(16),
      bmcRandom: new Uint8Array(16),
      bmcGuid: new Uint8Array(16),
      role: request.role.level | (request.role.nameOnly ? NAME_ONLY_LOOKUP : 0),
      username: request.quirks.paddedName === true ? padded(request.username) : request.username,
    };
  }

  /**
   * Get Channel Authentication Capabilities, with the IPMI 2.0 fields when the BMC gives them. Without them, by refusal
   * or silence, it speaks IPMI 1.5 only.
   */
  async capabilities(): Promise<AuthCapabilities> {
    if (!this.#request.plainFirst) return (await this.#askCapabilities(true)) ?? (await this.#plainCapabilities());
    const plain = await this.#plainCapabilities();
    // Either the BMC ignores what is not IPMI 1.5, or the network lost a datagram: only silence again and again tells.
    for (let tries = 1; ; tries++) {
      try {
        return (await this.#askCapabilities(true)) ?? plain;
      } catch (error) {
        if (!ipmiErrors.is(error, 'IPMI_TIMEOUT')) throw error;
        if (tries === SILENT_TRIES) return plain;
      }
    }
  }

  async #plainCapabilities(): Promise<AuthCapabilities> {
    return (await this.#askCapabilities(false)) ?? NO_CAPABILITIES;
  }

  async #askCapabilities(v2: boolean): Promise<AuthCapabilities | undefined> {
    const command = getAuthCapabilities(this.#request.role.level, v2);
    const message = requestMessage(command.netFn, command.cmd, this.#tag, command.data);
    const data = await this.#exchange(encodeV15(encodeLanMessage(message)), (datagram) => {
      if (datagram.kind === 'asf' || datagram.payload.length === 0) return undefined;
      const reply = decodeLanMessage(datagram.payload, this.#request.quirks.ignoreChecksums !== true);
      return answers(reply, message) ? reply.data : undefined;
    });
    return data[0] === Completion.ok ? command.parse(new ByteReader(data.subarray(1))) : undefined;
  }

  async openSession(): Promise<LoginOutcome | undefined> {
    const { suite, role, quirks } = this.#request;
    const privilege = quirks.askHighest === true ? 0 : role.level;
    const algorithms = algorithmsOf(suite);
    const { consoleSessionId } = this.#shared;
    const payload = handshake.encodeOpenSessionRequest({ tag: this.#tag, privilege, consoleSessionId, algorithms });
    const reply = await this.#payload(
      PayloadType.openSessionRequest,
      payload,
      PayloadType.openSessionResponse,
      handshake.decodeOpenSessionResponse,
    );
    if (reply.opened === undefined) return { kind: 'refused', step: 'open', status: reply.status };
    const chosen = suiteByAlgorithms(reply.opened.algorithms);
    if (chosen?.id !== suite.id) return { kind: 'other-suite', suite: chosen?.id };
    this.#shared.bmcSessionId = reply.opened.bmcSessionId;
    return undefined;
  }

  async rakp12(): Promise<LoginOutcome | undefined> {
    const { bmcSessionId, consoleRandom, role, username } = this.#shared;
    const { suite, quirks } = this.#request;
    const rakp1 = { tag: this.#tag, bmcSessionId, consoleRandom, role, username };
    const payload = handshake.encodeRakp1(rakp1, quirks.fullRakp1 === true);
    const reply = await this.#payload(PayloadType.rakp1, payload, PayloadType.rakp2, handshake.decodeRakp2);
    if (reply.accepted === undefined) return { kind: 'refused', step: 'rakp2', status: reply.status };
    this.#shared.bmcRandom = reply.accepted.bmcRandom;
    this.#shared.bmcGuid = reply.accepted.bmcGuid;
    if (proves(rakp2Code(suite.auth, this.#kuid, this.#signed()), reply.accepted.code)) return undefined;
    // So that a wrong password does not eat the sessions of the BMC.
    this.#channel.post(this.#rakp3(RakpStatus.invalidIntegrityCheck, new Uint8Array(0)));
    return { kind: 'bad-proof', step: 'rakp2' };
  }

  async rakp34(): Promise<LoginOutcome> {
    const { suite, role, kg, quirks } = this.#request;
    const bare = quirks.bareRoleInRakp3 === true || quirks.bareRole === true;
    const packet = this.#rakp3(RakpStatus.ok, rakp3Code(suite.auth, this.#kuid, this.#signed(bare)));
    const sik = sessionIntegrityKey(suite.auth, kg ?? this.#kuid, this.#signed());
    const { consoleSessionId, bmcSessionId, bmcGuid } = this.#shared;
    const keys = sessionKeys(suite, sik, this.#kuid);
    const framing = new V20Framing({ own: consoleSessionId, peer: bmcSessionId }, keys, quirks);
    this.#proven = { rakp3: packet, framing };
    const reply = await this.#exchange(packet, (datagram) =>
      this.#own(datagram, PayloadType.rakp4, handshake.decodeRakp4),
    );
    if (reply.status !== RakpStatus.ok) return { kind: 'refused', step: 'rakp4', status: reply.status };
    const icv =
      quirks.rakp4ByIntegrity === true
        ? rakp4CodeByIntegrity(suite.integrity, sik, this.#shared)
        : rakp4Code(suite.auth, sik, this.#shared);
    if (!proves(icv, reply.code)) return { kind: 'bad-proof', step: 'rakp4' };
    return { kind: 'open', session: { framing, bmcSessionId, bmcGuid, suite: suite.id, privilege: role.level } };
  }

  /**
   * Gives up without an answer. With RAKP 3 on its way the session may be open although RAKP 4 was lost or is not waited
   * for, so it is closed. RAKP 3 goes before that once more and its answer is waited for shortly: it may be what was
   * lost, and virtualbmc dies of a Close Session in a login that is not finished. Before RAKP 3 nothing is said: BMCs end
   * such logins by themselves, and virtualbmc dies of a RAKP 3 with a status when RAKP 1 was lost or named nobody.
   */
  async abandon(): Promise<void> {
    if (this.#proven === undefined) return;
    const { rakp3, framing } = this.#proven;
    const isRakp4 = (datagram: Datagram) => this.#own(datagram, PayloadType.rakp4, handshake.decodeRakp4);
    try {
      await this.#channel.exchange(rakp3, isRakp4, ABANDON_MS, new AbortController().signal);
    } catch (error) {
      if (!(error instanceof IngotError)) throw error;
    }
    const { netFn, cmd, data } = closeSession(this.#shared.bmcSessionId);
    const bytes = encodeLanMessage(requestMessage(netFn, cmd, 1, data));
    this.#channel.post(framing.seal({ type: PayloadType.ipmi, bytes }));
  }

  /** The handshake as it counts in codes and keys. */
  #signed(bareRole = this.#request.quirks.bareRole === true): Handshake {
    return bareRole ? { ...this.#shared, role: this.#shared.role & ~NAME_ONLY_LOOKUP } : this.#shared;
  }

  #rakp3(status: number, code: Uint8Array): Uint8Array {
    const { bmcSessionId } = this.#shared;
    return encodeV20Plain(PayloadType.rakp3, handshake.encodeRakp3({ tag: this.#tag, status, bmcSessionId, code }));
  }

  #payload<T extends SetupReply>(type: number, payload: Uint8Array, answerType: number, decode: Decode<T>): Promise<T> {
    return this.#exchange(encodeV20Plain(type, payload), (datagram) => this.#own(datagram, answerType, decode));
  }

  /** The reply in `datagram` when it is of this attempt. */
  #own<T extends SetupReply>(datagram: Datagram, type: number, decode: Decode<T>): T | undefined {
    if (datagram.kind !== 'v2.0' || datagram.payloadType !== type) return undefined;
    const reply = decode(datagram.payload);
    if (reply.tag !== this.#tag) return undefined;
    // Some BMCs leave the console's id 0 in refusals.
    const refusalWithoutId = reply.status !== RakpStatus.ok && reply.consoleSessionId === 0;
    return reply.consoleSessionId === this.#shared.consoleSessionId || refusalWithoutId ? reply : undefined;
  }

  #exchange<T>(packet: Uint8Array, accept: (datagram: Datagram) => T | undefined): Promise<T> {
    return this.#channel.exchange(packet, accept, this.#timeoutMs, this.#signal);
  }
}

/**
 * Is `expected` what came? Some boards send a byte more than their hash has, some send one without authentication:
 * what counts is that all of `expected` is there.
 */
function proves(expected: Uint8Array, received: Uint8Array): boolean {
  return codesEqual(expected, received.subarray(0, expected.length));
}

function padded(username: Uint8Array): Uint8Array {
  const name = new Uint8Array(handshake.MAX_USERNAME);
  name.set(username);
  return name;
}

interface SetupReply {
  tag: number;
  status: number;
  consoleSessionId: number;
}

type Decode<T> = (bytes: Uint8Array) => T;
