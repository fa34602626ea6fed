import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { exec } from '../../src/core/exec.ts';

/** One binary package as apt would download it now. */
export interface DebianPackage {
  name: string;
  version: string;
  /** File name in apt's own form: `name_version_arch.deb` with `%3a` for the colon of an epoch. */
  file: string;
  bytes: number;
  sha256: string;
}

/** The package a metapackage depends on whose name begins with `prefix`: `linux-image-6.1.0-56-amd64`. */
export async function resolveMetapackage(name: string, prefix: string): Promise<string> {
  const { stdout } = await exec('apt-cache', ['depends', name]);
  const found = [...stdout.matchAll(/^\s*\|?Depends: (\S+)$/gm)]
    .map((m) => m[1] ?? '')
    .find((n) => n.startsWith(prefix));
  if (found === undefined) throw new Error(`package ${name} depends on no ${prefix}*; run apt-get update`);
  return found;
}

/** `names` and every library package they need, sorted. */
export async function withLibraries(names: readonly string[]): Promise<string[]> {
  const args = ['--recurse', '--no-recommends', '--no-suggests', '--no-conflicts', '--no-breaks', '--no-replaces'];
  const { stdout } = await exec('apt-cache', ['depends', ...args, '--no-enhances', ...names]);
  const depends = new Map<string, string[]>();
  let current: string[] = [];
  for (const line of stdout.split('\n')) {
    const dependency = /^\s+\|?(?:Pre)?Depends: ([^<\s]+)$/.exec(line)?.[1];
    if (dependency !== undefined) current.push(dependency);
    else if (/^\S/.test(line)) depends.set(line.trim(), (current = []));
  }
  const found = new Set(names);
  for (const name of found) {
    for (const next of depends.get(name) ?? []) if (next.startsWith('lib')) found.add(next);
  }
  return [...found].sort();
}

/** What apt would download for `names`, with the checksums of the signed package lists. */
export async function resolvePackages(names: readonly string[]): Promise<DebianPackage[]> {
  const { stdout } = await exec('apt-get', ['--print-uris', 'download', ...names]);
  const found = [...stdout.matchAll(/^'\S+' (([^_\s]+)_([^_\s]+)_[^_\s]+\.deb) (\d+) SHA256:([0-9a-f]{64})$/gm)];
  const packages = found.map(([, file = '', name = '', version = '', bytes, sha256 = '']) => ({
    name,
    version: decodeURIComponent(version),
    file,
    bytes: Number(bytes),
    sha256,
  }));
  const missing = names.filter((n) => !packages.some((p) => p.name === n));
  if (missing.length > 0) throw new Error(`apt offers no package ${missing.join(', ')}; run apt-get update`);
  return packages.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/**
 * Downloads what `dir` does not have yet and checks every file against its checksum. Files appear only when complete:
 * two builds may run at once.
 */
export async function downloadPackages(packages: readonly DebianPackage[], dir: string): Promise<void> {
  await mkdir(dir, { recursive: true });
  const missing: DebianPackage[] = [];
  for (const p of packages) if (!(await intact(p, dir))) missing.push(p);
  if (missing.length === 0) return;
  const partial = join(dir, `partial-${process.pid}`);
  await mkdir(partial, { recursive: true });
  try {
    await exec('apt-get', ['-q', 'download', ...missing.map((p) => p.name)], { cwd: partial });
    for (const p of missing) {
      if (!(await intact(p, partial))) {
        throw new Error(`apt-get did not bring ${p.file} with the announced checksum; run apt-get update`);
      }
      await rename(join(partial, p.file), join(dir, p.file));
    }
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

async function intact(p: DebianPackage, dir: string): Promise<boolean> {
  const path = join(dir, p.file);
  if (!existsSync(path)) return false;
  return (
    createHash('sha256')
      .update(await readFile(path))
      .digest('hex') === p.sha256
  );
}

/** Unpacks packages side by side into `root`, which appears only when complete. Nothing is installed, no script runs. */
export async function unpackPackages(packages: readonly DebianPackage[], dir: string, root: string): Promise<void> {
  if (existsSync(root)) return;
  const partial = `${root}.${process.pid}.partial`;
  await mkdir(partial, { recursive: true });
  try {
    for (const p of packages) await exec('dpkg-deb', ['-x', join(dir, p.file), partial]);
    await rename(partial, root).catch((error: unknown) => {
      // Another build was faster, with the same packages.
      if (!existsSync(root)) throw error;
    });
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}
