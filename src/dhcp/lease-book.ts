import { type FileHandle, mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { errorCode, errorText } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import { dhcpErrors } from './errors.ts';
import { readRecords, writeRecord } from './lease-record.ts';
import { type LeaseChange, LeaseTable } from './leases.ts';
import type { Subnet } from '../wire/ipv4.ts';

/** Leases that survive us. */
export interface LeaseBook {
  readonly table: LeaseTable;
  /**
   * Takes effect in the table at once. Resolves when it is on disk, which for an offer is at once: an offer that is lost
   * costs the client one more DISCOVER.
   * @throws DHCP_LEASES
   */
  apply(change: LeaseChange): Promise<void>;
  /** Writes what is pending and closes the file. */
  close(): Promise<void>;
}

/** For proxyDHCP, which has no leases, and for tests. */
export function memoryLeaseBook(): LeaseBook {
  const table = new LeaseTable();
  return { table, apply: (change) => Promise.resolve(table.put(change)), close: () => Promise.resolve() };
}

const FILE_NAME = 'dhcp-leases.log';
/** The log is rewritten when it has this many lines and four times as many as there are leases. */
const COMPACT_MIN_LINES = 1000;

/**
 * Opens the lease book kept in `dir`: an append-only log of checksummed lines, each on disk before the client hears of it,
 * so that a kill at any instant loses no lease that a client believes in. A torn last line is dropped.
 * @throws DHCP_LEASES
 */
export async function openLeaseBook(dir: string, log: Logger): Promise<LeaseBook> {
  const path = join(dir, FILE_NAME);
  try {
    await mkdir(dir, { recursive: true });
    const { changes, damaged } = readRecords(await readOrEmpty(path));
    if (damaged > 0) log.warn('lease book has damaged lines, they are skipped', { path, damaged });
    const book = new FileLeaseBook(path, log);
    for (const change of changes) book.restore(change);
    await book.compact();
    return book;
  } catch (cause) {
    throw dhcpErrors.make('DHCP_LEASES', `cannot open lease book ${path}: ${errorText(cause)}`, { cause });
  }
}

interface Waiter {
  line: string;
  resolve: () => void;
  reject: (error: unknown) => void;
}

class FileLeaseBook implements LeaseBook {
  readonly table = new LeaseTable();
  readonly #path: string;
  readonly #log: Logger;
  readonly #subnets = new Map<number, Subnet>();
  #file: FileHandle | undefined;
  #lines = 0;
  #waiting: Waiter[] = [];
  #running: Promise<void> | undefined;

  constructor(path: string, log: Logger) {
    this.#path = path;
    this.#log = log;
  }

  restore(change: LeaseChange): void {
    this.table.put(change);
    this.#subnets.set(change.lease.address, change.subnet);
  }

  apply(change: LeaseChange): Promise<void> {
    this.restore(change);
    if (change.lease.state === 'offered') return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiting.push({ line: writeRecord(change), resolve, reject });
      this.#running ??= this.#run();
    });
  }

  async close(): Promise<void> {
    await this.#running;
    await this.#file?.close();
    this.#file = undefined;
  }

  /** Group commit: what comes in while one flush is under way shares the next one. */
  async #run(): Promise<void> {
    // One turn of the event loop: packets already received join the first flush.
    await new Promise<void>((resolve) => setImmediate(resolve));
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      try {
        await this.#append(batch.map((w) => w.line).join(''), batch.length);
        for (const w of batch) w.resolve();
      } catch (cause) {
        const error = dhcpErrors.make('DHCP_LEASES', `cannot write ${this.#path}: ${errorText(cause)}`, { cause });
        for (const w of batch) w.reject(error);
      }
    }
    this.#running = undefined;
  }

  async #append(lines: string, count: number): Promise<void> {
    const full = this.#lines > COMPACT_MIN_LINES && this.#lines > 4 * this.table.size;
    // The table already holds what `lines` say, so rewriting the file writes them too.
    if (this.#file === undefined || full) return this.compact();
    try {
      await this.#file.appendFile(lines);
      await this.#file.datasync();
      this.#lines += count;
    } catch (error) {
      // A torn line may be in the file now: the next write starts a fresh file.
      await this.#file.close().catch(() => undefined);
      this.#file = undefined;
      throw error;
    }
  }

  /** Writes all leases to a new file that takes the old one's place in one step. */
  async compact(): Promise<void> {
    const temporary = `${this.#path}.new`;
    const keep = this.table.all().filter((l) => l.state !== 'offered');
    const lines = keep.flatMap((lease) => {
      const subnet = this.#subnets.get(lease.address);
      return subnet === undefined ? [] : [writeRecord({ lease, subnet })];
    });
    const file = await open(temporary, 'w', 0o600);
    try {
      await file.writeFile(lines.join(''));
      await file.datasync();
      await rename(temporary, this.#path);
      await syncFolder(dirname(this.#path));
    } catch (error) {
      await file.close();
      throw error;
    }
    await this.#file?.close().catch((error: unknown) => this.#log.warn('old lease book', { error: errorText(error) }));
    this.#file = file;
    this.#lines = lines.length;
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function readOrEmpty(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return '';
    throw error;
  }
}
