/**
 * Write speed of our frame writer against `qemu-img convert` (from the qcow2) and `dd` (from the raw file) of the same
 * image, in the same guest: a machine in QEMU that runs our ramdisk, with the two programs in an archive appended to it.
 * Same disk, direct I/O; the sources are further disks. Prints one JSON line; ratios above 1: we are faster.
 *
 *   node hack/bench/write.ts [--mib 768] [--rounds 3] [--memory 768] [--source FILE]
 */
import { mkdtemp, open, readFile, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { bundleForRamdisk } from '../../images/ramdisk/agent-bundle.ts';
import { buildRamdisk } from '../../images/ramdisk/build.ts';
import { type CpioEntry, packCpio } from '../../src/disk/cpio.ts';
import { findProgram, libraryEntries } from '../../images/ramdisk/elf.ts';
import { systemClock } from '../../src/core/clock.ts';
import { exec } from '../../src/core/exec.ts';
import { silentLogger } from '../../src/core/log.ts';
import { FRAMES_FILE } from '../../src/image/folder.ts';
import { undiciDoor } from '../../src/image/http-door.ts';
import { summarize } from '../../src/image/manifest.ts';
import { packImage } from '../../src/image/pack.ts';
import { RamdiskVm } from '../../test/support/ramdisk-vm.ts';
import type { GuestReport } from './guest/write.ts';

const { values } = parseArgs({
  options: {
    mib: { type: 'string', default: '768' },
    rounds: { type: 'string', default: '3' },
    memory: { type: 'string', default: '768' },
    source: { type: 'string' },
    concurrency: { type: 'string', default: '4' },
  },
});
const CACHE = resolve(import.meta.dirname, '../../.cache');
const LIMIT_MS = 30 * 60_000;
const signal = AbortSignal.timeout(LIMIT_MS);
const run = (program: string, args: string[]) => exec(program, args, { signal });

/** Programs and libraries of this machine: about as compressible as an operating system. */
async function makeRaw(path: string, mib: number): Promise<void> {
  await writeFile(path, '');
  await truncate(path, mib << 20);
  await run('mke2fs', ['-q', '-t', 'ext4', path]);
  const file = await open(path, 'r+');
  let at = 32 << 20;
  const end = Math.floor(mib * 0.45) << 20;
  for (const name of await readdir('/usr/bin')) {
    if (at >= end) break;
    const source = await open(join('/usr/bin', name), 'r').catch(() => undefined);
    const bytes = await source?.readFile().catch(() => undefined);
    await source?.close();
    if (bytes === undefined || bytes.length < 100_000) continue;
    await file.write(bytes, 0, Math.min(bytes.length, end - at), at);
    at += Math.ceil(bytes.length / 4096) * 4096;
  }
  await file.close();
}

/** The ramdisk with this machine's qemu-img and dd, and our writer as a program of its own. */
async function makeInitrd(path: string, ramdisk: string, job: unknown): Promise<void> {
  const guest = (name: string) => join(import.meta.dirname, 'guest', name);
  const programs = ['qemu-img', 'dd'].map((name) => ({ name, file: findProgram('/', name) }));
  const entries: CpioEntry[] = [
    { path: 'bench/init', kind: 'file', mode: 0o755, data: await readFile(guest('init')) },
    { path: 'bench/write.cjs', kind: 'file', data: await bundleForRamdisk(guest('write.ts')) },
    { path: 'bench/job.json', kind: 'file', data: Buffer.from(JSON.stringify(job)) },
  ];
  for (const { name, file } of programs) {
    entries.push({ path: `bench/bin/${name}`, kind: 'file', mode: 0o755, data: await readFile(file) });
  }
  const libraries = await libraryEntries(
    '/',
    programs.map((p) => p.file),
  );
  entries.push(...libraries.map((entry) => ({ ...entry, path: `bench/${entry.path}` })));
  await writeFile(path, Buffer.concat([await readFile(ramdisk), packCpio(entries)]));
}

/** A disk of the guest. */
function disk(file: string, options: string): string[] {
  const id = `d${file.replaceAll(/\W/g, '')}`;
  return [
    '-drive',
    `if=none,id=${id},file=${file},format=raw,${options}`,
    '-device',
    `virtio-blk-pci,drive=${id},num-queues=1`,
  ];
}

async function measure(initrd: string, ramdisk: string, devices: string[]): Promise<GuestReport> {
  const vm = await RamdiskVm.start({
    memoryMib: Number(values.memory),
    mac: '52:54:00:12:00:00',
    devices,
    ramdisk: { dir: ramdisk, cmdline: 'rdinit=/bench/init', initrd },
  });
  try {
    await vm.exited(LIMIT_MS);
  } finally {
    await vm.stop();
  }
  const said = /INGOT-BENCH (.*) END/.exec(vm.console)?.[1];
  if (said === undefined) throw new Error(`the guest did not report:\n${vm.console}`);
  return JSON.parse(said) as GuestReport;
}

const median = (list: number[]) => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)] ?? Number.NaN;
const round2 = (n: number) => Math.round(n * 100) / 100;

const dir = await mkdtemp(join(tmpdir(), 'ingot-bench-'));
try {
  const [raw, qcow2, target, initrd] = ['os.raw', 'os.qcow2', 'disk', 'initrd'].map((name) => join(dir, name)) as [
    string,
    string,
    string,
    string,
  ];
  if (values.source === undefined) await makeRaw(raw, Number(values.mib));
  else await run('qemu-img', ['convert', '-O', 'raw', values.source, raw]);
  await run('qemu-img', ['convert', '-c', '-O', 'qcow2', raw, qcow2]);
  const doors = { http: undiciDoor(), clock: systemClock, random: Math.random, log: silentLogger };
  const manifest = await packImage({ source: qcow2, dir: join(dir, 'packed') }, doors, { signal });
  await writeFile(target, '');
  await truncate(target, manifest.diskBytes + (64 << 20));

  const ramdisk = join(CACHE, 'ramdisk-out');
  await buildRamdisk({ outDir: ramdisk, cacheDir: join(CACHE, 'ramdisk'), log: () => {} });
  const job = { manifest, rounds: Number(values.rounds), concurrency: Number(values.concurrency) };
  await makeInitrd(initrd, join(ramdisk, 'ramdisk.zst'), job);
  const report = await measure(initrd, ramdisk, [
    ...disk(target, 'cache=writeback,discard=unmap,detect-zeroes=off'),
    ...[qcow2, raw, join(dir, 'packed', FRAMES_FILE)].flatMap((file) => disk(file, 'readonly=on')),
  ]);

  const t = {
    ingot: median(report.seconds.ingot),
    qemuImg: median(report.seconds.qemuImg),
    dd: median(report.seconds.dd),
  };
  const mib = manifest.diskBytes / 2 ** 20;
  console.log(
    JSON.stringify({
      bench: 'write',
      diskMiB: mib,
      dataMiB: round2(summarize(manifest).dataBytes / 2 ** 20),
      sourceMiB: {
        frames: round2(summarize(manifest).zstdBytes / 2 ** 20),
        qcow2: round2((await stat(qcow2)).size / 2 ** 20),
      },
      guest: { memoryMiB: Number(values.memory), cpus: 1, accelerator: 'tcg' },
      rounds: Number(values.rounds),
      seconds: { ingot: round2(t.ingot), qemuImg: round2(t.qemuImg), dd: round2(t.dd) },
      diskMiBPerSecond: { ingot: round2(mib / t.ingot), qemuImg: round2(mib / t.qemuImg), dd: round2(mib / t.dd) },
      ratio: { againstQemuImg: round2(t.qemuImg / t.ingot), againstDd: round2(t.dd / t.ingot) },
      again: report.again,
    }),
  );
} finally {
  await rm(dir, { recursive: true, force: true });
}
