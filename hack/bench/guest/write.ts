/**
 * Runs in the guest of `hack/bench/write.ts`: the three writers in turn, onto /dev/vda. The sources are disks too, so
 * that nobody is slowed down by a network: /dev/vdb is the qcow2 file, /dev/vdc the raw one, /dev/vdd our frames.
 */
import { spawn } from 'node:child_process';
import { open, readFile, writeFile } from 'node:fs/promises';
import { openBlockDevice } from '../../../src/agent/write/block-device.ts';
import { wholeImage } from '../../../src/agent/write/image-feed.ts';
import { writeImage } from '../../../src/agent/write/write-image.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { silentLogger } from '../../../src/core/log.ts';
import type { ImageManifest } from '../../../src/image/manifest-types.ts';

/** What one writer took, seconds, and how often the whole was done. */
export interface GuestReport {
  seconds: { ingot: number[]; qemuImg: number[]; dd: number[] };
  again: { seconds: number; bytesFetched: number };
}

const TARGET = '/dev/vda';
/** The host's programs with their own libraries, beside those of the ramdisk. */
const LOADER = '/bench/lib64/ld-linux-x86-64.so.2';

function run(program: string, args: string[]): Promise<void> {
  const child = spawn(program, args, { stdio: 'inherit' });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`${program} ${args[2]}: code ${code}`))));
  });
}

const hostProgram = (name: string, args: string[]) =>
  run(LOADER, ['--library-path', '/bench/lib/x86_64-linux-gnu', `/bench/bin/${name}`, ...args]);

interface Job {
  manifest: ImageManifest;
  rounds: number;
  concurrency: number;
}

/** Our writer, with the frames on a disk instead of a server. */
async function ingot({ manifest, concurrency }: Job) {
  await using frames = await open('/dev/vdd', 'r');
  await using device = await openBlockDevice(TARGET, { log: silentLogger });
  const offsets = [0];
  for (const f of manifest.frames) offsets.push((offsets.at(-1) ?? 0) + (f.kind === 'data' ? f.zstdBytes : 0));
  return await writeImage({
    device,
    image: wholeImage(manifest, manifest.digest),
    fetchFrame: async (index) => {
      const from = offsets[index] ?? 0;
      const zstd = new Uint8Array((offsets[index + 1] ?? 0) - from);
      await frames.read(zstd, 0, zstd.length, from);
      return zstd;
    },
    signal: AbortSignal.timeout(30 * 60_000),
    clock: systemClock,
    random: Math.random,
    log: silentLogger,
    concurrency,
  });
}

async function seconds(action: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await action();
  await run('sync', [TARGET]);
  return (performance.now() - start) / 1000;
}

async function main(): Promise<void> {
  const job = JSON.parse(await readFile('/bench/job.json', 'utf8')) as Job;
  const writers = {
    qemuImg: () =>
      hostProgram('qemu-img', 'convert -n -W -m 8 -t none -f qcow2 -O raw /dev/vdb'.split(' ').concat(TARGET)),
    dd: () => hostProgram('dd', ['if=/dev/vdc', `of=${TARGET}`, 'bs=4M', 'oflag=direct', 'conv=fsync', 'status=none']),
    ingot: () => ingot(job),
  };
  const taken: GuestReport['seconds'] = { ingot: [], qemuImg: [], dd: [] };
  for (let round = 0; round < job.rounds; round++) {
    for (const name of ['qemuImg', 'dd', 'ingot'] as const) {
      // Nobody finds the disk written or the sources in memory.
      await run('blkdiscard', ['-f', TARGET]);
      await writeFile('/proc/sys/vm/drop_caches', '3');
      taken[name].push(await seconds(writers[name]));
    }
  }
  const again = await ingot(job);
  const report = { seconds: taken, again: { seconds: again.seconds, bytesFetched: again.bytesFetched } };
  console.log(`INGOT-BENCH ${JSON.stringify(report)} END`);
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
