import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ObjectKey, keyText } from '../api/meta.ts';
import { redactText } from '../core/log.ts';

/** The newest part of a console that is kept for each boot, bytes. */
export const DEFAULT_CONSOLE_BYTES = 64 << 10;
export interface RecordedConsole {
  text: string;
  /** When the last of it was kept, wall time in ms. */
  atMs: number;
}

/** Boots kept beside the newest. */
export const OLDER_CONSOLES = 3;

/**
 * What the serial consoles of machines printed while they booted the ramdisk, the end of each boot: one file a host for
 * the newest boot, and one each for some before. Secrets on the kernel's command line, which the console repeats, never
 * reach the disk.
 */
export class ConsoleLogs {
  readonly #dir: string;
  readonly #limit: number;

  /** @param dir the data folder's `consoles` */
  constructor(dir: string, limit = DEFAULT_CONSOLE_BYTES) {
    this.#dir = dir;
    this.#limit = limit;
  }

  /** A new boot: what was printed before is kept for as long as few boots have followed. */
  async begin(key: ObjectKey): Promise<void> {
    await mkdir(join(this.#dir, key.namespace), { recursive: true });
    for (let ago = OLDER_CONSOLES - 1; ago >= 0; ago--) {
      await rename(this.#path(key, ago), this.#path(key, ago + 1)).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error;
      });
    }
  }

  /** Replaces what is kept of the boot under way. A reader sees the old text or the new one, never half of it. */
  async write(key: ObjectKey, text: string): Promise<void> {
    const path = this.#path(key, 0);
    const kept = tail(redactText(text), this.#limit);
    await writeFile(`${path}.new`, kept, { mode: 0o600 });
    await rename(`${path}.new`, path);
  }

  /** What one boot printed, empty when that was not recorded. @param ago 0: the newest boot, 1: the one before… */
  async read(key: ObjectKey, ago = 0): Promise<string> {
    return await readFile(this.#path(key, ago), 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
      return '';
    });
  }

  /** What the newest boot printed; undefined: it was not recorded. */
  async newest(key: ObjectKey): Promise<RecordedConsole | undefined> {
    const text = await this.read(key);
    if (text === '') return undefined;
    return { text, atMs: (await stat(this.#path(key, 0))).mtimeMs };
  }

  /** Names are those of Kubernetes objects: no slash, never `..`. */
  #path(key: ObjectKey, ago: number): string {
    return join(this.#dir, `${keyText(key)}.console${ago === 0 ? '' : `.${ago}`}`);
  }
}

/** The last `limit` bytes of `text`, from the start of a line where there is one. */
function tail(text: string, limit: number): string {
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.length <= limit) return text;
  const cut = bytes.subarray(bytes.length - limit);
  const line = cut.indexOf(0x0a);
  return cut.subarray(line + 1).toString('utf8');
}
