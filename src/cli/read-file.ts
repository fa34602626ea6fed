import { readFile } from 'node:fs/promises';
import { errorCode, errorText } from '../core/errors.ts';
import { cliErrors } from './api-client.ts';

/**
 * A file that a person named.
 * @param what how it was named, for the message: `--ca`
 * @throws CLI_FILE
 */
export async function readNamedFile(what: string, file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw unreadable(what, file, cause);
  }
}

export function unreadable(what: string, file: string, cause: unknown): Error {
  const reasons: Readonly<Record<string, string>> = {
    ENOENT: 'there is no such file',
    EACCES: 'you may not read it',
    EISDIR: 'that is a folder',
  };
  const why = reasons[errorCode(cause)] ?? errorText(cause);
  return cliErrors.make('CLI_FILE', `${what} ${file}: ${why}`, { cause });
}
