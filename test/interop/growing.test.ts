/**
 * First use does not wait for the whole conversion: a real engine, kubectl, and a machine whose agent writes with the
 * real writer, while the image comes from a file that is slow to read. Before the image is known to be right the disk is
 * not bootable.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { open, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import type { HostProgress } from '../../src/api/hostprogress.ts';
import { exec } from '../../src/core/exec.ts';
import { looksBootable, makeDisk, sha256 } from '../support/fault-images.ts';
import { SlowFile } from '../support/slow-file.ts';
import { Standalone } from '../support/standalone.ts';

const MIB = 1 << 20;
const DISK_BYTES = 64 * MIB;
const IMAGE_BYTES = 44 * MIB;
/** Read once for the checksum and once for the frames: some seconds each. */
const RATE = 8 * MIB;

suite('images that are written while they are prepared', { timeout: 300_000, concurrency: true }, () => {
  let bed: Standalone;
  const slow: SlowFile[] = [];
  const raw = randomBytes(IMAGE_BYTES);
  raw.set([0x55, 0xaa], 510);
  let qcow2: Buffer;

  before(async () => {
    bed = await Standalone.start();
    const file = (name: string) => path.join(bed.dir, name);
    await writeFile(file('os.raw'), raw);
    await exec('qemu-img', ['convert', '-f', 'raw', '-O', 'qcow2', file('os.raw'), file('os.qcow2')]);
    qcow2 = await readFile(file('os.qcow2'));
    // The tables are at the beginning: it shows only at its very end that something is missing.
    await writeFile(file('cut.qcow2'), qcow2.subarray(0, -2 * MIB));
    slow.push(
      await SlowFile.of(file('os.raw'), 'os.raw', RATE),
      await SlowFile.of(file('cut.qcow2'), 'cut.qcow2', RATE),
    );
  });
  after(async () => {
    await bed?.close();
    for (const file of slow) await file.close();
  });

  const progress = async (name: string) =>
    (JSON.parse(await bed.kubectl('get', 'hostprogress', name, '-o', 'json')) as HostProgress).status ?? {};

  /** Is the piece of the image at `at` on the disk? */
  const isThere = async (file: string, at: number) => {
    await using handle = await open(file, 'r');
    const bytes = Buffer.alloc(MIB);
    await handle.read(bytes, 0, MIB, at);
    return bytes.equals(raw.subarray(at, at + MIB));
  };

  async function enrol(name: string, image: { url: string; checksum: string; format: 'raw' | 'qcow2' }) {
    const file = path.join(bed.dir, `${name}.disk`);
    await makeDisk(file, DISK_BYTES);
    const disk = { name: '/dev/vda', serial: name, sizeBytes: DISK_BYTES, logicalSectorBytes: 512, rotational: false };
    const host = await bed.enrol(name, {
      disks: [{ ...disk, file }],
      spec: { rootDeviceHints: { serialNumber: name }, image },
    });
    return { host, file };
  }

  /** Looks again and again until the machine has the image's second frame, and sees to it that it cannot boot. */
  async function untilWriting(name: string, file: string): Promise<void> {
    for (const end = Date.now() + 120_000; !(await isThere(file, 4 * MIB));) {
      assert.ok(Date.now() < end, `nothing is written: ${JSON.stringify(await progress(name).catch(() => undefined))}`);
      assert.equal(await looksBootable(file), false);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  test('slow-raw: frames reach the disk before the last one exists', async () => {
    const { host, file } = await enrol('slow-raw', { url: slow[0]?.path ?? '', checksum: sha256(raw), format: 'raw' });
    const isReady = () =>
      bed.log.split('\n').some((l) => l.includes('image is ready') && l.includes(slow[0]?.path ?? ''));
    await untilWriting('slow-raw', file);
    const seen = await progress('slow-raw');
    assert.equal(seen.operation?.step, 'write');
    assert.equal(seen.image?.manifestDigest, undefined, 'the image is still prepared');
    assert.equal(seen.image?.diskBytes, IMAGE_BYTES);
    assert.equal(isReady(), false);
    assert.equal(await isThere(file, IMAGE_BYTES - MIB), false);
    assert.equal(await looksBootable(file), false);
    await bed.hosts.well('slow-raw', 'provisioned', 120);
    assert.ok(isReady());
    for (let at = 0; at < IMAGE_BYTES; at += MIB) assert.ok(await isThere(file, at), `${at}`);
    assert.match(host.machine.running, /^disk:sha256:/);
    assert.equal(`disk:${(await progress('slow-raw')).image?.manifestDigest}`, host.machine.running);
    assert.deepEqual(host.machine.errors, []);
  });

  test('cut-late: an image that shows only at its end that it is broken', async () => {
    const checksum = sha256(qcow2.subarray(0, -2 * MIB));
    const { host, file } = await enrol('cut-late', { url: slow[1]?.path ?? '', checksum, format: 'qcow2' });
    await untilWriting('cut-late', file);
    const { status } = await bed.hosts.error('cut-late', 'provisioning error', 120);
    assert.match(status?.errorMessage ?? '', /spec\.image\.url.*cut\.qcow2.*beyond.*\(IMAGE_QCOW2_INVALID\)$/);
    assert.equal(await looksBootable(file), false);
    await bed.edit('cut-late', { image: { url: path.join(bed.dir, 'os.qcow2'), checksum: sha256(qcow2) } });
    await bed.hosts.well('cut-late', 'provisioned', 120);
    for (let at = 0; at < IMAGE_BYTES; at += MIB) assert.ok(await isThere(file, at), `${at}`);
    assert.deepEqual(host.machine.errors, []);
  });
});
