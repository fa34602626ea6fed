import { createCipheriv, createDecipheriv, createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { concatBytes } from '../wire/hex.ts';
import { ByteWriter } from '../wire/writer.ts';
import { ipmiErrors } from './errors.ts';
import type { AuthAlgorithm, CipherSuite, IntegrityAlgorithm } from './suites.ts';

/** What both sides have agreed on when RAKP 1 and 2 have passed (§13.31). Ids are as they stand on the wire. */
export interface Handshake {
  consoleSessionId: number;
  bmcSessionId: number;
  /** 16 random bytes of each side. */
  consoleRandom: Uint8Array;
  bmcRandom: Uint8Array;
  bmcGuid: Uint8Array;
  /** Role byte of RAKP 1, with the name-only bit as it was sent: it is part of the signed text. */
  role: number;
  username: Uint8Array;
}

/** Keys of an open session. */
export interface SessionKeys {
  suite: CipherSuite;
  /** Signs packets: made from the session integrity key, for `md5-128` the user key. */
  k1: Uint8Array;
  /** First 16 bytes encrypt. */
  k2: Uint8Array;
}

const INTEGRITY_LENGTH: Record<IntegrityAlgorithm, number> = {
  none: 0,
  'sha1-96': 12,
  'hmac-md5-128': 16,
  'md5-128': 16,
  'sha256-128': 16,
};
const INTEGRITY_HASH: Record<IntegrityAlgorithm, AuthAlgorithm> = {
  none: 'none',
  'sha1-96': 'sha1',
  'hmac-md5-128': 'md5',
  'md5-128': 'md5',
  'sha256-128': 'sha256',
};
/** Length of the integrity check value in RAKP 4 (§13.23). */
const ICV_LENGTH: Record<AuthAlgorithm, number> = { none: 0, sha1: 12, md5: 16, sha256: 16 };

/** Empty without an algorithm. */
function hmac(algorithm: AuthAlgorithm, key: Uint8Array, ...parts: Uint8Array[]): Uint8Array {
  if (algorithm === 'none') return new Uint8Array(0);
  const h = createHmac(algorithm, key);
  for (const part of parts) h.update(part);
  return h.digest();
}

/** The user key: the password, zero padded or cut to 20 bytes (§13.31). */
export function userKey(password: Uint8Array): Uint8Array {
  const key = new Uint8Array(20);
  key.set(password.subarray(0, 20));
  return key;
}

function id(sessionId: number): Uint8Array {
  return new ByteWriter(4).u32le(sessionId).finish();
}

function nameFields(h: Handshake): Uint8Array {
  return concatBytes(Uint8Array.of(h.role, h.username.length), h.username);
}

/** Key exchange code of RAKP 2: proves that the BMC knows the password. */
export function rakp2Code(auth: AuthAlgorithm, kuid: Uint8Array, h: Handshake): Uint8Array {
  return hmac(
    auth,
    kuid,
    id(h.consoleSessionId),
    id(h.bmcSessionId),
    h.consoleRandom,
    h.bmcRandom,
    h.bmcGuid,
    nameFields(h),
  );
}

/** Key exchange code of RAKP 3: proves that the console knows the password. */
export function rakp3Code(auth: AuthAlgorithm, kuid: Uint8Array, h: Handshake): Uint8Array {
  return hmac(auth, kuid, h.bmcRandom, id(h.consoleSessionId), nameFields(h));
}

/** Session integrity key (§13.31). `kg` is the BMC key of two-key logins, else the user key. */
export function sessionIntegrityKey(auth: AuthAlgorithm, kg: Uint8Array, h: Handshake): Uint8Array {
  return hmac(auth, kg, h.consoleRandom, h.bmcRandom, nameFields(h));
}

/** Integrity check value of RAKP 4. */
export function rakp4Code(auth: AuthAlgorithm, sik: Uint8Array, h: Handshake): Uint8Array {
  return hmac(auth, sik, h.consoleRandom, id(h.bmcSessionId), h.bmcGuid).subarray(0, ICV_LENGTH[auth]);
}

/** The integrity check value as some old Intel boards make it: with the hash of the integrity algorithm. */
export function rakp4CodeByIntegrity(integrity: IntegrityAlgorithm, sik: Uint8Array, h: Handshake): Uint8Array {
  return rakp4Code(INTEGRITY_HASH[integrity], sik, h);
}

/**
 * K1 and K2 (§13.32): the session integrity key over 20 bytes of 01 and of 02, or those bytes themselves without
 * authentication.
 * @param kuid the user key: signs packets of `md5-128`, all 20 bytes of it, as FreeIPMI does
 */
export function sessionKeys(suite: CipherSuite, sik: Uint8Array, kuid: Uint8Array): SessionKeys {
  const key = (constant: number) => {
    const bytes = new Uint8Array(20).fill(constant);
    return suite.auth === 'none' ? bytes : hmac(suite.auth, sik, bytes);
  };
  return { suite, k1: suite.integrity === 'md5-128' ? kuid : key(1), k2: key(2) };
}

/** Auth code of the packet trailer over `signed`; empty for suites without integrity. */
export function packetCode(keys: SessionKeys, signed: Uint8Array): Uint8Array {
  const { integrity } = keys.suite;
  if (integrity === 'md5-128') return createHash('md5').update(keys.k1).update(signed).update(keys.k1).digest();
  return hmac(INTEGRITY_HASH[integrity], keys.k1, signed).subarray(0, INTEGRITY_LENGTH[integrity]);
}

export function packetCodeLength(keys: SessionKeys): number {
  return INTEGRITY_LENGTH[keys.suite.integrity];
}

/** Compares without telling by time where the difference is. */
export function codesEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

const BLOCK = 16;

/**
 * AES-CBC-128 payload (§13.29): IV, then the data padded with 01 02 03 … and the pad length.
 * @param iv 16 random bytes, fresh for each packet
 */
export function encryptPayload(keys: SessionKeys, iv: Uint8Array, plain: Uint8Array): Uint8Array {
  const pad = (BLOCK - ((plain.length + 1) % BLOCK)) % BLOCK;
  const padding = Uint8Array.from({ length: pad + 1 }, (_, i) => (i === pad ? pad : i + 1));
  const cipher = createCipheriv('aes-128-cbc', keys.k2.subarray(0, 16), iv).setAutoPadding(false);
  return concatBytes(iv, cipher.update(plain), cipher.update(padding), cipher.final());
}

/** @throws IPMI_INTEGRITY for lengths or padding that no honest peer sends */
export function decryptPayload(keys: SessionKeys, bytes: Uint8Array): Uint8Array {
  if (bytes.length < 2 * BLOCK || bytes.length % BLOCK !== 0) {
    throw ipmiErrors.make('IPMI_INTEGRITY', `encrypted payload of ${bytes.length} bytes`);
  }
  const iv = bytes.subarray(0, BLOCK);
  const decipher = createDecipheriv('aes-128-cbc', keys.k2.subarray(0, 16), iv).setAutoPadding(false);
  const plain = concatBytes(decipher.update(bytes.subarray(BLOCK)), decipher.final());
  const pad = plain.at(-1) ?? 0;
  const end = plain.length - 1 - pad;
  // The packet was signed, so a pad that does not count up is a board's habit, not an attack; only the length counts.
  if (pad >= BLOCK || end < 0) throw ipmiErrors.make('IPMI_INTEGRITY', `padding of ${pad} bytes`);
  return plain.slice(0, end);
}
