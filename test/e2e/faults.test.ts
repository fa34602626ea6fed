/**
 * What must not go wrong on a real machine: the engine killed at any moment, the machine's power cut in the middle of a
 * write, hints that fit no disk. One host with little memory goes through all of it.
 */
import assert from 'node:assert/strict';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { diskSignatures, fileSystemsAt, partitionOffsets } from '../../hack/story/proof.ts';
import type { HostProgressStatus } from '../../src/api/hostprogress.ts';
import { exec } from '../../src/core/exec.ts';
import { FRAME_BYTES } from '../../src/image/manifest-types.ts';
import { makeBigImage } from '../support/big-image.ts';
import { differences, diskBytes } from '../support/disk-content.ts';
import { type BuiltImages, FullLab, buildForTests, labFolder } from '../support/full-lab.ts';
import { consoleMark, waitConsole } from '../support/lab.ts';
import { SlowFile } from '../support/slow-file.ts';

const NAME = 'node-0';
const MIB = 2 ** 20;
const IMAGE_MIB = 512;
const DISK_BYTES = 2 * 2 ** 30;
/** Slow enough that a write can be hit in the middle, fast enough to wait for. */
const DISK_RATE = 48 * MIB;
/** How fast an image file is read that is to be seen in the making. */
const SOURCE_RATE = 48 * MIB;
/** bit/s. Slower than the disk: there are always frames on the line. */
const LINE_RATE = 320_000_000;

let lab: FullLab | undefined;
let built: BuiltImages;
/** The big image, slowly. Made before the engine: its network namespace sees no mounts of later. */
let slow: SlowFile | undefined;

const part = (name: string, seconds: number, work: (lab: FullLab) => Promise<void>) =>
  FullLab.test(() => lab, NAME, name, seconds, work);

before(async () => {
  built = await buildForTests();
  const big = join(await labFolder(), 'big.raw');
  await makeBigImage(built.tinyRaw, big, IMAGE_MIB);
  slow = await SlowFile.of(big, 'big.raw', SOURCE_RATE);
  lab = await FullLab.start(built, {
    hosts: [{ name: NAME, firmware: 'bios', memoryMiB: 512, disks: [{ sizeBytes: DISK_BYTES }] }],
    images: { big, tiny: built.tinyQcow2 },
  });
});

after(async () => {
  if (lab !== undefined) console.log(lab.story);
  await lab?.close();
  await slow?.close();
});

part('the engine is killed while the machine loads the ramdisk, and while it is inspected', 300, async (lab) => {
  await lab.enrol(NAME);
  await lab.until(NAME, 'the machine to load the ramdisk', 90, (_, p) => saw(p, 'http-kernel'));
  await lab.killEngine();
  await lab.startEngine();
  await lab.until(
    NAME,
    'the agent to inspect',
    150,
    (_, p) => p.agent !== undefined && p.operation?.step === 'inspect',
  );
  await lab.killEngine();
  await lab.startEngine();
  const host = await lab.untilState(NAME, 'available', 60);
  assert.equal(host.status?.hardware?.storage?.[0]?.sizeBytes, DISK_BYTES);
  assert.equal(lab.host(NAME).machine.observe().powerOns, 1, 'the machine was switched on once');
  assert.equal((await lab.progress(NAME)).attempt, 1);
});

part('hints that fit no disk: an error that names them, gone when they are mended', 90, async (lab) => {
  await lab.patch(NAME, { rootDeviceHints: { serialNumber: 'NO-SUCH-DISK' }, image: lab.spec('big') });
  const host = await lab.until(NAME, 'the error', 60, (h) => h.status?.errorType === 'provisioning error');
  assert.match(host.status?.errorMessage ?? '', /serialNumber/);
  assert.match(host.status?.errorMessage ?? '', /NO-SUCH-DISK/);
  assert.deepEqual(await diskSignatures(lab.disk(NAME)), []);
});

part('the engine is killed in the middle of a write: hardly anything is fetched twice', 200, async (lab) => {
  const { machine, diskSerial } = lab.host(NAME);
  const from = await consoleMark(lab.host(NAME));
  await lab.slowLine(NAME, LINE_RATE);
  const before = await lab.served.bytes();
  await lab.patch(NAME, { rootDeviceHints: { serialNumber: diskSerial } });
  await lab.until(NAME, 'a third of the write', 120, (_, p) => writing(p) && (p.percent ?? 0) >= 30);
  await lab.killEngine();
  const there = await writtenShare(lab);
  assert.ok(there > 0.2 && there < 0.8, `${there} of the image was written when the engine was killed`);
  await assertNotBootable(lab);
  await lab.startEngine();
  await lab.untilState(NAME, 'provisioned', 120);
  await lab.slowLine(NAME, undefined);
  const again = (await lab.served.bytes()) - before - (await frameBytes(lab));
  lab.note(`engine killed at ${percent(there)}: ${(again / MIB).toFixed(2)} MiB of ${IMAGE_MIB} were sent again`);
  assert.ok(again >= 0 && again <= 0.02 * IMAGE_MIB * MIB, `${again} bytes were sent again`);
  assert.equal(lab.image('big').bytesSent, IMAGE_MIB * MIB, 'the source was fetched once');
  await assertImageOnDisk(lab);
  await waitConsole(lab.host(NAME), /DISK-BOOTED[^]*TINY: ready/, 60, from);
  assert.equal(machine.observe().powerOns, 2, 'one boot of the ramdisk, one of the disk');
});

part('the engine is killed while the disk is wiped', 200, async (lab) => {
  const disk = lab.disk(NAME);
  const offsets = await partitionOffsets(disk);
  assert.ok(offsets.length >= 3, offsets.join(', '));
  await lab.patch(NAME, { image: null });
  await lab.until(NAME, 'the boot of the ramdisk', 60, (_, p) => p.ramdiskBoot?.step === 'wait-agent');
  await lab.killEngine();
  await lab.startEngine();
  await lab.until(NAME, 'the wiping', 120, (_, p) => p.agent !== undefined && p.operation?.step === 'clean');
  await lab.killEngine();
  await lab.startEngine();
  await lab.untilState(NAME, 'available', 90);
  assert.deepEqual([...(await diskSignatures(disk)), ...(await fileSystemsAt(disk, offsets))], []);
});

part('the power fails in the middle of a write: the machine goes on where it was', 300, async (lab) => {
  const { machine } = lab.host(NAME);
  // Wiped metadata leave the old image's data, which would be used again: this is to be a disk that never had them.
  await exec('fallocate', ['--punch-hole', '--offset', '0', '--length', String(DISK_BYTES), lab.disk(NAME)]);
  await machine.throttleDisk(0, DISK_RATE);
  const before = await lab.served.bytes();
  const { powerOns } = machine.observe();
  await lab.patch(NAME, { image: lab.spec('big') });
  await lab.until(NAME, 'a third of the write', 120, (_, p) => writing(p) && (p.percent ?? 0) >= 30);
  await machine.cutPower();
  const there = await writtenShare(lab);
  assert.ok(there > 0.2 && there < 0.8, `${there} of the image was written when the power failed`);
  await assertNotBootable(lab);
  await lab.untilState(NAME, 'provisioned', 240);
  const { resumed, written } = writeSummary(await lab.progress(NAME));
  const sent = (await lab.served.bytes()) - before;
  const again = sent - (await frameBytes(lab)) - (await ramdiskBytes());
  lab.note(
    `power cut at ${percent(there)}: ${resumed} frames found on the disk, ${written} written, ${(again / MIB).toFixed(1)} MiB sent again`,
  );
  // Frames of the image that hold nothing are neither: they are on every empty disk.
  const empty = frames() - written - resumed;
  assert.ok(resumed + empty >= there * frames() - 1, `${resumed} frames of ${there * frames()} were used again`);
  // What was under way when the lights went out: at most four frames in the agent, two on the line.
  assert.ok(again <= 6 * FRAME_BYTES, `${again} bytes were sent again`);
  await assertImageOnDisk(lab);
  assert.equal(machine.observe().powerOns, powerOns + 2, 'once into the ramdisk, once to the disk');
});

part(
  'the engine is killed while the image is still converted: the machine goes on with what it has',
  300,
  async (lab) => {
    const { machine } = lab.host(NAME);
    await lab.patch(NAME, { image: null });
    await lab.untilState(NAME, 'available', 120);
    await exec('fallocate', ['--punch-hole', '--offset', '0', '--length', String(DISK_BYTES), lab.disk(NAME)]);
    const before = await lab.served.bytes();
    const { powerOns } = machine.observe();
    await lab.patch(NAME, { image: { ...lab.spec('big'), url: slow?.path } });
    await lab.until(NAME, 'a fifth of the write', 120, (_, p) => writing(p) && (p.percent ?? 0) >= 20);
    await lab.killEngine();
    const half = await readdir(join(lab.dir, 'engine/images/tmp'));
    assert.ok(half.length > 0, 'the image was still being converted when the engine was killed');
    const there = await writtenShare(lab);
    assert.ok(there > 0.1 && there < 0.9, `${there} of the image was written when the engine was killed`);
    await assertNotBootable(lab);
    await lab.startEngine();
    await lab.until(NAME, 'the image to be prepared again', 120, (_, p) => {
      if (writing(p) && p.bytesTotal !== undefined) assert.equal(p.bytesTotal, IMAGE_MIB * MIB);
      return p.image?.manifestDigest !== undefined;
    });
    await lab.untilState(NAME, 'provisioned', 120);
    const again = (await lab.served.bytes()) - before - (await frameBytes(lab));
    lab.note(
      `engine killed at ${percent(there)} of an image in the making: ${(again / MIB).toFixed(2)} MiB sent again`,
    );
    assert.ok(again >= 0 && again <= 0.02 * IMAGE_MIB * MIB, `${again} bytes were sent again`);
    await assertImageOnDisk(lab);
    assert.deepEqual(await readdir(join(lab.dir, 'engine/images/tmp')), []);
    assert.equal(machine.observe().powerOns, powerOns + 1, 'only the boot of the disk');
  },
);

function saw(progress: HostProgressStatus, kind: string): boolean {
  return progress.timeline?.some((entry) => entry.kind === kind) === true;
}

function writing(progress: HostProgressStatus): boolean {
  return progress.operation?.step === 'write';
}

function frames(): number {
  return (IMAGE_MIB * MIB) / FRAME_BYTES;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(0)} %`;
}

/** Share of the image's 4 MiB pieces that the disk has now. */
async function writtenShare(lab: FullLab): Promise<number> {
  const missing = await differences(lab.disk(NAME), lab.image('big').file, []);
  return 1 - missing.length / frames();
}

/** No boot code, no partition table at either end: nothing that a firmware would start. */
async function assertNotBootable(lab: FullLab): Promise<void> {
  const disk = lab.disk(NAME);
  assert.deepEqual(await diskSignatures(disk), []);
  assert.ok(
    (await diskBytes(disk, 0, MIB)).every((byte) => byte === 0),
    'the first MiB is clear',
  );
  assert.ok(
    (await diskBytes(disk, DISK_BYTES - 512, 512)).every((byte) => byte === 0),
    'the last sector is clear',
  );
}

/** Every byte of the image is on the disk, but for the partition tables, which now fit the disk and have config-2. */
async function assertImageOnDisk(lab: FullLab): Promise<void> {
  const size = IMAGE_MIB * MIB;
  const tables = [
    { from: 446, to: 34 * 512 },
    { from: size - 33 * 512, to: size },
  ];
  assert.deepEqual(await differences(lab.disk(NAME), lab.image('big').file, tables), []);
}

/** What all frames of the image are together as they are sent, by the engine's own file of them. */
async function frameBytes(lab: FullLab): Promise<number> {
  const { image } = await lab.progress(NAME);
  const digest = image?.manifestDigest?.replace('sha256:', '') ?? '';
  return (await stat(join(lab.dir, 'engine/images/images', digest, 'frames.zst'))).size;
}

async function ramdiskBytes(): Promise<number> {
  const [kernel, ramdisk] = await Promise.all(['vmlinuz', 'ramdisk.zst'].map((f) => stat(join(built.ramdisk, f))));
  return (kernel?.size ?? 0) + (ramdisk?.size ?? 0);
}

function writeSummary(progress: HostProgressStatus): { written: number; resumed: number } {
  const text = progress.timeline?.findLast((entry) => entry.kind === 'image-written')?.text ?? '';
  const [, written, resumed] = /(\d+) frames, (\d+) already there/.exec(text) ?? [];
  assert.ok(written !== undefined && resumed !== undefined, `the timeline says: ${text}`);
  return { written: Number(written), resumed: Number(resumed) };
}
