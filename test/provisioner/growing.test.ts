/** Writing begins while the image is prepared: the provisioner, the server's routes and the agent's own writer. */
import assert from 'node:assert/strict';
import { truncate, writeFile, open } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { systemClock } from '../../src/core/clock.ts';
import { imageErrors } from '../../src/image/errors.ts';
import { GrowingImage } from '../../src/image/growing.ts';
import type { ProvisionRequest } from '../../src/provisioner/provisioner.ts';
import { fakeImage } from '../agent-write/fake-image.ts';
import { Engine, KEY, World, type WorldImages } from '../support/engine.ts';

const image = await fakeImage(['data', 'data', 'hole', 'data', 'data', 'data'], 1 << 20);
const { manifest } = image;
const DISK_BYTES = 64 << 20;
const SOURCE = `source:${'5'.repeat(64)}`;
const OTHER = `source:${'6'.repeat(64)}`;

const ORDER: ProvisionRequest = {
  restart: false,
  image: { url: 'http://user:pw@images/os.qcow2', checksum: 'aa' },
  rootDeviceHints: { deviceName: '/dev/vda' },
  bootMode: 'UEFI',
  cleaning: 'metadata',
  config: { userData: undefined, metaData: { uuid: 'u' }, networkData: undefined },
};

/** `image/cache.ts` with a test's hand on how far a preparation has got. Each engine has its own, as after a restart. */
class HeldImages implements WorldImages {
  source = SOURCE;
  prepares = 0;
  /** Frames sent to machines, in order. */
  readonly sent: number[] = [];
  #growing: GrowingImage | undefined;
  #added = 0;
  #wanted = 0;
  #done = Promise.withResolvers<void>();
  readonly #whole: boolean;

  /** @param whole it is in the cache already */
  constructor(whole = false) {
    this.#whole = whole;
    this.#done.promise.catch(() => {});
  }

  async prepare(_: unknown, { onProgress }: Parameters<WorldImages['prepare']>[1]) {
    this.prepares++;
    const prepared = { digest: manifest.digest, manifest, source: this.source };
    if (this.#whole) return prepared;
    const growing = (this.#growing = new GrowingImage('', manifest.diskBytes, systemClock));
    onProgress({
      step: 'converting',
      bytesDone: 0,
      growing: { source: this.source, diskBytes: manifest.diskBytes },
    });
    this.#add();
    try {
      await this.#done.promise;
      growing.complete(manifest.digest);
      return prepared;
    } catch (error) {
      growing.fail(error);
      throw error;
    }
  }

  /** So many frames are known from now on. */
  grow(frames: number): void {
    this.#wanted = frames;
    this.#add();
  }

  #add(): void {
    if (this.#growing === undefined) return;
    for (const frame of manifest.frames.slice(this.#added, this.#wanted)) this.#growing.add(frame);
    this.#added = Math.max(this.#added, this.#wanted);
  }

  finish(): void {
    this.grow(manifest.frames.length);
    this.#done.resolve();
  }

  fail(error: Error): void {
    this.#done.reject(error);
  }

  async growth(source: string, from: number, waitMs: number, signal: AbortSignal) {
    if (source !== this.source) return undefined;
    if (this.#whole) {
      const { diskBytes, frames, digest } = manifest;
      return { kind: 'complete' as const, diskBytes, frames: frames.slice(from), digest };
    }
    return this.#growing?.growth(from, waitMs, signal);
  }

  manifest(digest: string) {
    return Promise.resolve(this.#whole && digest === manifest.digest ? manifest : undefined);
  }

  frame(name: string, index: number) {
    if (name !== this.source && name !== manifest.digest) return Promise.resolve(undefined);
    if (!this.#whole && index >= this.#added) return Promise.resolve(undefined);
    this.sent.push(index);
    return Promise.resolve(image.zstd.get(index));
  }
}

describe('provisioner: an image that is still prepared', () => {
  let world: World;
  let engine: Engine;
  let images: HeldImages;
  let file: string;

  beforeEach(async () => {
    world = new World();
    images = new HeldImages();
    world.images = images;
    file = join(world.dir, 'disk');
    await writeFile(file, '');
    await truncate(file, DISK_BYTES);
    const [disk] = world.machine.hardware.disks;
    Object.assign(disk!, { file, sizeBytes: DISK_BYTES });
    engine = await Engine.start(world);
    await world.addHost();
  });

  afterEach(async () => {
    await engine.kill();
    await world.end();
  });

  const provision = (each?: () => boolean) =>
    engine.until((p, c) => p.provision(c, ORDER), each === undefined ? {} : { each });
  const disk = async () => {
    await using handle = await open(file);
    const bytes = Buffer.alloc(image.raw.length);
    await handle.read(bytes, 0, bytes.length, 0);
    return bytes;
  };
  const frameIs = async (index: number) => {
    const at = index * (4 << 20);
    return (await disk()).subarray(at, at + 4096).equals(image.raw.subarray(at, at + 4096));
  };
  const frame0IsClear = async () => (await disk()).subarray(0, 1 << 20).every((b) => b === 0);
  /** Provisions in the background until frame `index` is on the disk. */
  const untilWritten = async (index: number) => {
    const end = Date.now() + 15_000;
    while (!(await frameIs(index))) {
      assert.ok(Date.now() < end, `frame ${index} was never written`);
      await provision(() => true);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };

  it('is written as it comes to be, and the disk becomes bootable only at the end', async () => {
    images.grow(4);
    await untilWritten(3);
    assert.equal(engine.book.status(KEY).image?.manifestDigest, undefined);
    assert.equal(engine.book.status(KEY).image?.diskBytes, manifest.diskBytes);
    assert.ok(await frame0IsClear());
    images.grow(6);
    await untilWritten(4);
    assert.ok((await frame0IsClear()) && !(await frameIs(5)), 'the ends wait for the digest');
    images.finish();
    assert.deepEqual(await provision(), { kind: 'done' });
    assert.ok((await disk()).equals(image.raw));
    assert.equal(world.machine.running, `disk:${manifest.digest}`);
    assert.equal(engine.book.status(KEY).image?.manifestDigest, manifest.digest);
    assert.equal(images.prepares, 1);
    assert.deepEqual(images.sent.sort(), [0, 1, 3, 4, 5]);
  });

  it('is taken by a machine that only fetches', async () => {
    delete world.machine.hardware.disks[0]!.file;
    images.grow(2);
    await provision(() => engine.book.status(KEY).task?.kind === 'write');
    images.finish();
    assert.deepEqual(await provision(), { kind: 'done' });
    assert.equal(world.machine.running, `disk:${manifest.digest}`);
  });

  it('that fails is told as any image that fails, the disk is not bootable, and the next try goes well', async () => {
    images.grow(4);
    await untilWritten(3);
    images.fail(imageErrors.make('IMAGE_QCOW2_INVALID', 'spec.image.url: http://images/os.qcow2: cut short'));
    assert.deepEqual(await provision(), {
      kind: 'failed',
      code: 'IMAGE_QCOW2_INVALID',
      message: 'spec.image.url: http://images/os.qcow2: cut short',
    });
    assert.ok(await frame0IsClear());
    assert.match(world.machine.running, /^ramdisk/);
    world.images = new HeldImages(true);
    assert.deepEqual(await provision(), { kind: 'done' });
    assert.ok((await disk()).equals(image.raw));
  });

  it('goes on with the same task when the engine was killed and prepares it again', async () => {
    images.grow(4);
    await untilWritten(3);
    const { task } = engine.book.status(KEY);
    await engine.kill();
    const again = new HeldImages();
    world.images = again;
    engine = await Engine.start(world);
    // The new preparation is behind the agent at first.
    again.grow(2);
    await provision(() => again.prepares > 0);
    assert.equal(engine.book.status(KEY).task?.id, task?.id);
    again.finish();
    assert.deepEqual(await provision(), { kind: 'done' });
    assert.ok((await disk()).equals(image.raw));
    assert.deepEqual(again.sent.sort(), [4, 5], 'nothing was sent twice');
  });

  it('was finished before the engine was killed: the write goes on', async () => {
    images.grow(4);
    await untilWritten(3);
    await engine.kill();
    world.images = new HeldImages(true);
    engine = await Engine.start(world);
    assert.deepEqual(await provision(), { kind: 'done' });
    assert.ok((await disk()).equals(image.raw));
  });

  it('is another one after a restart: the write begins anew, nothing of the two is mixed', async () => {
    images.grow(4);
    await untilWritten(3);
    await engine.kill();
    for (const whole of [false, true]) {
      const other = new HeldImages(whole);
      other.source = whole ? OTHER : SOURCE.replaceAll('5', '7');
      world.images = other;
      engine = await Engine.start(world);
      const { task } = engine.book.status(KEY);
      other.grow(2);
      await provision(() => engine.book.status(KEY).task?.id !== task?.id);
      if (!whole) await engine.kill();
    }
    assert.deepEqual(await provision(), { kind: 'done' });
    assert.ok((await disk()).equals(image.raw));
    assert.ok((engine.book.status(KEY).timeline ?? []).some((e) => e.kind === 'task-retry'));
  });

  it('does not fit: it is refused before anything is written', async () => {
    const [vda] = world.machine.hardware.disks;
    vda!.sizeBytes = 16 << 20;
    images.grow(2);
    const outcome = await provision();
    assert.ok(outcome?.kind === 'failed' && outcome.code === 'PROVISION_IMAGE_TOO_LARGE');
    assert.match(outcome.message, /^spec\.image\.url: http:\/\/.*images\/os\.qcow2 needs a disk of/);
    assert.doesNotMatch(outcome.message, /pw@/);
    assert.ok((await disk()).every((b) => b === 0));
  });
});
