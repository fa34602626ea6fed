import { createHmac, timingSafeEqual } from 'node:crypto';
import { bootErrors } from './errors.ts';

/**
 * Signed, expiring URL paths: `/<scope>/<file>?expires=<e>&sig=<s>`. The signature covers expiry and scope, not the file,
 * so one signature opens all frames of one image and nothing else. Machines fetch these over plain HTTP before any of
 * our code runs there; what they carry is either public (loaders, kernel) or verified by digest (frames). `sig=` is what
 * `redactText` takes out of logs.
 */
export class UrlSigner {
  readonly #secret: Uint8Array;

  /** @param secret at least 32 bytes, kept by the server */
  constructor(secret: Uint8Array) {
    this.#secret = secret;
  }

  /**
   * @param scope path segments the signature is bound to: `ramdisk`, `image/sha256:…`
   * @param file what follows in the path; not signed
   * @param expiresMs wall time after which the path is refused, ms
   */
  path(scope: string, file: string, expiresMs: number): string {
    const expires = Math.ceil(expiresMs / 1000).toString(36);
    return `/${scope}/${file}?expires=${expires}&sig=${this.#signature(expires, scope)}`;
  }

  /**
   * Expiry and signature as one path segment, `<e>.<s>`: some BMCs refuse URLs with a query. What takes signatures out of
   * logs must know the path it is used in (`redactText`).
   */
  segment(scope: string, expiresMs: number): string {
    const expires = Math.ceil(expiresMs / 1000).toString(36);
    return `${expires}.${this.#signature(expires, scope)}`;
  }

  /** @throws BOOT_URL_INVALID, BOOT_URL_EXPIRED */
  verifySegment(segment: string, scope: string, nowMs: number): void {
    const dot = segment.indexOf('.');
    this.verify({ expires: segment.slice(0, Math.max(0, dot)), sig: segment.slice(dot + 1) }, scope, nowMs);
  }

  /**
   * @param query of the request
   * @throws BOOT_URL_INVALID, BOOT_URL_EXPIRED
   */
  verify(query: SignedQuery, scope: string, nowMs: number): void {
    const { expires, sig } = query;
    if (typeof expires !== 'string' || typeof sig !== 'string') {
      throw bootErrors.make('BOOT_URL_INVALID', 'this URL carries no signature');
    }
    const expected = Buffer.from(this.#signature(expires, scope));
    const given = Buffer.from(sig);
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
      throw bootErrors.make('BOOT_URL_INVALID', 'the signature of this URL is wrong');
    }
    // Looked at after the signature: a forged expiry is a forged URL.
    if (Number.parseInt(expires, 36) * 1000 < nowMs) {
      throw bootErrors.make('BOOT_URL_EXPIRED', 'this URL has expired');
    }
  }

  #signature(expires: string, scope: string): string {
    // 144 bits keep iPXE's and DHCP's short buffers happy and are far beyond guessing.
    return createHmac('sha256', this.#secret).update(`url|${expires}|${scope}`).digest('base64url').slice(0, 24);
  }
}

/** As a query string may have it: anything, or several of one name. */
export interface SignedQuery {
  expires?: unknown;
  sig?: unknown;
}
