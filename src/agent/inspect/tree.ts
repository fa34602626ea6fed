import { readFile, readdir, realpath } from 'node:fs/promises';
import { join, relative } from 'node:path';

/**
 * What inspection reads: /sys and /proc. Everything comes through here, so that machines captured once can be inspected
 * again in tests. Paths are absolute as on the machine (`/sys/block/vda/size`).
 */
export interface Tree {
  /** Content of a file; undefined when it is missing or cannot be read (drivers answer many reads with errors). */
  bytes(path: string): Promise<Uint8Array | undefined>;
  /** Names in a folder, sorted; empty when there is none. */
  list(path: string): Promise<string[]>;
  /** The path with all links followed; undefined when it does not exist. */
  real(path: string): Promise<string | undefined>;
}

/** Text of a file without surrounding blanks, NULs and line ends; undefined when missing or empty. */
export async function readText(tree: Tree, path: string): Promise<string | undefined> {
  const bytes = await tree.bytes(path);
  if (bytes === undefined) return undefined;
  const text = Buffer.from(bytes).toString('utf8').replaceAll('\0', ' ').trim();
  return text === '' ? undefined : text;
}

/** A whole number in a file; undefined when there is none. */
export async function readNumber(tree: Tree, path: string): Promise<number | undefined> {
  const text = await readText(tree, path);
  return text !== undefined && /^-?\d+$/.test(text) ? Number(text) : undefined;
}

/** The running system below `root` (default `/`). */
export function systemTree(root = '/'): Tree {
  const at = (path: string) => join(root, path);
  return {
    async bytes(path) {
      try {
        return await readFile(at(path));
      } catch {
        return undefined;
      }
    },
    async list(path) {
      try {
        return (await readdir(at(path))).sort();
      } catch {
        return [];
      }
    },
    async real(path) {
      try {
        return `/${relative(await realpath(root), await realpath(at(path)))}`;
      } catch {
        return undefined;
      }
    },
  };
}

/** Names as people sort them: eth2 before eth10. */
export function byNaturalName(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}
