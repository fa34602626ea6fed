import { randomBytes } from 'node:crypto';
import { ByteReader } from '../wire/reader.ts';
import type { Channel } from './channel.ts';
import type { AuthCapabilities } from './commands/session/auth-capabilities.ts';
import type { Command } from './commands/command.ts';
import { activateSession } from './commands/session/activate.ts';
import { getSessionChallenge } from './commands/session/challenge.ts';
import { V15Framing } from './framing-v15.ts';
import { type LanMessage, answers, decodeLanMessage, encodeLanMessage, requestMessage } from './lan-message.ts';
import type { LoginOutcome, LoginRequest } from './login.ts';
import { Completion } from './numbers.ts';
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

/** Best first; `oem` only for those who name it. `password` shows the password to everybody on the wire, `none` needs no password at all. */
const PREFERENCE: readonly V15Auth[] = ['md5', 'md2', 'password', 'none'];

export interface V15Rules {
  /** May the password go over the wire as it is? Only when somebody asked for IPMI 1.5. */
  plainPassword: boolean;
  /** May a session be opened without any password? */
  none: boolean;
  /** Whose authentication type OEM is spoken: used before all others, since somebody named it for this board. */
  oem?: OemAuth;
}

/** The authentication type to use; undefined when none of those offered is allowed. */
export function chooseV15Auth(offered: readonly V15Auth[], rules: V15Rules): V15Auth | undefined {
  if (rules.oem !== undefined && offered.includes('oem')) return 'oem';
  const allowed = (auth: V15Auth) => (auth === 'password' ? rules.plainPassword : auth === 'none' ? rules.none : true);
  return PREFERENCE.find((auth) => offered.includes(auth) && allowed(auth));
}

/**
 * One attempt to open an IPMI 1.5 session (§6.12.7): Get Session Challenge, Activate Session.
 * @param onStep told what is awaited next
 * @throws IPMI_TIMEOUT, IPMI_SOCKET, IPMI_CLOSED, the signal's reason
 */
export async function loginV15(
  channel: Channel,
  request: LoginRequest,
  capabilities: AuthCapabilities,
  timeoutMs: number,
  signal: AbortSignal,
  onStep: (step: 'challenge' | 'activate') => void,
): Promise<LoginOutcome> {
  const { quirks, password, role } = request;
  const { oemAuth } = quirks;
  const rules = {
    plainPassword: request.plainPassword,
    none: quirks.noAuthentication === true,
    ...(oemAuth === undefined ? {} : { oem: oemAuth }),
  };
  const auth = chooseV15Auth(capabilities.types, rules);
  if (auth === undefined) return { kind: 'no-auth-type', offered: capabilities.types };

  onStep('challenge');
  const asked = message(getSessionChallenge(auth, request.username), 1);
  const challenge = await channel.exchange(
    encodeV15(encodeLanMessage(asked.message)),
    (datagram) => (datagram.kind === 'v1.5' ? asked.answer(datagram, request) : undefined),
    timeoutMs,
    signal,
  );
  if (challenge.value === undefined) {
    return { kind: 'refused-v15', step: 'challenge', completion: challenge.completion };
  }

  onStep('activate');
  const { temporaryId, challenge: text } = challenge.value;
  const oem = auth === 'oem' ? oemAuth : undefined;
  const secret = oem === undefined ? password : oemCode(oem, password, text);
  const firstFromBmc = (randomBytes(4).readUInt32LE() | 1) >>> 0;
  const command = activateSession({
    authNumber: V15_AUTH_NUMBER[auth],
    privilege: role.level,
    challenge: oem === undefined ? text : oemChallenge(oem, text),
    firstFromBmc,
  });
  const activating = message(command, 2);
  const packet = { auth, sequence: 0, sessionId: temporaryId, payload: encodeLanMessage(activating.message) };
  const activated = await channel.exchange(
    encodeV15Session(packet, secret),
    (datagram) => {
      if (datagram.kind !== 'v1.5' || (oem === undefined && !v15CodeFits(datagram, password))) return undefined;
      const answer = activating.answer(datagram, request);
      // An unsigned answer may only say that all that follows is unsigned too; else anybody could send it.
      const signed = datagram.auth !== 'none' || auth === 'none' || quirks.unsignedReplies === true;
      const saysNone = answer?.value?.authNumber === V15_AUTH_NUMBER.none;
      return signed || saysNone || answer?.value === undefined ? answer : undefined;
    },
    timeoutMs,
    signal,
  );
  if (activated.value === undefined) {
    return { kind: 'refused-v15', step: 'activate', completion: activated.completion };
  }
  const { sessionId, firstToBmc, authNumber } = activated.value;
  const session = {
    sessionId,
    // Some ASUS boards say here that they want no signatures from now on.
    auth: v15AuthOf(authNumber) ?? auth,
    firstSent: firstToBmc,
    firstReceived: firstFromBmc,
    password: secret,
    anyCode: oem !== undefined,
  };
  const framing = new V15Framing(session, quirks);
  const opened = { framing, bmcSessionId: sessionId, bmcGuid: undefined, suite: undefined, privilege: role.level };
  return { kind: 'open', session: { ...opened, v15Auth: session.auth } };
}

interface Exchange<T> {
  message: LanMessage;
  answer(datagram: V15Packet, request: LoginRequest): { completion: number; value: T | undefined } | undefined;
}

function message<T>(command: Command<T>, sequence: number): Exchange<T> {
  const request = requestMessage(command.netFn, command.cmd, sequence, command.data);
  return {
    message: request,
    answer(datagram, { quirks }) {
      const reply = decodeLanMessage(datagram.payload, quirks.ignoreChecksums !== true);
      if (!answers(reply, request)) return undefined;
      const completion = reply.data[0] ?? Completion.unspecified;
      const ok = completion === Completion.ok;
      return { completion, value: ok ? command.parse(new ByteReader(reply.data.subarray(1))) : undefined };
    },
  };
}
