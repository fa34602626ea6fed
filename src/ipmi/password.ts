import type { IngotError } from '../core/errors.ts';
import { utf8Bytes } from '../wire/hex.ts';
import { ipmiErrors } from './errors.ts';
import type { WireQuirks } from './wire-quirks.ts';

/** Longest password of IPMI 2.0 and of IPMI 1.5, bytes. */
export const MAX_PASSWORD = 20;
export const MAX_PASSWORD_V15 = 16;

/**
 * The password as it goes into keys. It is never cut unless somebody said that the BMC cuts it: what would be left is
 * another password, and a wrong one is refused with a text that sends people the wrong way.
 * @throws IPMI_PASSWORD_TOO_LONG
 */
export function passwordBytes(password: string, quirks: WireQuirks): Uint8Array {
  const bytes = utf8Bytes(password);
  if (quirks.password16 === true) return bytes.slice(0, MAX_PASSWORD_V15);
  if (bytes.length > MAX_PASSWORD) throw tooLong(MAX_PASSWORD, 'IPMI 2.0');
  return bytes;
}

export function tooLong(limit: number, protocol: string): IngotError {
  return ipmiErrors.make('IPMI_PASSWORD_TOO_LONG', `the password is longer than the ${limit} bytes of ${protocol}`);
}
