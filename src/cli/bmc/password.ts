import { bmcErrors } from '../../bmc/errors.ts';
import { readNamedFile } from '../read-file.ts';

export const PASSWORD_VARIABLE = 'INGOT_BMC_PASSWORD';

export interface PasswordOptions {
  passwordFile?: string;
}

/**
 * The password from the file, else from the environment, else typed by the person without an echo.
 * @throws BMC_CREDENTIALS_INVALID when there is none and nobody to ask
 */
export async function readPassword(options: PasswordOptions, prompt: string): Promise<string> {
  const { passwordFile } = options;
  const text =
    passwordFile === undefined
      ? (process.env[PASSWORD_VARIABLE] ?? (await typed(prompt)))
      : await readNamedFile('--password-file', passwordFile);
  // Editors end files with a newline that nobody meant.
  const value = text?.replace(/\r?\n$/, '') ?? '';
  if (value !== '') return value;
  throw bmcErrors.make('BMC_CREDENTIALS_INVALID', 'no password for the BMC', {
    hint: `set ${PASSWORD_VARIABLE} or give --password-file`,
  });
}

const [ENTER, CTRL_C, CTRL_D, BACKSPACE, DELETE] = ['\r', '\u0003', '\u0004', '\b', '\u007f'];

/** Undefined where there is no terminal to ask on. */
async function typed(prompt: string): Promise<string | undefined> {
  const { stdin, stderr } = process;
  if (!stdin.isTTY) return undefined;
  // First: what is typed as soon as the prompt stands must not be echoed either.
  stdin.setRawMode(true);
  stderr.write(prompt);
  try {
    let text = '';
    for await (const chunk of stdin.iterator({ destroyOnReturn: false })) {
      for (const key of String(chunk)) {
        if (key === ENTER || key === '\n' || key === CTRL_D) return text;
        if (key === CTRL_C) {
          throw bmcErrors.make('BMC_CREDENTIALS_INVALID', 'interrupted at the password', {
            hint: 'type it and press Enter',
          });
        }
        text = key === BACKSPACE || key === DELETE ? text.slice(0, -1) : text + key;
      }
    }
    return undefined;
  } finally {
    stdin.setRawMode(false);
    stdin.pause();
    stderr.write('\n');
  }
}
