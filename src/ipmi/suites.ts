import { ByteReader } from '../wire/reader.ts';

/** Algorithm numbers as they stand in Open Session records (§13.28). */
export type AuthAlgorithm = 'none' | 'sha1' | 'md5' | 'sha256';
/** `md5-128` is no HMAC: MD5 over password, data, password (§13.28.4). */
export type IntegrityAlgorithm = 'none' | 'sha1-96' | 'hmac-md5-128' | 'md5-128' | 'sha256-128';
export type ConfidentialityAlgorithm = 'none' | 'aes-128';

export interface CipherSuite {
  id: number;
  auth: AuthAlgorithm;
  integrity: IntegrityAlgorithm;
  confidentiality: ConfidentialityAlgorithm;
}

export const AUTH_NUMBER: Record<AuthAlgorithm, number> = { none: 0, sha1: 1, md5: 2, sha256: 3 };
export const INTEGRITY_NUMBER: Record<IntegrityAlgorithm, number> = {
  none: 0,
  'sha1-96': 1,
  'hmac-md5-128': 2,
  'md5-128': 3,
  'sha256-128': 4,
};
export const CONFIDENTIALITY_NUMBER: Record<ConfidentialityAlgorithm, number> = { none: 0, 'aes-128': 1 };

/**
 * The suites we can speak (§22.15.2 table 22-20, and the SHA-256 addendum). The xRC4 suites cannot be made with today's
 * OpenSSL.
 */
const SUITES: readonly CipherSuite[] = [
  { id: 0, auth: 'none', integrity: 'none', confidentiality: 'none' },
  { id: 1, auth: 'sha1', integrity: 'none', confidentiality: 'none' },
  { id: 2, auth: 'sha1', integrity: 'sha1-96', confidentiality: 'none' },
  { id: 3, auth: 'sha1', integrity: 'sha1-96', confidentiality: 'aes-128' },
  { id: 6, auth: 'md5', integrity: 'none', confidentiality: 'none' },
  { id: 7, auth: 'md5', integrity: 'hmac-md5-128', confidentiality: 'none' },
  { id: 8, auth: 'md5', integrity: 'hmac-md5-128', confidentiality: 'aes-128' },
  { id: 11, auth: 'md5', integrity: 'md5-128', confidentiality: 'none' },
  { id: 12, auth: 'md5', integrity: 'md5-128', confidentiality: 'aes-128' },
  { id: 15, auth: 'sha256', integrity: 'none', confidentiality: 'none' },
  { id: 16, auth: 'sha256', integrity: 'sha256-128', confidentiality: 'none' },
  { id: 17, auth: 'sha256', integrity: 'sha256-128', confidentiality: 'aes-128' },
];

/** Opens a session without any password. Never tried and never offered unless somebody says so. */
export const SUITE_WITHOUT_PASSWORD = 0;

/** What the server offers by default. */
export const DEFAULT_SUITES: readonly number[] = [17, 3];

/**
 * What the client tries, in this order: what everybody has, then what also encrypts, then what signs. The suites that do
 * neither come last; their login is still proven by the password. Those of MD5 are left over from the age of IPMI 1.5.
 */
export const CLIENT_SUITES: readonly number[] = [17, 3, 8, 12, 16, 2, 7, 11, 15, 1, 6];

export function suiteById(id: number): CipherSuite | undefined {
  return SUITES.find((s) => s.id === id);
}

export interface AlgorithmNumbers {
  auth: number;
  integrity: number;
  confidentiality: number;
}

export function algorithmsOf(suite: CipherSuite): AlgorithmNumbers {
  return {
    auth: AUTH_NUMBER[suite.auth],
    integrity: INTEGRITY_NUMBER[suite.integrity],
    confidentiality: CONFIDENTIALITY_NUMBER[suite.confidentiality],
  };
}

/** The suite with exactly these three algorithms, if we speak it. */
export function suiteByAlgorithms(numbers: AlgorithmNumbers): CipherSuite | undefined {
  return SUITES.find((s) => {
    const own = algorithmsOf(s);
    return (
      own.auth === numbers.auth &&
      own.integrity === numbers.integrity &&
      own.confidentiality === numbers.confidentiality
    );
  });
}

/** Cipher suite records as Get Channel Cipher Suites sends them (§22.15.1): C0 id, then tagged algorithms. */
export function encodeSuiteRecords(suites: readonly CipherSuite[]): Uint8Array {
  return Uint8Array.from(
    suites.flatMap((s) => {
      const n = algorithmsOf(s);
      return [0xc0, s.id, n.auth, 0x40 | n.integrity, 0x80 | n.confidentiality];
    }),
  );
}

/**
 * Ids found in suite records. Lenient: tags are wrong on some boards, so only the record starts are trusted.
 * The list is a hint for the order to try, never a gate.
 */
export function decodeSuiteIds(bytes: Uint8Array): number[] {
  const reader = new ByteReader(bytes);
  const ids: number[] = [];
  while (reader.remaining > 0) {
    const tag = reader.u8();
    if (tag !== 0xc0 && tag !== 0xc1) continue;
    if (reader.remaining === 0) break;
    ids.push(reader.u8());
    if (tag === 0xc1 && reader.remaining >= 3) reader.skip(3);
  }
  return ids;
}
