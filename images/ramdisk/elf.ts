import { existsSync } from 'node:fs';
import { readFile, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { exec } from '../../src/core/exec.ts';
import type { CpioEntry } from '../../src/disk/cpio.ts';

const LIBRARY_DIRS = ['lib/x86_64-linux-gnu', 'usr/lib/x86_64-linux-gnu', 'lib64', 'usr/lib64'];
const PROGRAM_DIRS = ['usr/sbin', 'usr/bin', 'sbin', 'bin'];
const LOADER = 'ld-linux-x86-64.so.2';

/** Path of a program inside an unpacked root. */
export function findProgram(root: string, name: string): string {
  const found = PROGRAM_DIRS.map((dir) => join(root, dir, name)).find((path) => existsSync(path));
  if (found === undefined) throw new Error(`no program ${name} in the unpacked packages`);
  return found;
}

/** Names of the shared libraries a file asks for (DT_NEEDED). */
async function neededLibraries(file: string): Promise<string[]> {
  const { stdout } = await exec('readelf', ['-d', file], { env: { LC_ALL: 'C' } });
  return [...stdout.matchAll(/\(NEEDED\).*\[([^\]]+)\]/g)].map((m) => m[1] ?? '');
}

/** Every library that `programs` need, directly or not, taken from `root`, and the dynamic loader. */
export async function libraryEntries(root: string, programs: readonly string[]): Promise<CpioEntry[]> {
  const found = new Map<string, string>();
  const queue = [...programs];
  for (const file of queue) {
    for (const name of await neededLibraries(file)) {
      if (found.has(name)) continue;
      const path = LIBRARY_DIRS.map((dir) => join(root, dir, name)).find((p) => existsSync(p));
      if (path === undefined) throw new Error(`no library ${name} (needed by ${file}) in the unpacked packages`);
      const real = await realpath(path);
      found.set(name, real);
      queue.push(real);
    }
  }
  const loader = LIBRARY_DIRS.map((dir) => join(root, dir, LOADER)).find((p) => existsSync(p));
  if (loader === undefined) throw new Error(`no ${LOADER} in the unpacked packages`);
  found.set(LOADER, await realpath(loader));
  return Promise.all(
    [...found].map(async ([name, path]) => ({
      path: name === LOADER ? `lib64/${name}` : `lib/x86_64-linux-gnu/${name}`,
      kind: 'file' as const,
      mode: 0o755,
      data: await readFile(path),
    })),
  );
}
