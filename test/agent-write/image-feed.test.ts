import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ManifestReply } from '../../src/agent-protocol/messages.ts';
import { runWrite, type WriteDoors } from '../../src/agent/write-task.ts';
import { type AskManifest, GrowingFeed } from '../../src/agent/write/image-feed.ts';
import { writeImage, type WriteOptions } from '../../src/agent/write/write-image.ts';
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/log.ts';
import { FRAME_BYTES } from '../../src/image/manifest-types.ts';
import { FakeDisk } from './fake-disk.ts';
import { type FakeImage, fakeImage } from './fake-image.ts';

const kinds = ['data', 'data', 'zero', 'data', 'hole', 'hole', 'data', 'data'] as const;
const image = await fakeImage([...kinds], 1 << 20);
const DISK = 40 << 20;
const noise = () => new Uint8Array(DISK).fill(0xa5);
const bootable = (disk: Uint8Array) => disk[510] === 0x55 && disk[511] === 0xaa;
const carries = (disk: Uint8Array, img: FakeImage) => Buffer.compare(disk.subarray(0, img.raw.length), img.raw) === 0;

/** A server that prepares an image: a test decides how much of it is known. */
class Preparation {
  known = 0;
  end: { digest: string } | { code: string; message: string } | undefined;
  /** Called for every question; throwing makes it fail. */
  trouble: () => void = () => {};
  readonly asked: number[] = [];
  readonly #img: FakeImage;
  readonly #waiting = new Set<() => void>();

  constructor(img: FakeImage = image) {
    this.#img = img;
  }

  grow(known: number, end?: Preparation['end']): void {
    this.known = known;
    this.end = end;
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }

  readonly ask: AskManifest = async (from, signal): Promise<ManifestReply> => {
    this.asked.push(from);
    this.trouble();
    while (this.end === undefined && from >= this.known) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      this.#waiting.add(resolve);
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      await promise;
    }
    if (this.end !== undefined && 'code' in this.end) return { kind: 'failed', ...this.end };
    const known = { diskBytes: this.#img.raw.length, frames: this.#img.manifest.frames.slice(from, this.known) };
    return this.end === undefined ? { kind: 'growing', ...known } : { kind: 'complete', ...known, ...this.end };
  };

  async feed(signal = new AbortController().signal, patienceMs = 1000) {
    const doors = { ask: this.ask, clock: systemClock, random: () => 0, log: silentLogger, patienceMs };
    const feed = await GrowingFeed.open(doors, signal);
    return { feed, following: feed.follow(doors, signal) };
  }
}

interface Run {
  fetched?: number[];
  onProgress?: WriteOptions['onProgress'];
}

async function start(disk: FakeDisk, preparation: Preparation, run: Run = {}) {
  const stop = new AbortController();
  const { feed, following } = await preparation.feed(stop.signal);
  following.catch((error: unknown) => stop.abort(error));
  return writeImage({
    device: disk,
    image: feed,
    fetchFrame: (i) => {
      run.fetched?.push(i);
      assert.ok(i < preparation.known, `frame ${i} is asked for before it is known`);
      return Promise.resolve(image.zstd.get(i)!);
    },
    ...(run.onProgress === undefined ? {} : { onProgress: run.onProgress }),
    signal: stop.signal,
    clock: systemClock,
    random: Math.random,
    log: silentLogger,
  });
}

/** Until something holds; the writer works beside us. */
async function until(what: string, check: () => boolean): Promise<void> {
  for (const end = Date.now() + 20_000; !check();) {
    if (Date.now() > end) throw new Error(`never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

const wrote = (disk: FakeDisk, frame: number) => disk.log.some((l) => l.startsWith(`write ${frame * FRAME_BYTES}+`));

describe('writing an image that is being prepared', () => {
  it('writes frames as they come to be; the ends wait for the digest', async () => {
    const disk = new FakeDisk(DISK, noise());
    const preparation = new Preparation();
    const steps: string[] = [];
    preparation.grow(1);
    const writing = start(disk, preparation, { onProgress: ({ step }) => void steps.push(step) });
    await until('the ends are cleared', () => disk.log.includes('flush'));
    for (const [known, frame] of [
      [2, 1],
      [4, 3],
    ] as const) {
      assert.ok(!wrote(disk, frame));
      preparation.grow(known);
      await until(`frame ${frame} is written`, () => wrote(disk, frame));
    }
    preparation.grow(8);
    await until('all but the ends are flushed', () => steps.at(-1) === 'waiting for the image to be verified');
    assert.ok(wrote(disk, 6) && !wrote(disk, 7));
    assert.ok(!bootable(disk.data));
    assert.equal(disk.log.filter((l) => l.startsWith('write 0+')).length, 1, 'frame 0 was only cleared');
    preparation.grow(8, { digest: image.manifest.digest });
    const result = await writing;
    assert.equal(result.manifestDigest, image.manifest.digest);
    assert.equal(result.framesWritten, 5);
    assert.ok(carries(disk.stable, image));
    const last = 7 * FRAME_BYTES;
    assert.deepEqual(disk.log.slice(-5), [
      'flush',
      `write ${last}+${1 << 20}`,
      'flush',
      `write 0+${FRAME_BYTES}`,
      'flush',
    ]);
  });

  it('finds what an earlier write left, and fetches only the rest', async () => {
    const content = noise();
    content.set(image.raw.subarray(FRAME_BYTES, 4 * FRAME_BYTES), FRAME_BYTES);
    const disk = new FakeDisk(DISK, content);
    const preparation = new Preparation();
    preparation.grow(2);
    const fetched: number[] = [];
    const writing = start(disk, preparation, { fetched });
    await until('the ends are cleared', () => disk.log.includes('flush'));
    preparation.grow(8, { digest: image.manifest.digest });
    const result = await writing;
    assert.equal(result.framesResumed, 2);
    assert.deepEqual(fetched.sort(), [0, 6, 7]);
    assert.ok(carries(disk.stable, image));
  });

  it('ends when the image fails, at any moment, and the disk is not bootable', async () => {
    for (const known of [1, 2, 5, 8]) {
      const disk = new FakeDisk(DISK, image.raw);
      const preparation = new Preparation();
      preparation.grow(known);
      const writing = start(disk, preparation);
      const refused = assert.rejects(writing, {
        code: 'WRITE_IMAGE_FAILED',
        retry: false,
        message: /IMAGE_CHANGED: x/,
      });
      await until('the ends are cleared', () => disk.log.includes('flush'));
      preparation.grow(known, { code: 'IMAGE_CHANGED', message: 'x' });
      await refused;
      assert.ok(!bootable(disk.data));
      assert.ok(
        disk.data.subarray(0, 1 << 20).every((b) => b === 0),
        'frame 0 was never written',
      );
    }
  });

  it('never writes frame 0 when the root is not the digest that is named', async () => {
    const disk = new FakeDisk(DISK, noise());
    const preparation = new Preparation();
    preparation.grow(7);
    const refused = assert.rejects(start(disk, preparation), { code: 'IMAGE_MANIFEST_INVALID' });
    await until('frame 6 is written', () => wrote(disk, 6));
    preparation.grow(8, { digest: `sha256:${'0'.repeat(64)}` });
    await refused;
    assert.ok(!bootable(disk.data) && !wrote(disk, 7));
  });

  it('refuses frames that do not belong: missing ones, one too many, another disk', async () => {
    const frames = image.manifest.frames;
    const { digest } = image.manifest;
    const diskBytes = image.raw.length;
    const bad: ManifestReply[] = [
      { kind: 'complete', diskBytes, frames: frames.slice(1, 7), digest },
      { kind: 'growing', diskBytes, frames: [...frames, { kind: 'hole' }] },
      { kind: 'growing', diskBytes: diskBytes + 512, frames: [] },
      { kind: 'growing', diskBytes, frames: [{ kind: 'data', sha256: 'x', zstdBytes: 1 }] },
    ];
    for (const reply of bad) {
      const replies: ManifestReply[] = [{ kind: 'growing', diskBytes, frames: frames.slice(0, 1) }, reply];
      const preparation = new Preparation();
      const ask: AskManifest = () => Promise.resolve(replies.shift()!);
      const { following } = await Object.assign(preparation, { ask }).feed();
      await assert.rejects(following, { code: 'IMAGE_MANIFEST_INVALID' });
    }
  });

  it('waits for a server that is away or was started anew, with patience', async () => {
    const preparation = new Preparation();
    let refusals = 2;
    preparation.trouble = () => {
      if (refusals-- > 0) throw new Error('HTTP 503');
    };
    preparation.grow(8, { digest: image.manifest.digest });
    const { feed, following } = await preparation.feed(undefined, 60_000);
    await following;
    assert.equal(await feed.verified(new AbortController().signal), image.manifest.digest);
    const away = new Preparation();
    away.trouble = () => {
      throw new Error('HTTP 503');
    };
    await assert.rejects(away.feed(undefined, 0), { code: 'WRITE_MANIFEST_UNAVAILABLE', retry: true });
  });
});

describe('a write task of a growing image', () => {
  it('is ended by the failure of the image even while it waits for a frame that is gone', async (t) => {
    const { mkdtempSync, rmSync, truncateSync, writeFileSync } = await import('node:fs');
    const { tmpdir } = await import('node:os');
    const dir = mkdtempSync(`${tmpdir()}/ingot-test-`);
    t.after(() => rmSync(dir, { recursive: true }));
    const name = `${dir}/disk`;
    writeFileSync(name, '');
    truncateSync(name, DISK);
    const disk = { name, serial: 'S', sizeBytes: DISK, logicalSectorBytes: 512, rotational: false };
    const preparation = new Preparation();
    preparation.grow(3);
    const asked = Promise.withResolvers<void>();
    const doors: WriteDoors = {
      fetch: (url) => {
        const index = Number(url.slice('/f/'.length));
        if (index === 0) return Promise.resolve(image.zstd.get(0)!);
        asked.resolve();
        return Promise.reject(new Error('HTTP 503'));
      },
      manifest: (taskId, from, signal) => {
        assert.equal(taskId, 'task-1');
        return preparation.ask(from, signal);
      },
      clock: systemClock,
      random: Math.random,
    };
    const context = { signal: new AbortController().signal, report: () => {}, log: silentLogger };
    const write = { target: disk, source: 'source:x', framesUrl: '/f/{index}' };
    const refused = assert.rejects(runWrite('task-1', write, [disk], doors, context), { code: 'WRITE_IMAGE_FAILED' });
    await asked.promise;
    preparation.grow(3, { code: 'IMAGE_QCOW2_INVALID', message: 'cut' });
    await refused;
  });
});
