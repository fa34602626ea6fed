import assert from 'node:assert/strict';
import { type FileHandle, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { deflateRawSync, zstdCompressSync } from 'node:zlib';
import { imageErrors } from '../../src/image/errors.ts';
import { FRAME_BYTES } from '../../src/image/manifest-types.ts';
import { framesOfQcow2 } from '../../src/image/qcow2-frames.ts';
import { zstdFrameBytes } from '../../src/image/zstd-frame.ts';
import { withTempDir } from './support.ts';

const limits = { maxDiskBytes: 64 << 20, signal: new AbortController().signal };
const CLUSTER = 65536;

/**
 * A second, dumb builder: version 3, one L1 entry, the L2 table in cluster 2. Cluster 0 of the disk is data, 1 is
 * compressed, 2 is a zero cluster, everything else a hole.
 */
function smallQcow2(diskBytes: number): { file: Buffer; disk: Buffer } {
  const file = Buffer.alloc(5 * CLUSTER);
  file.writeUInt32BE(0x514649fb, 0);
  file.writeUInt32BE(3, 4);
  file.writeUInt32BE(16, 20);
  file.writeBigUInt64BE(BigInt(diskBytes), 24);
  file.writeUInt32BE(1, 36);
  file.writeBigUInt64BE(BigInt(CLUSTER), 40);
  file.writeUInt32BE(4, 96);
  file.writeUInt32BE(104, 100);
  file.writeBigUInt64BE(0x8000000000000000n | BigInt(2 * CLUSTER), CLUSTER);
  const data = Buffer.alloc(CLUSTER, 0x11);
  const other = Buffer.alloc(CLUSTER, 0x22);
  const packed = deflateRawSync(other);
  file.writeBigUInt64BE(0x8000000000000000n | BigInt(3 * CLUSTER), 2 * CLUSTER);
  const sectors = BigInt(Math.ceil((packed.length + 10) / 512) - 1);
  file.writeBigUInt64BE((1n << 62n) | (sectors << 54n) | BigInt(4 * CLUSTER + 10), 2 * CLUSTER + 8);
  file.writeBigUInt64BE(1n, 2 * CLUSTER + 16);
  data.copy(file, 3 * CLUSTER);
  packed.copy(file, 4 * CLUSTER + 10);
  const disk = Buffer.alloc(diskBytes);
  data.copy(disk, 0);
  other.copy(disk, CLUSTER);
  return { file, disk };
}

async function read(handle: FileHandle): Promise<{ kinds: string[]; bytes: Buffer }> {
  const kinds: string[] = [];
  const parts: Uint8Array[] = [];
  for await (const frame of framesOfQcow2(handle, limits)) {
    kinds.push(frame.kind);
    parts.push(frame.kind === 'bytes' ? frame.bytes : new Uint8Array(frame.length));
  }
  return { kinds, bytes: Buffer.concat(parts) };
}

async function withFile<T>(dir: string, content: Uint8Array, use: (handle: FileHandle) => Promise<T>): Promise<T> {
  const path = join(dir, 'x.qcow2');
  await writeFile(path, content);
  const handle = await open(path);
  try {
    return await use(handle);
  } finally {
    await handle.close();
  }
}

describe('qcow2 reader', () => {
  it('reads data, compressed, zero and missing clusters, and a last sector that is not whole', async () => {
    await withTempDir(async (dir) => {
      const { file, disk } = smallQcow2(2 * FRAME_BYTES + 5 * CLUSTER + 100);
      const { kinds, bytes } = await withFile(dir, file, read);
      assert.deepEqual(kinds, ['bytes', 'hole', 'hole']);
      assert.equal(bytes.length, Math.ceil(disk.length / 512) * 512);
      assert.equal(Buffer.compare(bytes.subarray(0, disk.length), disk), 0);
    });
  });

  it('survives any change to its tables: the disk, or a refusal', async () => {
    await withTempDir(async (dir) => {
      const { file } = smallQcow2(FRAME_BYTES);
      const places = fc.oneof(
        fc.integer({ min: 0, max: 111 }),
        fc.integer({ min: CLUSTER, max: CLUSTER + 7 }),
        fc.integer({ min: 2 * CLUSTER, max: 2 * CLUSTER + 40 }),
        fc.integer({ min: 4 * CLUSTER + 8, max: 4 * CLUSTER + 90 }),
      );
      const changes = fc.array(fc.tuple(places, fc.nat(255)), { minLength: 1, maxLength: 5 });
      await fc.assert(
        fc.asyncProperty(changes, fc.option(fc.integer({ min: 0, max: 5 * CLUSTER })), async (list, cut) => {
          const bad = Buffer.from(file);
          for (const [at, value] of list) bad[at] = value;
          try {
            const { bytes } = await withFile(dir, bad.subarray(0, cut ?? bad.length), read);
            assert.ok(bytes.length <= limits.maxDiskBytes + 512);
          } catch (e) {
            assert.ok(imageErrors.is(e, 'IMAGE_QCOW2_INVALID'), String(e));
          }
        }),
        { numRuns: 300 },
      );
    });
  });
});

describe('length of a zstd frame', () => {
  it('is what the compressor made, whatever follows', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 3000 }),
        fc.boolean(),
        fc.uint8Array({ maxLength: 50 }),
        (raw, repeat, tail) => {
          const body = repeat ? Buffer.concat(Array.from({ length: 200 }, () => raw)) : raw;
          const frame = zstdCompressSync(body);
          assert.equal(zstdFrameBytes(Buffer.concat([frame, tail])), frame.length);
        },
      ),
    );
  });
});
