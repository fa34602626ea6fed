import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { zstdCompressSync } from 'node:zlib';
import { wholeImage } from '../../src/agent/write/image-feed.ts';
import { writeErrors } from '../../src/agent/write/errors.ts';
import { writeImage, type WriteOptions } from '../../src/agent/write/write-image.ts';
import { type Clock, systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/log.ts';
import { diskErrors } from '../../src/disk/errors.ts';
import { imageErrors } from '../../src/image/errors.ts';
import { FRAME_BYTES } from '../../src/image/manifest-types.ts';
import { FakeDisk } from './fake-disk.ts';
import { type FakeImage, fakeImage } from './fake-image.ts';

const image = await fakeImage(['data', 'data', 'zero', 'data', 'hole', 'hole', 'data', 'data'], 1 << 20);

/** Waits take no time but count: only pauses between attempts use foreground timers. */
function quickClock(): Clock {
  let skipped = 0;
  return {
    now: () => systemClock.now() + skipped,
    monotonic: () => systemClock.monotonic() + skipped,
    timer(ms, fn, background = false) {
      if (background) return systemClock.timer(ms, fn, true);
      skipped += ms;
      return systemClock.timer(0, fn);
    },
  };
}

interface Run extends Partial<WriteOptions> {
  fetched?: number[];
}

function write(disk: FakeDisk, img: FakeImage, run: Run = {}) {
  const { fetched = [], ...rest } = run;
  return writeImage({
    device: disk,
    image: wholeImage(img.manifest, img.manifest.digest),
    fetchFrame: (i) => {
      fetched.push(i);
      const zstd = img.zstd.get(i);
      return zstd === undefined ? Promise.reject(new Error('no data here')) : Promise.resolve(zstd);
    },
    signal: new AbortController().signal,
    clock: quickClock(),
    random: Math.random,
    log: silentLogger,
    patienceMs: 120_000,
    ...rest,
  });
}

const carries = (disk: Uint8Array, img: FakeImage) => Buffer.compare(disk.subarray(0, img.raw.length), img.raw) === 0;
const bootable = (disk: Uint8Array) => disk[510] === 0x55 && disk[511] === 0xaa;
const noise = (bytes: number) => new Uint8Array(bytes).fill(0xa5);

describe('writing an image', () => {
  it('puts every byte there, zeros included, over old data', async () => {
    const disk = new FakeDisk(40 << 20, noise(40 << 20));
    const fetched: number[] = [];
    const result = await write(disk, image, { fetched });
    assert.ok(carries(disk.stable, image));
    assert.deepEqual(fetched.sort(), [0, 1, 3, 6, 7]);
    assert.deepEqual(
      { ...result, seconds: 0 },
      {
        kind: 'write',
        framesWritten: 5,
        framesResumed: 0,
        framesZeroed: 3,
        bytesFetched: image.networkBytes,
        bytesWritten: 7 * FRAME_BYTES + (1 << 20),
        seconds: 0,
        manifestDigest: image.manifest.digest,
      },
    );
  });

  it('clears the ends first and writes frame 0 after everything is flushed', async () => {
    const disk = new FakeDisk(40 << 20, noise(40 << 20));
    await write(disk, image);
    const { log } = disk;
    assert.deepEqual(log.slice(0, 3), [`write 0+${1 << 20}`, `write ${(40 << 20) - 512}+512`, 'flush']);
    const last = 7 * FRAME_BYTES;
    assert.deepEqual(log.slice(-5), ['flush', `write ${last}+${1 << 20}`, 'flush', `write 0+${FRAME_BYTES}`, 'flush']);
  });

  it('fetches nothing that is there already, and repairs what is wrong', async () => {
    const disk = new FakeDisk(40 << 20);
    await write(disk, image);
    disk.data.fill(1, 3 * FRAME_BYTES + 77, 3 * FRAME_BYTES + 78);
    const fetched: number[] = [];
    const result = await write(disk, image, { fetched });
    assert.deepEqual(fetched, [3]);
    assert.equal(result.framesResumed, 3);
    assert.ok(carries(disk.stable, image));
  });

  it('reports progress up to the whole disk', async () => {
    const seen: number[] = [];
    const onProgress: WriteOptions['onProgress'] = (p) => void seen.push(p.bytesDone);
    await write(new FakeDisk(40 << 20), image, { onProgress });
    assert.equal(seen.at(0), 0);
    assert.equal(seen.at(-1), image.raw.length);
    assert.deepEqual(
      seen,
      seen.toSorted((a, b) => a - b),
    );
  });

  it('writes images of one and of two frames, and pads to 4096-byte sectors', async () => {
    for (const kinds of [['data'], ['data', 'zero'], ['data', 'data']] as const) {
      const small = await fakeImage([...kinds], 512 * 3);
      const disk = new FakeDisk(12 << 20, noise(12 << 20), 4096);
      await write(disk, small);
      assert.ok(carries(disk.stable, small), kinds.join());
    }
  });

  it('lets the device zero long runs, and does it itself when the device lies', async () => {
    const holes = await fakeImage(['data', ...Array.from({ length: 10 }, () => 'hole' as const), 'data']);
    for (const zeroing of ['does', 'lies'] as const) {
      const disk = new FakeDisk(60 << 20, noise(60 << 20));
      disk.zeroing = zeroing;
      await write(disk, holes);
      assert.ok(carries(disk.data, holes), zeroing);
      const zeroWrites = disk.log.filter((l) => l.endsWith(`+${FRAME_BYTES}`)).length - 2;
      assert.equal(zeroWrites, zeroing === 'does' ? 0 : 10);
    }
  });
});

describe('an interrupted write', () => {
  it('never leaves a bootable disk, whatever operation the power goes at, and goes on from there', async () => {
    const small = await fakeImage(['data', 'data', 'hole', 'data'], 1 << 19);
    const size = 14 << 20;
    const old = noise(size);
    old.set([0x55, 0xaa], 510);
    const clean = new FakeDisk(size, old);
    await write(clean, small);
    assert.ok(clean.operations > 10);
    for (let point = 0; point < clean.operations; point++) {
      const disk = new FakeDisk(size, old);
      let began = false;
      disk.fault = (operation, _position, count) => {
        if (count >= point) throw new Error('power is gone');
        began ||= operation === 'flush';
      };
      await assert.rejects(write(disk, small), /power is gone/);
      for (const kept of [() => true, (i: number) => i % 2 === point % 2]) {
        const after = disk.afterPowerLoss(kept);
        // Once the first flush is through, only a whole image may look bootable.
        if (began && bootable(after.stable)) assert.ok(carries(after.stable, small), `bootable after ${point}`);
      }
      const after = disk.afterPowerLoss((i) => i % 2 === 0);
      const fetched: number[] = [];
      await write(after, small, { fetched });
      assert.ok(carries(after.stable, small));
      assert.ok(fetched.length <= 3);
    }
  });

  it('fetches again only what had not reached the disk', async () => {
    const long = await fakeImage(Array.from({ length: 12 }, () => 'data' as const));
    const disk = new FakeDisk(64 << 20);
    const stop = new AbortController();
    const first: number[] = [];
    const fetchFrame: WriteOptions['fetchFrame'] = (i) => {
      first.push(i);
      if (i === 8) stop.abort(new Error('agent was told to stop'));
      return Promise.resolve(long.zstd.get(i) ?? new Uint8Array());
    };
    await assert.rejects(write(disk, long, { fetchFrame, signal: stop.signal }), /told to stop/);
    const written = disk.log.filter((l) => l.endsWith(`+${FRAME_BYTES}`)).length;
    assert.ok(written >= 4);
    const again: number[] = [];
    const result = await write(disk, long, { fetched: again });
    assert.equal(result.framesResumed, written);
    assert.equal(again.length, 12 - written);
    assert.ok(carries(disk.stable, long));
  });
});

describe('what is under way', () => {
  it('is at most two frames on the network, whatever the concurrency', async () => {
    const long = await fakeImage(Array.from({ length: 8 }, () => 'data' as const));
    let now = 0;
    let most = 0;
    const fetchFrame: WriteOptions['fetchFrame'] = async (i) => {
      most = Math.max(most, ++now);
      await new Promise((resolve) => setTimeout(resolve, 5));
      now--;
      return long.zstd.get(i)!;
    };
    const disk = new FakeDisk(40 << 20);
    await write(disk, long, { fetchFrame, concurrency: 8 });
    assert.equal(most, 2);
    assert.ok(carries(disk.stable, long));
  });
});

describe('what a writer refuses', () => {
  const untouched = (disk: FakeDisk) => assert.deepEqual(disk.log, []);

  it('an image larger than the disk, before the first write', async () => {
    const disk = new FakeDisk(16 << 20);
    await assert.rejects(write(disk, image), (e) => imageErrors.is(e, 'IMAGE_TOO_LARGE_FOR_DISK'));
    untouched(disk);
  });

  it('a manifest that is not the one decided on, or was changed', async () => {
    const other = await fakeImage(['data']);
    const refused = (manifest: unknown) =>
      assert.throws(
        () => wholeImage(manifest, image.manifest.digest),
        (e) => imageErrors.is(e, 'IMAGE_MANIFEST_INVALID'),
      );
    refused(other.manifest);
    const frames = image.manifest.frames.map((f, i) => (i === 1 ? { kind: 'zero' } : f));
    const changed = { ...image.manifest, frames };
    refused(changed);
  });

  it('a table made for another sector size, before the first write', async () => {
    const gpt = await fakeImage(['data', 'data']);
    const raw = gpt.raw.slice(0, FRAME_BYTES);
    raw.set(Buffer.from('EFI PART'), 512);
    const { encodeFrame } = await import('../../src/image/frame-codec.ts');
    const { sealManifest } = await import('../../src/image/manifest.ts');
    const { frame, zstd } = await encodeFrame(raw);
    const manifest = sealManifest(gpt.raw.length, [frame, gpt.manifest.frames[1]!]);
    const disk = new FakeDisk(40 << 20, new Uint8Array(0), 4096);
    const run = write(disk, { ...gpt, manifest, zstd: new Map([...gpt.zstd, [0, zstd]]) });
    await assert.rejects(run, (e) => diskErrors.is(e, 'DISK_SECTOR_SIZE'));
    untouched(disk);
  });

  it('frames that are damaged, swapped, too long, or bombs', async () => {
    const bomb = zstdCompressSync(new Uint8Array(64 << 20));
    const bad = new Uint8Array(image.zstd.get(1)!);
    bad[20] = (bad[20] ?? 0) ^ 1;
    for (const evil of [bad, image.zstd.get(3)!, bomb, new Uint8Array(0), new Uint8Array(image.zstd.get(1)!.length)]) {
      const disk = new FakeDisk(40 << 20, noise(40 << 20));
      const fetchFrame: WriteOptions['fetchFrame'] = (i) => Promise.resolve(i === 1 ? evil : image.zstd.get(i)!);
      await assert.rejects(write(disk, image, { fetchFrame }), (e) => writeErrors.is(e, 'WRITE_FRAME_CORRUPT'));
      assert.ok(!bootable(disk.data));
      assert.ok(disk.log.every((l) => !l.startsWith(`write ${FRAME_BYTES}+`)));
    }
  });

  it('a disk that fails, naming the place', async () => {
    const disk = new FakeDisk(40 << 20);
    disk.fault = (operation, position) => {
      if (operation === 'write' && position === 3 * FRAME_BYTES)
        throw writeErrors.make('WRITE_DEVICE_IO', `write at byte ${position}`);
    };
    await assert.rejects(write(disk, image), (e) => writeErrors.is(e, 'WRITE_DEVICE_IO') && /12582912/.test(e.message));
    assert.ok(!bootable(disk.data));
  });

  it('a disk that does not keep what it is given', async () => {
    const disk = new FakeDisk(40 << 20);
    const flush = disk.flush.bind(disk);
    disk.flush = async () => {
      await flush();
      if (bootable(disk.data)) disk.data[200] = (disk.data[200] ?? 0) ^ 4;
    };
    await assert.rejects(write(disk, image), (e) => writeErrors.is(e, 'WRITE_VERIFY_FAILED'));
    assert.ok(!bootable(disk.data));
  });
});

describe('a server that goes away', () => {
  it('is waited for', async () => {
    let refusals = 3;
    const fetchFrame: WriteOptions['fetchFrame'] = (i) =>
      refusals-- > 0 ? Promise.reject(new Error('ECONNREFUSED')) : Promise.resolve(image.zstd.get(i)!);
    const disk = new FakeDisk(40 << 20);
    await write(disk, image, { fetchFrame, random: () => 0.999 });
    assert.ok(carries(disk.stable, image));
  });

  it('is given up after the patience, as a failure that may be tried again', async () => {
    const fetchFrame: WriteOptions['fetchFrame'] = () => Promise.reject(new Error('ECONNREFUSED'));
    const run = write(new FakeDisk(40 << 20), image, { fetchFrame });
    await assert.rejects(run, (e) => writeErrors.is(e, 'WRITE_FRAME_UNAVAILABLE') && e.retry);
  });

  it('ends the write at once when it says that asking again is of no use', async () => {
    let asked = 0;
    const fetchFrame: WriteOptions['fetchFrame'] = () => {
      asked++;
      return Promise.reject(imageErrors.make('IMAGE_NOT_FOUND', 'gone'));
    };
    const run = write(new FakeDisk(40 << 20), image, { fetchFrame });
    await assert.rejects(run, (e) => imageErrors.is(e, 'IMAGE_NOT_FOUND'));
    assert.equal(asked, 1);
  });
});

describe('any image', () => {
  it('reads back from any disk it fits on', async () => {
    const kind = fc.constantFrom('data' as const, 'zero' as const, 'hole' as const);
    const shape = fc.record({
      kinds: fc.array(kind, { minLength: 1, maxLength: 4 }),
      sectors: fc.integer({ min: 1, max: FRAME_BYTES / 512 }),
      extra: fc.integer({ min: 0, max: 4 }),
      dirty: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(shape, async ({ kinds, sectors, extra, dirty }) => {
        const img = await fakeImage(kinds, sectors * 512);
        const size = img.raw.length + extra * 512;
        const disk = new FakeDisk(size, dirty ? noise(size) : new Uint8Array(0));
        await write(disk, img);
        assert.ok(carries(disk.stable, img));
      }),
      { numRuns: 12 },
    );
  });
});
