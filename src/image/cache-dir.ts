import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { FRAMES_FILE, MANIFEST_FILE, syncFolder, writeSynced } from './folder.ts';

/**
 * The cache on disk. Everything appears by rename after fsync, so a kill at any instant leaves either nothing or a whole
 * image; `tmp/` is emptied at the next start.
 *
 *   images/<hex>/    manifest.json, frames.zst       by content digest
 *   sources/<hex>    {"digest": "sha256:…"}           by hash of what was asked: URL, checksum, format
 *   tmp/
 */
export class CacheDir {
  readonly #dir: string;

  constructor(dir: string) {
    this.#dir = dir;
  }

  /** Makes the folders and throws away what an earlier process left half done. */
  async start(): Promise<void> {
    await rm(join(this.#dir, 'tmp'), { recursive: true, force: true });
    for (const sub of ['images', 'sources', 'tmp']) await mkdir(join(this.#dir, sub), { recursive: true });
  }

  get root(): string {
    return this.#dir;
  }

  imageDir(digest: string): string {
    return join(this.#dir, 'images', digestHex(digest));
  }

  /** A new empty folder for work in progress. */
  workDir(): Promise<string> {
    return mkdtemp(join(this.#dir, 'tmp', 'pack-'));
  }

  async discard(workDir: string): Promise<void> {
    await rm(workDir, { recursive: true, force: true });
  }

  /** Publishes a packed folder under its digest. An image that is there already stays. */
  async publish(packed: string, digest: string): Promise<void> {
    const target = this.imageDir(digest);
    await syncFolder(packed);
    try {
      await rename(packed, target);
    } catch (error) {
      // ENOTEMPTY, EEXIST: the same content came by another way.
      if (!(await exists(target))) throw error;
    }
    await syncFolder(join(this.#dir, 'images'));
  }

  /** Digest remembered for a source key, if any. */
  async lookup(key: string): Promise<string | undefined> {
    return this.lookupSource(sourceName(key));
  }

  /** The same by the name of the source. */
  async lookupSource(source: string): Promise<string | undefined> {
    if (!isSourceName(source)) return undefined;
    try {
      const path = join(this.#dir, 'sources', source.slice(SOURCE.length));
      const json: unknown = JSON.parse(await readFile(path, 'utf8'));
      const digest = typeof json === 'object' && json !== null && 'digest' in json ? json.digest : undefined;
      return typeof digest === 'string' && isDigest(digest) ? digest : undefined;
    } catch {
      // Missing or damaged: the image is made again.
      return undefined;
    }
  }

  async remember(key: string, digest: string): Promise<void> {
    const path = join(this.#dir, 'sources', keyName(key));
    const part = join(this.#dir, 'tmp', `source-${digestHex(digest)}-${keyName(key)}`);
    await writeSynced(part, JSON.stringify({ digest }));
    await rename(part, path);
    await syncFolder(join(this.#dir, 'sources'));
  }

  /** Marks an image as used now. */
  async touch(digest: string, nowMs: number): Promise<void> {
    await utimes(join(this.imageDir(digest), MANIFEST_FILE), nowMs / 1000, nowMs / 1000);
  }

  async remove(digest: string): Promise<void> {
    // First out of sight by one rename, then the files.
    const grave = join(await this.workDir(), 'old');
    await rename(this.imageDir(digest), grave);
    await rm(join(grave, '..'), { recursive: true, force: true });
  }

  /** Every whole image with its size and when it was last used. */
  async list(): Promise<CachedImage[]> {
    const out: CachedImage[] = [];
    for (const name of await readdir(join(this.#dir, 'images'))) {
      const digest = `sha256:${name}`;
      if (!isDigest(digest)) continue;
      const dir = join(this.#dir, 'images', name);
      try {
        const [m, f] = await Promise.all([stat(join(dir, MANIFEST_FILE)), stat(join(dir, FRAMES_FILE))]);
        out.push({ digest, bytes: m.size + f.size, usedMs: m.mtimeMs });
      } catch {
        // Not an image of ours; left alone.
      }
    }
    return out;
  }
}

export interface CachedImage {
  digest: string;
  bytes: number;
  usedMs: number;
}

/**
 * Which images to drop so that the rest fits into `maxBytes`: least recently used first, never one of `keep`.
 */
export function evictions(images: readonly CachedImage[], maxBytes: number, keep: ReadonlySet<string>): string[] {
  let total = images.reduce((sum, i) => sum + i.bytes, 0);
  const out: string[] = [];
  for (const image of images.toSorted((a, b) => a.usedMs - b.usedMs)) {
    if (total <= maxBytes) break;
    if (keep.has(image.digest)) continue;
    out.push(image.digest);
    total -= image.bytes;
  }
  return out;
}

export function isDigest(text: string): boolean {
  return /^sha256:[0-9a-f]{64}$/.test(text);
}

/** @throws RangeError for anything but a digest: it becomes a path */
function digestHex(digest: string): string {
  if (!isDigest(digest)) throw new RangeError('not an image digest');
  return digest.slice('sha256:'.length);
}

const SOURCE = 'source:';

/** What an image is called before its digest is known: by what was asked for. */
export function sourceName(key: string): string {
  return SOURCE + keyName(key);
}

export function isSourceName(text: string): boolean {
  return /^source:[0-9a-f]{64}$/.test(text);
}

function keyName(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
