import { createHash } from 'node:crypto';

/**
 * Boards of before IPMI 2.0 whose only way to log in is authentication type 5, "OEM", which the specification leaves to
 * them. What is known of it is what ipmitool does for them (`-o supermicro`, `-o quanta`): one code of 16 bytes for the
 * whole session. With it on the wire anybody can forge packets, so it is used only when somebody names the quirk.
 */
export type OemAuth = 'supermicro' | 'quanta';

/**
 * The code of every packet of a session.
 * @param password at most 16 bytes, without padding
 * @param challenge 16 bytes
 */
export function oemCode(kind: OemAuth, password: Uint8Array, challenge: Uint8Array): Uint8Array {
  // The password itself: as authentication type 4, under another number.
  if (kind === 'quanta') return password;
  const digest = createHash('md5').update(password).digest();
  return createHash('md5')
    .update(digest.map((byte, i) => byte ^ (challenge[i] ?? 0)))
    .digest();
}

/** The challenge as Activate Session carries it: Supermicro's boards want it left out, since it is in the code. */
export function oemChallenge(kind: OemAuth, challenge: Uint8Array): Uint8Array {
  return kind === 'supermicro' ? new Uint8Array(challenge.length) : challenge;
}
