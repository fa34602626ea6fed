import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ObjectKey, keyText } from '../api/meta.ts';
import { redactText } from '../core/log.ts';

/** The newest part of a console that is kept for each boot, bytes. */
export const DEFAULT_CONSOLE_BYTES = 64 << 10;
/** Boots kept beside the one under way. */
const OLDER = 1;

/**
 * What the serial consoles of machines printed while they booted the ramdisk, the end of each boot: one file a host for
 * the newest boot and one for the boot before. Secrets on the kernel's command line, which the console repeats, never
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

  /** A new boot: what the last one printed is kept as the older one. */
  async begin(key: ObjectKey): Promise<void> {
    await mkdir(join(this.#dir, key.namespace), { recursive: true });
    const path = this.#path(key);
    await rename(path, `${path}.${OLDER}`).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
  }

  /** Replaces what is kept of the boot under way. A reader sees the old text or the new one, never half of it. */
  async write(key: ObjectKey, text: string): Promise<void> {
    const path = this.#path(key);
    const kept = tail(redactText(text), this.#limit);
    await writeFile(`${path}.new`, kept, { mode: 0o600 });
    await rename(`${path}.new`, path);
  }

  /** Text of the newest boot, empty when none was recorded. @param older of the boot before */
  async read(key: ObjectKey, older = false): Promise<string> {
    const path = this.#path(key);
    return await readFile(older ? `${path}.${OLDER}` : path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
      return '';
    });
  }

  /** Names are those of Kubernetes objects: no slash, never `..`. */
  #path(key: ObjectKey): string {
    return join(this.#dir, `${keyText(key)}.console`);
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
