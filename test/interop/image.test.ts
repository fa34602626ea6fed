/** Images made by qemu-img and mke2fs, written to loop devices and to a disk that fails; judged by qemu-img and cmp. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, readdir, rm, stat, truncate, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { openBlockDevice } from '../../src/agent/write/block-device.ts';
import { writeErrors } from '../../src/agent/write/errors.ts';
import { wholeImage } from '../../src/agent/write/image-feed.ts';
import { writeImage, type WriteOptions } from '../../src/agent/write/write-image.ts';
import { systemClock } from '../../src/core/clock.ts';
import { exec } from '../../src/core/exec.ts';
import { silentLogger } from '../../src/core/log.ts';
import { ImageCache, type PreparedImage } from '../../src/image/cache.ts';
import { hashFile } from '../../src/image/convert.ts';
import { verifyImage } from '../../src/image/inspect.ts';

const signal = AbortSignal.timeout(300_000);
const DISK_MIB = 160;
let dir = '';
let cache: ImageCache;
const path = (name: string) => join(dir, name);

async function run(program: string, args: string[]): Promise<string> {
  return (await exec(program, args, { signal })).stdout.trim();
}

/** A file system with real files on a sparse disk, some of it random, most of it holes. */
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ingot-image-'));
  cache = new ImageCache({ dir: path('cache'), clock: systemClock, log: silentLogger, random: Math.random });
  await writeFile(path('os.raw'), '');
  await truncate(path('os.raw'), DISK_MIB << 20);
  await run('mke2fs', ['-q', '-t', 'ext4', '-d', join(import.meta.dirname, '../../src'), path('os.raw')]);
  const file = await open(path('os.raw'), 'r+');
  for (let at = 100; at < 130; at++)
    await file.write(crypto.getRandomValues(new Uint8Array(65536)), 0, 65536, at << 20);
  await file.close();
});
after(async () => {
  await cache.close();
  await rm(dir, { recursive: true, force: true });
});

async function prepare(name: string): Promise<PreparedImage> {
  const { hex } = await hashFile(path(name), 'sha256', signal);
  return cache.prepare({ url: path(name), checksum: hex }, { signal });
}

async function write(device: string, image: PreparedImage, more: Partial<WriteOptions> = {}) {
  await using disk = await openBlockDevice(device, { log: silentLogger });
  return await writeImage({
    device: disk,
    image: wholeImage(image.manifest, image.digest),
    fetchFrame: async (i) => (await cache.frame(image.digest, i)) ?? new Uint8Array(),
    signal,
    clock: systemClock,
    random: Math.random,
    log: silentLogger,
    ...more,
  });
}

/** A loop device over a new sparse file filled with old data, for the time of `use`. */
async function onLoop(use: (device: string) => Promise<void>, sectorBytes = 512): Promise<void> {
  const backing = path(`disk-${crypto.randomUUID()}`);
  await run('dd', ['if=/dev/urandom', `of=${backing}`, 'bs=1M', `count=${DISK_MIB + 10}`, 'status=none']);
  const device = await run('losetup', ['-f', '--show', '--direct-io=on', '-b', String(sectorBytes), backing]);
  try {
    await use(device);
  } finally {
    await run('losetup', ['-d', device]);
    await unlink(backing);
  }
}

const sameAs = (device: string, bytes: number) => run('cmp', ['-n', String(bytes), path('os.raw'), device]);

describe('sources', () => {
  const sources: [string, () => Promise<unknown>][] = [
    ['plain.qcow2', () => run('qemu-img', ['convert', '-O', 'qcow2', path('os.raw'), path('plain.qcow2')])],
    ['packed.qcow2', () => run('qemu-img', ['convert', '-c', '-O', 'qcow2', path('os.raw'), path('packed.qcow2')])],
    [
      'v2.qcow2',
      () => run('qemu-img', ['convert', '-O', 'qcow2', '-o', 'compat=0.10', path('os.raw'), path('v2.qcow2')]),
    ],
    ['small.qcow2', () => convertWith('small.qcow2', 'cluster_size=512')],
    ['large.qcow2', () => convertWith('large.qcow2', 'cluster_size=2M')],
    ['zstd.qcow2', () => convertWith('zstd.qcow2', 'compression_type=zstd,cluster_size=4096', '-c')],
    ['os.raw.gz', () => pack('gzip', ['-1'], 'os.raw.gz')],
    ['os.raw.xz', () => pack('xz', ['-0'], 'os.raw.xz')],
    ['os.raw.zst', () => pack('zstd', ['-1', '-q'], 'os.raw.zst')],
    ['os.raw.bz2', () => pack('bzip2', ['-1'], 'os.raw.bz2')],
    ['plain.qcow2.xz', () => pack('xz', ['-0'], 'plain.qcow2.xz')],
  ];
  const convertWith = (name: string, options: string, ...flags: string[]) =>
    run('qemu-img', ['convert', ...flags, '-O', 'qcow2', '-o', options, path('os.raw'), path(name)]);
  /** Compresses NAME out of the file of the same name without its last suffix. */
  const pack = async (program: string, flags: string[], name: string) =>
    run('sh', ['-c', `${program} ${flags.join(' ')} < "$0" > "$1"`, path(name.replace(/\.\w+$/, '')), path(name)]);

  for (const [name, make] of sources) {
    it(`${name} becomes exactly the disk it holds`, async () => {
      await make();
      const image = await prepare(name);
      const report = await verifyImage(join(path('cache'), 'images', image.digest.slice(7)), path('os.raw'), signal);
      assert.deepEqual([report.damagedFrames, report.differentFrames], [[], []]);
      assert.equal(image.manifest.diskBytes, DISK_MIB << 20);
      if (name === 'plain.qcow2') assert.ok(image.manifest.frames.some((f) => f.kind === 'hole'));
    });
  }

  it('a qcow2 with a backing file is refused, and so is one that lies about its size', async () => {
    await run('qemu-img', ['create', '-q', '-f', 'qcow2', '-F', 'raw', '-b', path('os.raw'), path('child.qcow2')]);
    await assert.rejects(prepare('child.qcow2'), /IMAGE_QCOW2_INVALID.*backing file/s);
    await run('cp', [path('packed.qcow2'), path('lie.qcow2')]);
    const file = await open(path('lie.qcow2'), 'r+');
    await file.write(Uint8Array.of(0, 0, 0, 1), 0, 4, 24);
    await file.close();
    await assert.rejects(prepare('lie.qcow2'), /IMAGE_QCOW2_INVALID.*L1 table has/s);
  });
});

describe('a cache whose process is killed (SIGKILL) in the middle', () => {
  it('makes the image whole the next time and leaves nothing behind', async () => {
    const own = path('killed');
    const source = path('big.raw');
    await run('dd', ['if=/dev/urandom', `of=${source}`, 'bs=1M', 'count=200', 'status=none']);
    const { hex } = await hashFile(source, 'sha256', signal);
    const script = join(import.meta.dirname, '../support/prepare-image.ts');
    for (const bytes of [1, 50 << 20]) {
      const child = spawn(process.execPath, [script, own, source, hex], { stdio: 'inherit' });
      const ended = once(child, 'exit');
      await until(async () => assert.ok((await framesUnderWay(own)) >= bytes), 5);
      child.kill('SIGKILL');
      assert.deepEqual(await ended, [null, 'SIGKILL']);
      assert.deepEqual(await readdir(join(own, 'images')), []);
    }
    const again = new ImageCache({ dir: own, clock: systemClock, log: silentLogger, random: Math.random });
    const { digest } = await again.prepare({ url: source, checksum: hex }, { signal });
    await again.close();
    const report = await verifyImage(join(own, 'images', digest.slice(7)), source, signal);
    assert.deepEqual([report.damagedFrames, report.differentFrames], [[], []]);
    assert.deepEqual(await readdir(join(own, 'tmp')), []);
  });

  /** Bytes of frames a running conversion has written so far. */
  async function framesUnderWay(own: string): Promise<number> {
    let most = 0;
    for (const name of await readdir(join(own, 'tmp'))) {
      const facts = await stat(join(own, 'tmp', name, 'frames.zst')).catch(() => undefined);
      most = Math.max(most, facts?.size ?? 0);
    }
    return most;
  }
});

describe('writing to a block device', () => {
  it('gives the disk the image has, over old data, with direct I/O', async () => {
    await onLoop(async (device) => {
      const image = await prepare('plain.qcow2');
      const result = await write(device, image);
      await sameAs(device, DISK_MIB << 20);
      assert.ok(result.framesZeroed > 0 && result.bytesFetched < result.bytesWritten);
      const again = await write(device, image);
      assert.equal(again.bytesFetched, 0);
      await sameAs(device, DISK_MIB << 20);
      await run('qemu-img', ['convert', '-O', 'raw', path('plain.qcow2'), path('reference.raw')]);
      await run('cmp', ['-n', String(DISK_MIB << 20), path('reference.raw'), device]);
    });
  });

  it('works on 4096-byte sectors', async () => {
    await onLoop(async (device) => {
      await write(device, await prepare('packed.qcow2'));
      await sameAs(device, DISK_MIB << 20);
    }, 4096);
  });

  it('refuses a disk that is in use', async () => {
    await onLoop(async (device) => {
      const image = await prepare('packed.qcow2');
      await using _held = await openBlockDevice(device, { log: silentLogger });
      await assert.rejects(
        write(device, image),
        (e) => writeErrors.is(e, 'WRITE_DEVICE_OPEN') && /in use/.test(e.message),
      );
    });
  });

  it('killed in the middle leaves no table, and fetches only the rest afterwards', async () => {
    await onLoop(async (device) => {
      const image = await prepare('plain.qcow2');
      const stop = new AbortController();
      const onProgress = ({ bytesDone }: { bytesDone: number }) => {
        if (bytesDone > 60 << 20) stop.abort(new Error('pulled'));
      };
      let fetched = 0;
      const fetchFrame = async (i: number) => {
        const bytes = (await cache.frame(image.digest, i)) ?? new Uint8Array();
        fetched += bytes.length;
        return bytes;
      };
      await assert.rejects(write(device, image, { signal: stop.signal, onProgress, fetchFrame }), /pulled/);
      assert.equal(await run('wipefs', ['-n', device]), '');
      const rest = await write(device, image);
      const total = image.manifest.frames.reduce((n, f) => n + (f.kind === 'data' ? f.zstdBytes : 0), 0);
      assert.ok(rest.framesResumed > 0);
      // Frame 0 is always fetched again, and what was in flight.
      assert.ok(fetched + rest.bytesFetched <= total + 5 * (4 << 20), `${fetched} + ${rest.bytesFetched} of ${total}`);
      await sameAs(device, DISK_MIB << 20);
    });
  });
});

describe('a disk that fails', () => {
  let nbd: ChildProcess | undefined;
  let fuse: ChildProcess | undefined;
  let device = '';
  before(async () => {
    const args = ['-f', '-U', path('nbd.sock'), '--filter=error', 'memory', `${DISK_MIB}M`];
    const rule = ['error-pwrite=EIO', 'error-pwrite-rate=100%', `error-pwrite-file=${path('fail')}`];
    nbd = spawn('nbdkit', [...args, ...rule], { stdio: 'ignore' });
    await until(() => stat(path('nbd.sock')));
    await writeFile(path('nbd.disk'), '');
    fuse = spawn('nbdfuse', [path('nbd.disk'), `nbd+unix:///?socket=${path('nbd.sock')}`], { stdio: 'ignore' });
    await until(async () => assert.equal((await stat(path('nbd.disk'))).size, DISK_MIB << 20));
    device = await run('losetup', ['-f', '--show', '--direct-io=on', path('nbd.disk')]);
  });
  after(async () => {
    if (device !== '') await run('losetup', ['-d', device]);
    await run('umount', [path('nbd.disk')]).catch(() => '');
    for (const child of [fuse, nbd]) {
      if (child === undefined || child.exitCode !== null) continue;
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
  });

  it('ends the write with the place, leaves no table, and takes the image once it is well', async () => {
    const image = await prepare('plain.qcow2');
    const onProgress = ({ bytesDone }: { bytesDone: number }) => {
      if (bytesDone > 20 << 20) void writeFile(path('fail'), '');
    };
    await assert.rejects(write(device, image, { onProgress }), (e) => {
      assert.ok(writeErrors.is(e, 'WRITE_DEVICE_IO'), String(e));
      assert.match(e.message, /(write|flush) at byte \d+ of \/dev\/loop\d+ failed: .*EIO/);
      return true;
    });
    await unlink(path('fail'));
    assert.equal(await run('wipefs', ['-n', device]), '');
    await write(device, image);
    await sameAs(device, DISK_MIB << 20);
  });
});

async function until(check: () => Promise<unknown>, everyMs = 100): Promise<void> {
  for (let i = 0; ; i++) {
    try {
      await check();
      return;
    } catch (error) {
      if (i * everyMs >= 20_000) throw error;
      await new Promise((resolve) => setTimeout(resolve, everyMs));
    }
  }
}
