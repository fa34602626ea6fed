import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { exec } from '../../src/core/exec.ts';

const CACHE = path.resolve(import.meta.dirname, '../../.cache/kubectl-debian');

/**
 * The oldest kubectl that must work: Debian 12's own (1.20), unpacked beside whatever the machine has installed.
 * @returns path of the program
 */
export async function debianKubectl(): Promise<string> {
  const program = path.join(CACHE, 'usr/bin/kubectl');
  if ((await exec('test', ['-x', program], { ok: [0, 1] })).code === 0) return program;
  const fresh = `${CACHE}.${process.pid}`;
  await mkdir(fresh, { recursive: true });
  try {
    await exec('apt-get', ['download', 'kubernetes-client'], { cwd: fresh });
    const deb = (await readdir(fresh)).find((name) => name.endsWith('.deb'));
    if (deb === undefined) throw new Error('apt-get download brought no package');
    await exec('dpkg-deb', ['-x', path.join(fresh, deb), fresh]);
    await rm(path.join(fresh, deb));
    await rm(CACHE, { recursive: true, force: true });
    await rename(fresh, CACHE);
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
  return program;
}

/** The newest kubectl that must work: the one built with the Kubernetes test bed. */
export async function newestKubectl(): Promise<string> {
  const { stdout } = await exec(path.resolve(import.meta.dirname, '../../hack/testbed/build'), []);
  return path.join(stdout.trim(), 'kubectl');
}
