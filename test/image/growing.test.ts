import assert from 'node:assert/strict';
import { appendFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { FakeClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/log.ts';
import { ImageCache, type ImageProgress, type ImageRequest, type PreparedImage } from '../../src/image/cache.ts';
import { imageErrors } from '../../src/image/errors.ts';
import { decodeFrame } from '../../src/image/frame-codec.ts';
import { type Growth, growthFrom, GrowingImage, MAX_GROWTH_FRAMES } from '../../src/image/growing.ts';
import type { Frame } from '../../src/image/manifest-types.ts';
import { frameLength, sealManifest } from '../../src/image/manifest.ts';
import { quickClock, sampleRaw, sha256, withTempDir } from './support.ts';

const signal = new AbortController().signal;
const MIB = 1 << 20;
const raw = sampleRaw();

async function withCache(use: (cache: ImageCache, dir: string) => Promise<void>): Promise<void> {
  await withTempDir(async (dir) => {
    const cache = new ImageCache({
      dir: join(dir, 'cache'),
      clock: quickClock,
      log: silentLogger,
      random: Math.random,
    });
    try {
      await use(cache, dir);
    } finally {
      await cache.close();
    }
  });
}

/** Prepares an image and, from the first moment there are frames, learns of it as an agent does. */
async function watch(cache: ImageCache, request: ImageRequest) {
  const told: Growth[] = [];
  const bytes = new Map<number, Uint8Array>();
  let source = '';
  let following: Promise<void> | undefined;
  const follow = async (from: string) => {
    const known: Frame[] = [];
    for (;;) {
      const growth = await cache.growth(from, known.length, 5000, signal);
      if (growth === undefined) throw new Error('nothing is known any more');
      told.push(growth);
      if (growth.kind === 'failed') return;
      for (const frame of growth.frames) {
        const zstd = await cache.frame(from, known.length);
        if (frame.kind === 'data' && zstd !== undefined) bytes.set(known.length, zstd);
        known.push(frame);
      }
      if (growth.kind === 'complete') return;
    }
  };
  const onProgress = ({ growing }: ImageProgress) => {
    if (growing === undefined || following !== undefined) return;
    source = growing.source;
    following = follow(source);
  };
  let prepared: PreparedImage | undefined;
  let error: unknown;
  try {
    prepared = await cache.prepare(request, { signal, onProgress });
  } catch (failure) {
    error = failure;
  }
  await following;
  return { told, bytes, source, prepared, error, followed: following !== undefined };
}

/** A qcow2 disk of 40 MiB whose first frames are fine, and whose last cluster lies beyond the end of the file. */
function lateBroken(): Buffer {
  const CLUSTER = 65536;
  const file = Buffer.alloc(5 * CLUSTER, 0);
  file.writeUInt32BE(0x514649fb, 0);
  file.writeUInt32BE(3, 4);
  file.writeUInt32BE(16, 20);
  file.writeBigUInt64BE(BigInt(40 * MIB), 24);
  file.writeUInt32BE(1, 36);
  file.writeBigUInt64BE(BigInt(CLUSTER), 40);
  file.writeUInt32BE(4, 96);
  file.writeUInt32BE(104, 100);
  const used = 0x8000000000000000n;
  file.writeBigUInt64BE(used | BigInt(2 * CLUSTER), CLUSTER);
  file.writeBigUInt64BE(used | BigInt(3 * CLUSTER), 2 * CLUSTER);
  file.writeBigUInt64BE(used | BigInt(99 * CLUSTER), 2 * CLUSTER + 639 * 8);
  file.fill(7, 3 * CLUSTER, 4 * CLUSTER);
  return file;
}

describe('an image that is being prepared', () => {
  it('gives its frames before it is whole, and its digest when it is', async () => {
    await withCache(async (cache, dir) => {
      const path = join(dir, 'os.raw');
      await writeFile(path, raw);
      const { told, bytes, prepared } = await watch(cache, { url: path, checksum: sha256(raw) });
      assert.ok(prepared !== undefined);
      assert.equal(told[0]?.kind, 'growing', 'frames came before the end');
      const last = told.at(-1);
      assert.ok(last?.kind === 'complete' && last.digest === prepared.digest);
      const frames = told.flatMap((g) => (g.kind === 'failed' ? [] : g.frames));
      assert.deepEqual(frames, prepared.manifest.frames);
      assert.equal(sealManifest(last.diskBytes, frames).digest, prepared.digest);
      const disk = new Uint8Array(last.diskBytes);
      for (const [i, zstd] of bytes) {
        const frame = frames[i];
        assert.ok(frame?.kind === 'data');
        disk.set(await decodeFrame(frame, frameLength(prepared.manifest, i), zstd), i * (4 << 20));
      }
      assert.equal(Buffer.compare(disk.subarray(0, raw.length), raw), 0);
    });
  });

  it('goes by the same name once it is in the cache, also for the next process', async () => {
    await withCache(async (cache, dir) => {
      const path = join(dir, 'os.raw');
      await writeFile(path, raw);
      const { source, prepared } = await watch(cache, { url: path, checksum: sha256(raw) });
      assert.equal(prepared?.source, source);
      const again = new ImageCache({
        dir: join(dir, 'cache'),
        clock: quickClock,
        log: silentLogger,
        random: Math.random,
      });
      for (const one of [cache, again]) {
        const rest = await one.growth(source, 2, 0, signal);
        assert.deepEqual(rest, {
          kind: 'complete',
          diskBytes: prepared?.manifest.diskBytes,
          frames: prepared?.manifest.frames.slice(2),
          digest: prepared?.digest,
        });
        assert.ok((await one.frame(source, 0))!.length > 0);
        assert.equal(await one.frame(source, 1), undefined);
      }
      await again.close();
      assert.equal(await cache.growth(`source:${'0'.repeat(64)}`, 0, 0, signal), undefined);
      assert.equal(await cache.growth('source:../../etc', 0, 0, signal), undefined);
    });
  });

  it('that turns out broken says so, is never called complete, and leaves nothing', async () => {
    await withCache(async (cache, dir) => {
      const path = join(dir, 'os.qcow2');
      const file = lateBroken();
      await writeFile(path, file);
      const { told, source, error } = await watch(cache, { url: path, checksum: sha256(file) });
      assert.ok(imageErrors.is(error, 'IMAGE_QCOW2_INVALID'), String(error));
      assert.ok(told[0]?.kind === 'growing' && told[0].frames.length > 0, 'frames were told before it broke');
      assert.ok(told.slice(0, -1).every((g) => g.kind === 'growing'));
      assert.deepEqual(told.at(-1), { kind: 'failed', code: error.code, message: error.message });
      assert.equal(await cache.growth(source, 0, 0, signal), undefined);
      assert.equal(await cache.frame(source, 0), undefined);
      for (const sub of ['images', 'sources', 'tmp']) assert.deepEqual(await readdir(join(dir, 'cache', sub)), []);
    });
  });

  it('whose file changes under way is never called complete', async () => {
    await withCache(async (cache, dir) => {
      const path = join(dir, 'os.raw');
      await writeFile(path, raw);
      let grown: Promise<void> | undefined;
      const onProgress = ({ growing }: ImageProgress) => {
        if (growing !== undefined) grown ??= appendFile(path, 'more');
      };
      const prepared = cache.prepare({ url: path, checksum: sha256(raw) }, { signal, onProgress });
      const seen = watch(cache, { url: path, checksum: sha256(raw) });
      await assert.rejects(prepared, (e) => imageErrors.is(e, 'IMAGE_CHANGED'));
      const { told, followed } = await seen;
      assert.ok(followed);
      assert.ok(told.every((g) => g.kind !== 'complete'));
      await grown;
      assert.deepEqual(await readdir(join(dir, 'cache/images')), []);
    });
  });

  it('is told only as a whole when the size of its disk is not known before', async () => {
    await withCache(async (cache, dir) => {
      const path = join(dir, 'os.raw.gz');
      const packed = gzipSync(raw);
      await writeFile(path, packed);
      const { followed, prepared } = await watch(cache, { url: path, checksum: sha256(packed) });
      assert.equal(followed, false);
      assert.ok(prepared !== undefined);
      assert.equal((await cache.growth(prepared.source, 0, 0, signal))?.kind, 'complete');
    });
  });
});

describe('growth', () => {
  it('is told in parts of bounded size; the digest comes with the last', () => {
    const frames = Array.from({ length: MAX_GROWTH_FRAMES + 1 }, () => ({ kind: 'hole' as const }));
    assert.equal(growthFrom(frames, 0, 1, 'sha256:x').kind, 'growing');
    assert.equal(growthFrom(frames, 1, 1, 'sha256:x').kind, 'complete');
    assert.equal(growthFrom(frames, frames.length, 1, undefined).kind, 'growing');
    assert.deepEqual(growthFrom(frames, frames.length, 1, 'sha256:x').frames, []);
  });

  it('waits for news, no longer than asked, and not for those who left', async () => {
    const clock = new FakeClock();
    const image = new GrowingImage('/nowhere', 8 * MIB, clock);
    const slow = image.growth(0, 1000, signal);
    await clock.advance(1000);
    assert.deepEqual(await slow, { kind: 'growing', diskBytes: 8 * MIB, frames: [] });
    const gone = new AbortController();
    const left = image.growth(0, 1000, gone.signal);
    gone.abort();
    assert.deepEqual((await left).kind, 'growing');
    const both = [image.growth(0, 1000, signal), image.growth(0, 1000, signal)];
    image.add({ kind: 'zero' });
    for (const one of both)
      assert.deepEqual(await one, { kind: 'growing', diskBytes: 8 * MIB, frames: [{ kind: 'zero' }] });
    const end = image.growth(1, 1000, signal);
    image.fail(imageErrors.make('IMAGE_CHANGED', 'no'));
    assert.deepEqual(await end, { kind: 'failed', code: 'IMAGE_CHANGED', message: 'no' });
    image.complete('sha256:x');
    assert.equal((await image.growth(0, 1000, signal)).kind, 'failed', 'a failure is final');
    assert.equal(clock.waiting, 0);
  });
});
