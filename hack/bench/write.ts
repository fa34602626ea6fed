/**
 * Write speed of our frame writer against `qemu-img convert` (from the qcow2) and `dd` (from the raw file) of the same
 * image, on the same loop device with direct I/O. Needs root. Prints one JSON line; ratios above 1: we are faster.
 *
 *   node hack/bench/write.ts [--mib 768] [--rounds 3] [--source FILE]
 */
import { mkdtemp, open, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openBlockDevice } from '../../src/agent/write/block-device.ts';
import { writeImage } from '../../src/agent/write/write-image.ts';
import { systemClock } from '../../src/core/clock.ts';
import { exec } from '../../src/core/exec.ts';
import { silentLogger } from '../../src/core/log.ts';
import { PackedImage } from '../../src/image/folder.ts';
import { undiciDoor } from '../../src/image/http-door.ts';
import { packImage } from '../../src/image/pack.ts';

const { values } = parseArgs({
  options: {
    mib: { type: 'string', default: '768' },
    rounds: { type: 'string', default: '3' },
    source: { type: 'string' },
    concurrency: { type: 'string', default: '4' },
  },
});
const signal = AbortSignal.timeout(20 * 60_000);
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

async function seconds(action: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await action();
  return (performance.now() - start) / 1000;
}

const median = (list: number[]) => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)] ?? Number.NaN;

const dir = await mkdtemp(join(tmpdir(), 'ingot-bench-'));
let device = '';
try {
  const raw = join(dir, 'os.raw');
  const qcow2 = join(dir, 'os.qcow2');
  if (values.source === undefined) await makeRaw(raw, Number(values.mib));
  else await run('qemu-img', ['convert', '-O', 'raw', values.source, raw]);
  await run('qemu-img', ['convert', '-c', '-O', 'qcow2', raw, qcow2]);
  const doors = { http: undiciDoor(), clock: systemClock, random: Math.random, log: silentLogger };
  const packSeconds = await seconds(() => packImage({ source: qcow2, dir: join(dir, 'packed') }, doors, { signal }));
  const image = await PackedImage.open(join(dir, 'packed'));
  const { manifest } = image;

  const backing = join(dir, 'disk');
  await writeFile(backing, '');
  await truncate(backing, manifest.diskBytes + (64 << 20));
  device = (await run('losetup', ['-f', '--show', '--direct-io=on', backing])).stdout.trim();

  const ours = async () => {
    await using disk = await openBlockDevice(device, { log: silentLogger });
    return await writeImage({
      device: disk,
      manifest,
      manifestDigest: manifest.digest,
      fetchFrame: async (i) => (await image.frame(i)) ?? new Uint8Array(),
      signal,
      clock: systemClock,
      random: Math.random,
      log: silentLogger,
      concurrency: Number(values.concurrency),
    });
  };
  const wipe = () => run('blkdiscard', ['-f', device]);
  const contenders = {
    ingot: ours,
    qemuImg: () =>
      run('qemu-img', ['convert', '-n', '-W', '-m', '8', '-t', 'none', '-f', 'qcow2', '-O', 'raw', qcow2, device]),
    dd: () => run('dd', [`if=${raw}`, `of=${device}`, 'bs=4M', 'oflag=direct', 'conv=fsync', 'status=none']),
  };
  const taken: Record<keyof typeof contenders, number[]> = { ingot: [], qemuImg: [], dd: [] };
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const name of ['ingot', 'qemuImg', 'dd'] as const) {
      await wipe();
      taken[name].push(
        await seconds(async () => {
          await contenders[name]();
          await run('sync', [device]);
        }),
      );
    }
  }
  await wipe();
  await ours();
  const resume = await ours();
  const mib = manifest.diskBytes / 2 ** 20;
  const dataMib = manifest.frames.filter((f) => f.kind === 'data').length * 4;
  const t = { ingot: median(taken.ingot), qemuImg: median(taken.qemuImg), dd: median(taken.dd) };
  const round2 = (n: number) => Math.round(n * 100) / 100;
  console.log(
    JSON.stringify({
      bench: 'write',
      diskMiB: mib,
      dataMiB: dataMib,
      rounds: Number(values.rounds),
      seconds: { ingot: round2(t.ingot), qemuImg: round2(t.qemuImg), dd: round2(t.dd) },
      diskMiBPerSecond: { ingot: round2(mib / t.ingot), qemuImg: round2(mib / t.qemuImg), dd: round2(mib / t.dd) },
      ratio: { againstQemuImg: round2(t.qemuImg / t.ingot), againstDd: round2(t.dd / t.ingot) },
      again: { seconds: round2(resume.seconds), bytesFetched: resume.bytesFetched },
      packSeconds: round2(packSeconds),
    }),
  );
  await image.close();
} finally {
  if (device !== '') await run('losetup', ['-d', device]);
  await rm(dir, { recursive: true, force: true });
}
