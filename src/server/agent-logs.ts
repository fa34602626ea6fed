import { appendFile, mkdir, readFile, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { AgentLogLine } from '../agent-protocol/messages.ts';
import { type ObjectKey, keyText } from '../api/meta.ts';
import { redactText } from '../core/log.ts';

/** A host's log keeps at least this much of its newest part, and at most twice this on disk, bytes. */
const ROTATE_BYTES = 1 << 20;

/** What agents log, one file a host, with one older generation. Hosts' writes are serialised, so lines never mix. */
export class AgentLogs {
  readonly #dir: string;
  readonly #tails = new Map<string, Promise<void>>();

  constructor(dir: string) {
    this.#dir = dir;
  }

  append(key: ObjectKey, lines: readonly AgentLogLine[]): Promise<void> {
    const text = lines.map((l) => `${stamp(l.atMs)} ${l.level} ${oneLine(redactText(l.message))}\n`).join('');
    const id = keyText(key);
    const write = (this.#tails.get(id) ?? Promise.resolve()).then(() => this.#write(key, text));
    this.#tails.set(
      id,
      write.catch(() => {}),
    );
    return write;
  }

  /** The log as text, oldest first; empty when the host's agent never logged. */
  async read(key: ObjectKey): Promise<string> {
    await this.#tails.get(keyText(key));
    const path = this.#path(key);
    const parts = await Promise.all([`${path}.1`, path].map((p) => readFile(p, 'utf8').catch(() => '')));
    return parts.join('');
  }

  async #write(key: ObjectKey, text: string): Promise<void> {
    const path = this.#path(key);
    const size = await stat(path).then(
      (s) => s.size,
      () => undefined,
    );
    if (size === undefined) await mkdir(join(this.#dir, key.namespace), { recursive: true });
    else if (size > ROTATE_BYTES) await rename(path, `${path}.1`);
    await appendFile(path, text, { mode: 0o600 });
  }

  /** Names are those of Kubernetes objects: no slash, never `..`. */
  #path(key: ObjectKey): string {
    return join(this.#dir, key.namespace, `${key.name}.log`);
  }
}

function stamp(ms: number): string {
  return Number.isFinite(ms) && Math.abs(ms) < 8e15 ? new Date(ms).toISOString() : '-';
}

function oneLine(text: string): string {
  return text.replaceAll(/[\r\n]+/g, '⏎').replaceAll(/\p{Cc}/gu, ' ');
}
