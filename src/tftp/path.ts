import { tftpErrors } from './errors.ts';
import { printable } from './packet.ts';

/**
 * The path a client asked for, as a relative one without surprises. Firmware writes backslashes, doubled and leading
 * slashes, and now and then trailing 0xff; all of that is meant well. `..` and control characters are not.
 * @throws TFTP_PATH
 */
export function cleanPath(asked: string): string {
  const text = asked.replace(/\u00ff+$/, '').replaceAll('\\', '/');
  const parts = text.split('/').filter((p) => p !== '' && p !== '.');
  if (parts.length === 0 || parts.includes('..') || printable(text) !== text) {
    throw tftpErrors.make('TFTP_PATH', `"${printable(asked).slice(0, 100)}" is not a path that is served`);
  }
  return parts.join('/');
}
