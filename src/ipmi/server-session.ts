import { randomBytes } from 'node:crypto';
import type { SessionKeys } from './crypto.ts';
import type { Framing, Payload } from './framing.ts';
import type { LanMessage } from './lan-message.ts';
import type { PrivilegeName } from './numbers.ts';
import type { V15Auth } from './packet-v15.ts';
import type { CipherSuite } from './suites.ts';
import type { UdpPeer } from './udp.ts';

export interface IpmiUser {
  name: string;
  password: string;
  /** Highest level the user may ask for. */
  privilege: PrivilegeName;
}

interface SessionBase {
  bmcSessionId: number;
  peer: UdpPeer;
  /** Monotonic ms of the last packet that belonged here. */
  touchedAt: number;
}

interface V20Base extends SessionBase {
  consoleSessionId: number;
  suite: CipherSuite;
  /** Highest level asked for in Open Session; 0: whatever fits. */
  maxPrivilege: number;
}

/** Open Session was answered; RAKP 1 is awaited. */
export interface OpenedState extends V20Base {
  state: 'opened';
}

/** RAKP 2 was sent; RAKP 3 is awaited. */
export interface ChallengedState extends V20Base {
  state: 'challenged';
  user: IpmiUser;
  privilege: number;
  /** RAKP 1 as it came and our answer: a re-sent RAKP 1 gets the same answer. */
  rakp1: Uint8Array;
  rakp2: Uint8Array;
  expectedProof: Uint8Array;
  keys: SessionKeys;
  icv: Uint8Array;
}

/** IPMI 1.5: Get Session Challenge was answered; Activate Session is awaited. */
export interface V15ChallengedState extends SessionBase {
  state: 'challenged-v15';
  user: IpmiUser;
  auth: V15Auth;
  challenge: Uint8Array;
}

export interface ActiveState extends SessionBase {
  state: 'active';
  user: IpmiUser;
  /** The most this session may have, and what it has now; it starts as User (§22.18). */
  limit: number;
  privilege: number;
  framing: Framing;
  /** Sends a payload to the console of this session, asked or not. */
  post(payload: Payload): void;
  /** RAKP 4, sent again when RAKP 3 comes again; not in IPMI 1.5. */
  rakp4?: Uint8Array;
  /** Requests run one after another. */
  tail: Promise<void>;
  /** Requests in work or answered of late: a copy that was re-sent, or came late, is not run again. */
  recent: RecentRequest[];
}

export interface RecentRequest {
  message: LanMessage;
  at: number;
  /** Empty while it is being worked on; a bridged request gets several. */
  responses: LanMessage[];
}

export type ServerSession = OpenedState | ChallengedState | V15ChallengedState | ActiveState;

export interface SessionLimits {
  /** Sessions in all states. */
  sessions: number;
  /** A session ends when nothing came for so long, ms (§6.12.15: 60 s). */
  idleMs: number;
  /** A login that is not finished ends after so long, ms. */
  halfOpenMs: number;
}

export const DEFAULT_LIMITS: SessionLimits = { sessions: 15, idleMs: 60_000, halfOpenMs: 10_000 };

/** The sessions of one BMC. Never more than the limit, whatever is sent. */
export class SessionTable {
  readonly #limits: SessionLimits;
  readonly #sessions = new Map<number, ServerSession>();

  constructor(limits: SessionLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** Most sessions at a time. */
  get limit(): number {
    return this.#limits.sessions;
  }

  get(bmcSessionId: number): ServerSession | undefined {
    return this.#sessions.get(bmcSessionId);
  }

  /** A session id that nobody has. */
  freshId(): number {
    for (;;) {
      const id = randomBytes(4).readUInt32LE();
      if (id !== 0 && !this.#sessions.has(id)) return id;
    }
  }

  /**
   * Adds or replaces a session.
   * @returns false when all places are taken by sessions in use
   */
  put(session: ServerSession, now: number): boolean {
    if (!this.#sessions.has(session.bmcSessionId) && !this.#makeRoom(now)) return false;
    this.#sessions.set(session.bmcSessionId, session);
    return true;
  }

  remove(bmcSessionId: number): void {
    this.#sessions.delete(bmcSessionId);
  }

  clear(): void {
    this.#sessions.clear();
  }

  /** Drops sessions whose time is over. */
  expire(now: number): void {
    for (const [id, s] of this.#sessions) {
      const limit = s.state === 'active' ? this.#limits.idleMs : this.#limits.halfOpenMs;
      if (now - s.touchedAt >= limit) this.#sessions.delete(id);
    }
  }

  /** Unfinished logins make way first: a flood of them must not lock out real users. */
  #makeRoom(now: number): boolean {
    this.expire(now);
    if (this.#sessions.size < this.#limits.sessions) return true;
    const halfOpen = [...this.#sessions.values()].find((s) => s.state !== 'active');
    if (halfOpen === undefined) return false;
    this.#sessions.delete(halfOpen.bmcSessionId);
    return true;
  }
}
