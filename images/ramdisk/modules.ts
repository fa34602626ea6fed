import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir, rm } from 'node:fs/promises';
import { copyFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { exec } from '../../src/core/exec.ts';
import type { CpioEntry } from '../../src/disk/cpio.ts';

export interface Kernel {
  /** `6.1.0-56-amd64` */
  release: string;
  vmlinuz: Uint8Array;
  /** Folder that has `lib/modules/RELEASE`. */
  root: string;
}

/** Finds the kernel in an unpacked linux-image package. */
export async function readKernel(root: string): Promise<Kernel> {
  const boot = await readdir(join(root, 'boot'));
  const file = boot.find((f) => f.startsWith('vmlinuz-'));
  if (file === undefined) throw new Error(`no boot/vmlinuz-* in ${root}`);
  const release = file.slice('vmlinuz-'.length);
  if (!existsSync(moduleDir(root, release, 'modules.dep'))) await exec('depmod', ['-b', root, release]);
  return { release, vmlinuz: await readFile(join(root, 'boot', file)), root };
}

/** `lib/modules/RELEASE/…`, wherever the package keeps `lib`. */
function moduleDir(root: string, release: string, ...rest: string[]): string {
  const merged = join(root, 'usr/lib/modules', release);
  return join(existsSync(merged) ? merged : join(root, 'lib/modules', release), ...rest);
}

/**
 * Paths (relative to the module folder) of `names` and of all they need.
 * @param dep text of modules.dep
 * @param builtin text of modules.builtin: names found there need no file
 */
export function selectModules(dep: string, builtin: string, names: readonly string[]): string[] {
  const needs = new Map<string, string[]>();
  const pathOf = new Map<string, string>();
  for (const line of dep.split('\n')) {
    const colon = line.indexOf(':');
    if (colon < 0) continue;
    const path = line.slice(0, colon);
    needs.set(
      path,
      line
        .slice(colon + 1)
        .split(' ')
        .filter((s) => s !== ''),
    );
    pathOf.set(moduleName(path), path);
  }
  const inKernel = new Set(builtin.split('\n').map(moduleName));
  const chosen = new Set<string>();
  for (const name of names) {
    const path = pathOf.get(name);
    if (path !== undefined) chosen.add(path);
    else if (!inKernel.has(name)) throw new Error(`kernel module ${name} does not exist`);
  }
  for (const path of chosen) for (const next of needs.get(path) ?? []) chosen.add(next);
  return [...chosen].sort();
}

/** `kernel/drivers/net/virtio-net.ko.xz` → `virtio_net`: dashes and underscores are the same to the kernel. */
export function moduleName(path: string): string {
  const base = path.slice(path.lastIndexOf('/') + 1);
  return base.replace(/\.ko(\.\w+)?$/, '').replaceAll('-', '_');
}

/** The chosen modules with fresh dependency and alias lists, as archive entries. */
export async function moduleEntries(kernel: Kernel, names: readonly string[], workDir: string): Promise<CpioEntry[]> {
  const from = moduleDir(kernel.root, kernel.release);
  const read = (file: string) => readFile(join(from, file), 'utf8');
  const paths = selectModules(await read('modules.dep'), await read('modules.builtin'), names);
  await rm(workDir, { recursive: true, force: true });
  const to = join(workDir, 'lib/modules', kernel.release);
  for (const path of [...paths, 'modules.builtin', 'modules.order']) {
    await mkdir(dirname(join(to, path)), { recursive: true });
    await copyFile(join(from, path), join(to, path));
  }
  await exec('depmod', ['-b', workDir, kernel.release]);
  const files = [...paths, 'modules.dep', 'modules.alias', 'modules.softdep', 'modules.builtin'];
  const target = `lib/modules/${kernel.release}`;
  return Promise.all(
    files.map(async (file) => ({
      path: `${target}/${file}`,
      kind: 'file' as const,
      data: await readFile(join(to, file)),
    })),
  );
}
