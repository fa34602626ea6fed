import { randomBytes } from 'node:crypto';
import { bytesEqual, latin1, utf8Bytes } from '../wire/hex.ts';
import { AppCmd } from './commands/app/numbers.ts';
import { NO_DATA } from './commands/command.ts';
import { decodeActivateRequest, encodeActivated } from './commands/session/activate.ts';
import { decodeChallengeRequest, encodeChallenge } from './commands/session/challenge.ts';
import type { Payload } from './framing.ts';
import { V15Framing } from './framing-v15.ts';
import { type LanMessage, decodeLanMessage, encodeLanMessage, responseMessage } from './lan-message.ts';
import { Completion, NetFn, Privilege } from './numbers.ts';
import { type OemAuth, oemChallenge, oemCode } from './oem-auth.ts';
import {
  V15_AUTH_NUMBER,
  type V15Auth,
  type V15Packet,
  encodeV15,
  encodeV15Session,
  v15AuthOf,
  v15CodeFits,
} from './packet-v15.ts';
import type { ActiveState, IpmiUser, SessionTable, V15ChallengedState } from './server-session.ts';
import type { UdpPeer } from './udp.ts';

/** How a BMC speaks IPMI 1.5. */
export interface V15Service {
  /** Authentication types offered. */
  types: readonly V15Auth[];
  /** False: only Activate Session itself is signed. */
  perMessageAuth: boolean;
  /** RMCP+ is not spoken: a board of its age. */
  only: boolean;
}

export const NO_V15: V15Service = { types: [], perMessageAuth: true, only: false };

export interface V15LoginRules {
  users: readonly IpmiUser[];
  service: V15Service;
  /** Whose authentication type OEM it is, when that is among the types; default Quanta's. */
  oemAuth?: OemAuth | undefined;
  /** Sends a payload to the console of a session. */
  post(session: ActiveState, payload: Payload): void;
}

const NO_SUCH_USER = 0x81;
const NO_SLOT = 0x81;
const LEVEL_TOO_HIGH = 0x86;

/** Server side of Get Session Challenge and Activate Session (§22.16, §22.17). */
export class ServerLoginV15 {
  readonly #rules: V15LoginRules;
  readonly #table: SessionTable;

  constructor(rules: V15LoginRules, table: SessionTable) {
    this.#rules = rules;
    this.#table = table;
  }

  /** Is the request one for a challenge? */
  handles(request: LanMessage): boolean {
    return request.netFn === NetFn.app && request.cmd === AppCmd.getSessionChallenge;
  }

  /** Answers Get Session Challenge, sent outside a session. @throws WIRE_SHORT: no answer */
  challenge(request: LanMessage, peer: UdpPeer, now: number): Uint8Array {
    const { authNumber, username } = decodeChallengeRequest(request.data);
    const reply = (completion: number, data: Uint8Array = NO_DATA) =>
      encodeV15(encodeLanMessage(responseMessage(request, completion, data)));
    const auth = v15AuthOf(authNumber);
    if (auth === undefined || !this.#rules.service.types.includes(auth)) return reply(Completion.invalidField);
    const user = this.#rules.users.find((u) => latin1(utf8Bytes(u.name)) === latin1(username));
    if (user === undefined) return reply(NO_SUCH_USER);
    const session: V15ChallengedState = {
      state: 'challenged-v15',
      bmcSessionId: this.#table.freshId(),
      peer,
      touchedAt: now,
      user,
      auth,
      challenge: randomBytes(16),
    };
    if (!this.#table.put(session, now)) return reply(Completion.outOfSpace);
    const { bmcSessionId: temporaryId, challenge } = session;
    return reply(Completion.ok, encodeChallenge({ temporaryId, challenge }));
  }

  /**
   * Answers Activate Session, sent with the temporary id. What is not signed with the password gets no answer.
   * @throws WIRE_SHORT, IPMI_MALFORMED: no answer
   */
  activate(session: V15ChallengedState, packet: V15Packet, peer: UdpPeer, now: number): Uint8Array | undefined {
    const { user, auth, bmcSessionId: temporaryId } = session;
    const { oemAuth = 'quanta' } = this.#rules;
    const own = utf8Bytes(user.password);
    const password = auth === 'oem' ? oemCode(oemAuth, own, session.challenge) : own;
    const challenge = auth === 'oem' ? oemChallenge(oemAuth, session.challenge) : session.challenge;
    if (packet.auth !== auth || !v15CodeFits(packet, password)) return undefined;
    const request = decodeLanMessage(packet.payload);
    if (request.netFn !== NetFn.app || request.cmd !== AppCmd.activateSession) return undefined;
    const reply = (completion: number, data: Uint8Array = NO_DATA) => {
      const payload = encodeLanMessage(responseMessage(request, completion, data));
      return encodeV15Session({ auth, sequence: 0, sessionId: temporaryId, payload }, password);
    };
    const asked = decodeActivateRequest(request.data);
    if (!bytesEqual(asked.challenge, challenge)) return undefined;
    if (asked.privilege > Privilege[user.privilege]) return reply(LEVEL_TOO_HIGH);
    this.#table.remove(temporaryId);
    const sessionId = this.#table.freshId();
    const firstToBmc = (randomBytes(4).readUInt32LE() | 1) >>> 0;
    const later = this.#rules.service.perMessageAuth ? auth : 'none';
    const framing = new V15Framing({
      sessionId,
      auth: later,
      firstSent: asked.firstFromBmc,
      firstReceived: firstToBmc,
      password,
    });
    const active: ActiveState = {
      state: 'active',
      bmcSessionId: sessionId,
      peer,
      touchedAt: now,
      user,
      limit: asked.privilege,
      privilege: Math.min(asked.privilege, Privilege.user),
      framing,
      post: (payload) => this.#rules.post(active, payload),
      tail: Promise.resolve(),
      recent: [],
    };
    if (!this.#table.put(active, now)) return reply(NO_SLOT);
    const authNumber = V15_AUTH_NUMBER[later];
    return reply(Completion.ok, encodeActivated({ authNumber, sessionId, firstToBmc, privilege: asked.privilege }));
  }
}
