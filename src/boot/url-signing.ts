import { createHmac, timingSafeEqual } from 'node:crypto';
import { bootErrors } from './errors.ts';

/**
 * Signed, expiring URL paths: `/s/<expiry>/<signature>/<scope…>/<file>`. The signature covers expiry and scope, not the
 * file, so one signature opens all frames of one image and nothing else. Machines fetch these over plain HTTP before any
 * of our code runs there; what they carry is either public (loaders, kernel) or verified by digest (frames).
 */
export class UrlSigner {
  readonly #secret: Uint8Array;

  /** @param secret at least 32 bytes, kept by the server */
  constructor(secret: Uint8Array) {
    this.#secret = secret;
  }

  /**
   * @param scope path segments the signature is bound to: `ramdisk`, `image/sha256:…`
   * @param expiresMs wall time after which the path is refused, ms
   * @returns `/s/<expiry>/<signature>/<scope>` without a trailing slash
   */
  sign(scope: string, expiresMs: number): string {
    const expiry = Math.ceil(expiresMs / 1000).toString(36);
    return `/s/${expiry}/${this.#signature(expiry, scope)}/${scope}`;
  }

  /** @throws BOOT_URL_INVALID, BOOT_URL_EXPIRED */
  verify(expiry: string, signature: string, scope: string, nowMs: number): void {
    const expected = Buffer.from(this.#signature(expiry, scope));
    const given = Buffer.from(signature);
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
      throw bootErrors.make('BOOT_URL_INVALID', 'the signature of this URL is wrong');
    }
    // Looked at after the signature: a forged expiry is a forged URL.
    if (Number.parseInt(expiry, 36) * 1000 < nowMs) {
      throw bootErrors.make('BOOT_URL_EXPIRED', 'this URL has expired');
    }
  }

  #signature(expiry: string, scope: string): string {
    // 144 bits keep iPXE's and DHCP's short buffers happy and are far beyond guessing.
    return createHmac('sha256', this.#secret).update(`url|${expiry}|${scope}`).digest('base64url').slice(0, 24);
  }
}
