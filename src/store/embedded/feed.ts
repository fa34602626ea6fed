import type { KubeObject } from '../../api/meta.ts';
import type { ChangesOptions, RawChange } from '../raw.ts';
import { expired } from './errors.ts';
import type { ChangeRow, Tables } from './sqlite.ts';

const BATCH = 200;

/**
 * Watches. A watch is only a position in the change log: a slow reader costs no memory, and one that is overtaken by
 * compaction is told so.
 */
export class Feed {
  readonly #tables: Tables;
  #waiting: (() => void)[] = [];

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  /** To be called after each commit. */
  notify(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }

  /** @throws STORE_EXPIRED */
  async *changes(kind: string, revision: number, options: ChangesOptions): AsyncGenerator<RawChange> {
    const { signal } = options;
    let position = revision;
    while (!signal.aborted) {
      const oldest = this.#tables.getMeta('compacted');
      const newest = this.#tables.getMeta('revision');
      // A position of the future was given out by another database; its client has to list again as well.
      if (position < oldest || position > newest) throw expired(position, oldest);
      const rows = this.#tables.changesAfter(kind, position, BATCH);
      if (rows.length === 0) {
        position = newest;
        options.onIdle?.(newest);
        await this.#wait(signal);
      }
      for (const row of rows) {
        position = row.rv;
        const change = asSeen(row, options);
        if (change !== undefined) yield change;
        if (signal.aborted) return;
      }
    }
  }

  #wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      };
      const onAbort = () => {
        this.#waiting = this.#waiting.filter((w) => w !== wake);
        resolve();
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waiting.push(wake);
    });
  }
}

/** A change as a watch with a selector sees it: an object that stops matching is deleted, one that starts is added. */
function asSeen(row: ChangeRow, options: ChangesOptions): RawChange | undefined {
  if (options.namespace !== undefined && row.namespace !== options.namespace) return undefined;
  const object = JSON.parse(row.body) as KubeObject;
  const { matches } = options;
  if (matches === undefined) return { type: row.type, object, revision: row.rv };
  const now = matches(object);
  const before = row.old === null ? now : matches(JSON.parse(row.old) as KubeObject);
  if (row.type !== 'MODIFIED' || now === before) {
    return now ? { type: row.type, object, revision: row.rv } : undefined;
  }
  return { type: now ? 'ADDED' : 'DELETED', object, revision: row.rv };
}
