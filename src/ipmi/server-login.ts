import { randomBytes } from 'node:crypto';
import { bytesEqual, concatBytes, latin1, utf8Bytes } from '../wire/hex.ts';
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
import { type Payload, V20Framing } from './framing.ts';
import * as handshake from './handshake.ts';
import { PayloadType, Privilege, RakpStatus } from './numbers.ts';
import type { ServerFaults } from './server-faults.ts';
import type { ActiveState, ChallengedState, IpmiUser, OpenedState, SessionTable } from './server-session.ts';
import { type AlgorithmNumbers, type CipherSuite, algorithmsOf, suiteByAlgorithms, suiteById } from './suites.ts';
import type { UdpPeer } from './udp.ts';
import type { WireQuirks } from './wire-quirks.ts';

export interface LoginRules {
  users: readonly IpmiUser[];
  suites: readonly CipherSuite[];
  /** 16 bytes. */
  guid: Uint8Array;
  /** Key of the BMC for two-key logins, 20 bytes; undefined: the key of the user takes its place. */
  kg: Uint8Array | undefined;
  faults: ServerFaults;
  /** Sends a payload to the console of a session. */
  post(session: ActiveState, payload: Payload): void;
}

/** What to send back: payload type and payload. undefined: silence. */
export type LoginReply = { type: number; payload: Uint8Array } | undefined;

const FULL_RAKP1 = 44;
const NAME_ONLY_LOOKUP = 0x10;
const NO_CODE = new Uint8Array(0);

/** Server side of Open Session and RAKP 1 to 4 (§13.17 to §13.23). */
export class ServerLogin {
  readonly #rules: LoginRules;
  readonly #table: SessionTable;

  constructor(rules: LoginRules, table: SessionTable) {
    this.#rules = rules;
    this.#table = table;
  }

  /**
   * Answers one set-up payload.
   * @param now monotonic ms
   * @throws WIRE_SHORT, IPMI_MALFORMED: no answer
   */
  handle(type: number, payload: Uint8Array, peer: UdpPeer, now: number): LoginReply {
    if (type === PayloadType.openSessionRequest) return this.#open(payload, peer, now);
    if (type === PayloadType.rakp1) return this.#rakp1(payload, now);
    if (type === PayloadType.rakp3) return this.#rakp3(payload, now);
    return undefined;
  }

  #open(payload: Uint8Array, peer: UdpPeer, now: number): LoginReply {
    const request = handshake.decodeOpenSessionRequest(payload);
    const { tag, consoleSessionId } = request;
    const chosen = this.#choose(request.algorithms);
    const reply = (status: number, opened?: handshake.OpenSessionResponse['opened']): LoginReply => ({
      type: PayloadType.openSessionResponse,
      payload: handshake.encodeOpenSessionResponse({
        tag,
        status,
        privilege: request.privilege === 0 ? Privilege.administrator : request.privilege,
        consoleSessionId,
        ...(opened === undefined ? {} : { opened }),
      }),
    });
    if (typeof chosen === 'number') return reply(chosen);
    const highestOnly = this.#rules.faults.quirks?.askHighest === true && request.privilege !== 0;
    if (request.privilege > Privilege.administrator || highestOnly) return reply(RakpStatus.unauthorizedRole);
    const session: OpenedState = {
      state: 'opened',
      bmcSessionId: this.#table.freshId(),
      consoleSessionId,
      suite: chosen,
      maxPrivilege: request.privilege,
      peer,
      touchedAt: now,
    };
    if (!this.#table.put(session, now)) return reply(RakpStatus.insufficientResources);
    return reply(RakpStatus.ok, { bmcSessionId: session.bmcSessionId, algorithms: algorithmsOf(chosen) });
  }

  /** The suite to use, or the status that refuses. */
  #choose(asked: AlgorithmNumbers): CipherSuite | number {
    const { faults, suites } = this.#rules;
    const suite = suiteByAlgorithms(asked);
    const forced = faults.openStatus?.(suite?.id);
    if (forced !== undefined) return forced;
    const echo = faults.echoSuite === undefined ? undefined : suiteById(faults.echoSuite);
    if (echo !== undefined) return echo;
    if (suite !== undefined && suites.some((s) => s.id === suite.id)) return suite;
    const offered = suites.map(algorithmsOf);
    if (!offered.some((s) => s.auth === asked.auth)) return RakpStatus.invalidAuthentication;
    if (!offered.some((s) => s.integrity === asked.integrity)) return RakpStatus.invalidIntegrity;
    if (!offered.some((s) => s.confidentiality === asked.confidentiality)) return RakpStatus.invalidConfidentiality;
    return RakpStatus.noCipherMatch;
  }

  #rakp1(payload: Uint8Array, now: number): LoginReply {
    const { quirks = {} } = this.#rules.faults;
    if (quirks.fullRakp1 === true && payload.length < FULL_RAKP1) return undefined;
    const request = handshake.decodeRakp1(payload);
    const session = this.#table.get(request.bmcSessionId);
    const refuse = (status: number, consoleSessionId: number): LoginReply => ({
      type: PayloadType.rakp2,
      payload: handshake.encodeRakp2({ tag: request.tag, status, consoleSessionId }),
    });
    if (session === undefined || !('consoleSessionId' in session)) return refuse(RakpStatus.invalidSessionId, 0);
    if (session.state === 'challenged' && bytesEqual(session.rakp1, payload)) {
      return { type: PayloadType.rakp2, payload: session.rakp2 };
    }
    if (session.state !== 'opened') return refuse(RakpStatus.invalidSessionId, session.consoleSessionId);
    const user = this.#rules.users.find((u) => latin1(utf8Bytes(u.name)) === nameText(request.username, quirks));
    const byName = (request.role & NAME_ONLY_LOOKUP) !== 0;
    const missing = user === undefined || (byName && quirks.noNameOnlyLookup === true);
    const verdict = missing ? RakpStatus.unauthorizedName : roleStatus(user, request.role, session);
    if (user === undefined || verdict !== RakpStatus.ok) {
      this.#table.remove(session.bmcSessionId);
      if (user === undefined && this.#rules.faults.silentUnknownUser === true) return undefined;
      return refuse(verdict, session.consoleSessionId);
    }
    const challenged = this.#challenge(session, user, request, payload, now);
    this.#table.put(challenged, now);
    return { type: PayloadType.rakp2, payload: challenged.rakp2 };
  }

  #challenge(
    session: OpenedState,
    user: IpmiUser,
    request: handshake.Rakp1,
    rakp1: Uint8Array,
    now: number,
  ): ChallengedState {
    const { suite, bmcSessionId, consoleSessionId } = session;
    const shared: Handshake = {
      consoleSessionId,
      bmcSessionId,
      consoleRandom: request.consoleRandom,
      bmcRandom: randomBytes(16),
      bmcGuid: this.#rules.guid,
      role: request.role,
      username: request.username,
    };
    const { quirks = {}, extraCodeBytes = 0 } = this.#rules.faults;
    const password = utf8Bytes(user.password);
    const short = quirks.password16 === true || (quirks.md5Password16 === true && suite.auth === 'md5');
    const kuid = userKey(short ? password.subarray(0, 16) : password);
    const bare = { ...shared, role: shared.role & ~NAME_ONLY_LOOKUP };
    const signed = quirks.bareRole === true ? bare : shared;
    const sik = sessionIntegrityKey(suite.auth, this.#rules.kg ?? kuid, signed);
    const longer = (code: Uint8Array) => concatBytes(code, new Uint8Array(extraCodeBytes));
    const accepted = {
      bmcRandom: shared.bmcRandom,
      bmcGuid: shared.bmcGuid,
      code: longer(rakp2Code(suite.auth, kuid, signed)),
    };
    return {
      ...session,
      state: 'challenged',
      touchedAt: now,
      user,
      privilege: grantedLevel(user, request.role, session),
      rakp1,
      rakp2: handshake.encodeRakp2({ tag: request.tag, status: RakpStatus.ok, consoleSessionId, accepted }),
      expectedProof: rakp3Code(suite.auth, kuid, quirks.bareRoleInRakp3 === true ? bare : signed),
      keys: sessionKeys(suite, sik, kuid),
      icv: longer(
        quirks.rakp4ByIntegrity === true
          ? rakp4CodeByIntegrity(suite.integrity, sik, shared)
          : rakp4Code(suite.auth, sik, shared),
      ),
    };
  }

  #rakp3(payload: Uint8Array, now: number): LoginReply {
    const request = handshake.decodeRakp3(payload);
    const session = this.#table.get(request.bmcSessionId);
    const answer = (status: number, consoleSessionId: number, code: Uint8Array = NO_CODE): Uint8Array =>
      handshake.encodeRakp4({ tag: request.tag, status, consoleSessionId, code });
    const reply = (bytes: Uint8Array): LoginReply => ({ type: PayloadType.rakp4, payload: bytes });
    if (session === undefined || session.state === 'challenged-v15') {
      return reply(answer(RakpStatus.invalidSessionId, 0));
    }
    if (request.status !== RakpStatus.ok) {
      // The console gave up. An open session is not ended by an unsigned packet that anybody could send.
      if (session.state !== 'active') this.#table.remove(session.bmcSessionId);
      return undefined;
    }
    if (session.state === 'active') return session.rakp4 === undefined ? undefined : reply(session.rakp4);
    if (session.state !== 'challenged') return reply(answer(RakpStatus.invalidSessionId, session.consoleSessionId));
    if (!codesEqual(session.expectedProof, request.code)) {
      this.#table.remove(session.bmcSessionId);
      return reply(answer(RakpStatus.invalidIntegrityCheck, session.consoleSessionId));
    }
    const rakp4 = answer(RakpStatus.ok, session.consoleSessionId, session.icv);
    this.#activate(session, rakp4, now);
    return reply(rakp4);
  }

  #activate(session: ChallengedState, rakp4: Uint8Array, now: number): void {
    const { bmcSessionId, consoleSessionId, peer, user, keys } = session;
    const active: ActiveState = {
      state: 'active',
      bmcSessionId,
      peer,
      touchedAt: now,
      user,
      limit: session.privilege,
      // Where no level can be set, the one of the login is in force at once.
      privilege:
        this.#rules.faults.quirks?.bareSession === true
          ? session.privilege
          : Math.min(session.privilege, Privilege.user),
      framing: new V20Framing({ own: bmcSessionId, peer: consoleSessionId }, keys, this.#rules.faults.quirks),
      post: (payload) => this.#rules.post(active, payload),
      rakp4,
      tail: Promise.resolve(),
      recent: [],
    };
    this.#table.put(active, now);
  }
}

/** The name to look up: without the zeros that a BMC of padded names wants. */
function nameText(username: Uint8Array, quirks: WireQuirks): string {
  const text = latin1(username);
  return quirks.paddedName === true ? text.replace(/\0+$/, '') : text;
}

function roleStatus(user: IpmiUser, role: number, session: OpenedState): number {
  const level = role & 0x0f;
  if (level > Privilege.administrator) return RakpStatus.invalidRole;
  const tooHigh = level > Privilege[user.privilege] || (session.maxPrivilege !== 0 && level > session.maxPrivilege);
  return tooHigh ? RakpStatus.unauthorizedRole : RakpStatus.ok;
}

/** Level 0 asks for the highest that fits. */
function grantedLevel(user: IpmiUser, role: number, session: OpenedState): number {
  const level = role & 0x0f;
  if (level !== 0) return level;
  const most = Privilege[user.privilege];
  return session.maxPrivilege === 0 ? most : Math.min(most, session.maxPrivilege);
}
