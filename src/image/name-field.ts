import { IngotError } from '../core/errors.ts';
import { imageErrors } from './errors.ts';

/**
 * The same failure, its message beginning with the field of the host that has to be corrected and what that field
 * holds, unless it says so already. The message ends up in `status.errorMessage`, alone.
 * @param field `spec.image.url` or `spec.image.checksum`
 * @param where the field's value, redacted
 */
export function nameField(error: unknown, field: string, where: string): unknown {
  if (!imageErrors.is(error) || error.message.includes('spec.image.')) return error;
  const message = error.message.includes(where) ? error.message : `${where}: ${error.message}`;
  return new IngotError(error.code, error, `${field}: ${message}`, {
    cause: error,
    seen: error.seen,
    hint: error.hint,
  });
}
