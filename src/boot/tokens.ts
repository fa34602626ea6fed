import { createHmac, timingSafeEqual } from 'node:crypto';

export interface TokenSubject {
  /** uid of the BareMetalHost: a host deleted and made again under its old name is another subject. */
  hostUid: string;
  /** Ramdisk boot this is for (`HostProgress.status.attempt`). */
  attempt: number;
}

/**
 * One-time tokens and session keys, both derived from the server's secret and from what HostProgress keeps. Nothing is
 * remembered in the process: an engine started anew knows the agents of the old one. That a token works once is decided
 * by `HostProgress.status.agent.attempt`, not here.
 */
export class AgentTokens {
  readonly #secret: Uint8Array;

  /** @param secret at least 32 bytes, kept by the server */
  constructor(secret: Uint8Array) {
    this.#secret = secret;
  }

  /** The token a machine gets on its kernel command line, bound to the MAC address it boots from. */
  bootToken(subject: TokenSubject, bootMac: string): string {
    return this.#derive(`token|${subject.hostUid}|${subject.attempt}|${bootMac.toLowerCase()}`);
  }

  checkBootToken(token: string, subject: TokenSubject, bootMac: string): boolean {
    return sameText(token, this.bootToken(subject, bootMac));
  }

  /**
   * The token on a machine's ISO. Nobody may know the machine's addresses before it has booted: the token says whose it
   * is, and proves it.
   */
  mediaToken(host: { namespace: string; name: string }, subject: TokenSubject): string {
    return `${whoOf(host)}.${this.#derive(`media|${subject.hostUid}|${subject.attempt}`)}`;
  }

  checkMediaToken(token: string, host: { namespace: string; name: string }, subject: TokenSubject): boolean {
    return sameText(token, this.mediaToken(host, subject));
  }

  /** `<namespace>/<name>` in base64url, a dot, and the key: says whose it is, and proves it. */
  sessionKey(host: { namespace: string; name: string }, subject: TokenSubject, nonce: string): string {
    return `${whoOf(host)}.${this.#derive(`session|${subject.hostUid}|${subject.attempt}|${nonce}`)}`;
  }

  checkSessionKey(
    key: string,
    host: { namespace: string; name: string },
    subject: TokenSubject,
    nonce: string,
  ): boolean {
    return sameText(key, this.sessionKey(host, subject, nonce));
  }

  #derive(text: string): string {
    return createHmac('sha256', this.#secret).update(text).digest('base64url');
  }
}

function whoOf(host: { namespace: string; name: string }): string {
  return Buffer.from(`${host.namespace}/${host.name}`).toString('base64url');
}

/** The host a session key or a token of an ISO claims to be of; undefined when it is neither. Claims prove nothing. */
export function claimedHost(key: string): { namespace: string; name: string } | undefined {
  const dot = key.indexOf('.');
  if (dot <= 0 || key.length > 1024) return undefined;
  const who = Buffer.from(key.slice(0, dot), 'base64url').toString('utf8');
  const [namespace, name, extra] = who.split('/');
  if (namespace === undefined || name === undefined || name === '' || extra !== undefined) return undefined;
  return { namespace, name };
}

function sameText(a: string, b: string): boolean {
  const left = Buffer.from(a);
  const right = Buffer.from(b);
  return left.length === right.length && timingSafeEqual(left, right);
}
