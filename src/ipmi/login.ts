import { randomBytes } from 'node:crypto';
import { ByteReader } from '../wire/reader.ts';
import type { Channel } from './channel.ts';
import { getAuthCapabilities } from './commands/app.ts';
import {
  type Handshake,
  codesEqual,
  rakp2Code,
  rakp3Code,
  rakp4Code,
  sessionIntegrityKey,
  sessionKeys,
  userKey,
} from './crypto.ts';
import { ipmiErrors } from './errors.ts';
import { type Framing, V20Framing } from './framing.ts';
import * as handshake from './handshake.ts';
import { answers, decodeLanMessage, encodeLanMessage, requestMessage } from './lan-message.ts';
import { Completion, PayloadType, RakpStatus } from './numbers.ts';
import { type Datagram, encodeV15, encodeV20Plain } from './packet.ts';
import { type CipherSuite, algorithmsOf, suiteByAlgorithms } from './suites.ts';

export interface LoginRequest {
  suite: CipherSuite;
  /** Privilege level wanted: Privilege.administrator, … */
  privilege: number;
  username: Uint8Array;
  password: Uint8Array;
  /** Key of the BMC for two-key logins, 20 bytes. */
  kg?: Uint8Array;
}

/** The packet whose answer was awaited or came. */
export type LoginStep = 'capabilities' | 'open' | 'rakp2' | 'rakp4';

/** How one attempt to log in ended. What to do about it is decided in `login-plan.ts`. */
export type LoginOutcome =
  | { kind: 'open'; session: OpenedSession }
  /** `waited` is false when the network said at once that nobody is there. */
  | { kind: 'silence'; step: LoginStep; waited: boolean; reason: string }
  | { kind: 'refused'; step: 'open' | 'rakp2' | 'rakp4'; status: number }
  /** The BMC chose other algorithms than asked; `suite` is their suite when we speak it. */
  | { kind: 'other-suite'; suite: number | undefined }
  /** The BMC speaks IPMI 1.5 only. */
  | { kind: 'not-v2' }
  /** The proof of the BMC does not fit our password. */
  | { kind: 'bad-proof'; step: 'rakp2' | 'rakp4' };

export interface OpenedSession {
  framing: Framing;
  /** The id that Close Session names. */
  bmcSessionId: number;
  /** Absent in IPMI 1.5, like the suite. */
  bmcGuid: Uint8Array | undefined;
  suite: number | undefined;
  privilege: number;
}

const NAME_ONLY_LOOKUP = 0x10;

/**
 * One attempt to open an RMCP+ session (§13.15) over a fresh channel. Nothing is re-sent: once an answer is missing,
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
    if (!(await attempt.speaksV2())) return { kind: 'not-v2' };
    step = 'open';
    const refusedOpen = await attempt.openSession();
    if (refusedOpen !== undefined) return refusedOpen;
    step = 'rakp2';
    const refusedRakp2 = await attempt.rakp12();
    if (refusedRakp2 !== undefined) return refusedRakp2;
    step = 'rakp4';
    return await attempt.rakp34();
  } catch (error) {
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

  constructor(channel: Channel, request: LoginRequest, timeoutMs: number, signal: AbortSignal) {
    this.#channel = channel;
    this.#request = request;
    this.#timeoutMs = timeoutMs;
    this.#signal = signal;
    this.#kuid = userKey(request.password);
    this.#shared = {
      // A new id for each attempt, never 0: an answer to an earlier attempt then does not fit.
      consoleSessionId: (randomBytes(4).readUInt32LE() | 1) >>> 0,
      bmcSessionId: 0,
      consoleRandom: randomBytes(16),
      bmcRandom: new Uint8Array(16),
      bmcGuid: new Uint8Array(16),
      role: request.privilege | NAME_ONLY_LOOKUP,
      username: request.username,
    };
  }

  /** Get Channel Authentication Capabilities; asked without the 2.0 bit as well when the BMC refuses that. */
  async speaksV2(): Promise<boolean> {
    for (const v2 of [true, false]) {
      const command = getAuthCapabilities(this.#request.privilege, v2);
      const message = requestMessage(command.netFn, command.cmd, this.#tag, command.data);
      const data = await this.#exchange(encodeV15(encodeLanMessage(message)), (datagram) => {
        if (datagram.kind === 'asf' || datagram.payload.length === 0) return undefined;
        const reply = decodeLanMessage(datagram.payload);
        return answers(reply, message) ? reply.data : undefined;
      });
      if (data[0] === Completion.ok) return command.parse(new ByteReader(data.subarray(1))).v2;
    }
    return false;
  }

  async openSession(): Promise<LoginOutcome | undefined> {
    const { suite, privilege } = this.#request;
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
    const payload = handshake.encodeRakp1({ tag: this.#tag, bmcSessionId, consoleRandom, role, username });
    const reply = await this.#payload(PayloadType.rakp1, payload, PayloadType.rakp2, handshake.decodeRakp2);
    if (reply.accepted === undefined) return { kind: 'refused', step: 'rakp2', status: reply.status };
    this.#shared.bmcRandom = reply.accepted.bmcRandom;
    this.#shared.bmcGuid = reply.accepted.bmcGuid;
    const { auth } = this.#request.suite;
    if (codesEqual(rakp2Code(auth, this.#kuid, this.#shared), reply.accepted.code)) return undefined;
    // Tells the BMC to forget the half-open session (§13.22), so that a wrong password does not eat its sessions.
    this.#channel.post(this.#rakp3(RakpStatus.invalidIntegrityCheck, new Uint8Array(0)));
    return { kind: 'bad-proof', step: 'rakp2' };
  }

  async rakp34(): Promise<LoginOutcome> {
    const { suite, privilege, kg } = this.#request;
    const packet = this.#rakp3(RakpStatus.ok, rakp3Code(suite.auth, this.#kuid, this.#shared));
    const reply = await this.#exchange(packet, (datagram) =>
      this.#own(datagram, PayloadType.rakp4, handshake.decodeRakp4),
    );
    if (reply.status !== RakpStatus.ok) return { kind: 'refused', step: 'rakp4', status: reply.status };
    const sik = sessionIntegrityKey(suite.auth, kg ?? this.#kuid, this.#shared);
    if (!codesEqual(rakp4Code(suite.auth, sik, this.#shared), reply.code)) return { kind: 'bad-proof', step: 'rakp4' };
    const { consoleSessionId, bmcSessionId, bmcGuid } = this.#shared;
    const framing = new V20Framing({ own: consoleSessionId, peer: bmcSessionId }, sessionKeys(suite, sik));
    return { kind: 'open', session: { framing, bmcSessionId, bmcGuid, suite: suite.id, privilege } };
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

interface SetupReply {
  tag: number;
  status: number;
  consoleSessionId: number;
}

type Decode<T> = (bytes: Uint8Array) => T;
