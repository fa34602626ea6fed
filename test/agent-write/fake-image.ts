import { encodeFrame, isZero } from '../../src/image/frame-codec.ts';
import { FRAME_BYTES, type Frame, type ImageManifest } from '../../src/image/manifest-types.ts';
import { sealManifest } from '../../src/image/manifest.ts';

export interface FakeImage {
  raw: Uint8Array;
  manifest: ImageManifest;
  zstd: Map<number, Uint8Array>;
  /** Bytes of all data frames as they go over the network. */
  networkBytes: number;
}

/** An image whose frame `i` is of `kinds[i]`; the last frame has `lastBytes`. The first 512 bytes look bootable. */
export async function fakeImage(kinds: Frame['kind'][], lastBytes = FRAME_BYTES, seed = 1): Promise<FakeImage> {
  const raw = new Uint8Array((kinds.length - 1) * FRAME_BYTES + lastBytes);
  const zstd = new Map<number, Uint8Array>();
  const frames: Frame[] = [];
  for (const [i, kind] of kinds.entries()) {
    const part = raw.subarray(i * FRAME_BYTES, Math.min(raw.length, (i + 1) * FRAME_BYTES));
    if (kind !== 'data') {
      frames.push({ kind });
      continue;
    }
    part.fill((i * 7 + seed) & 0xff);
    new DataView(part.buffer, part.byteOffset).setUint32(100, seed * 1000 + i);
    if (i === 0) part.set([0x55, 0xaa], 510);
    if (isZero(part)) throw new Error('not data');
    const encoded = await encodeFrame(part);
    frames.push(encoded.frame);
    zstd.set(i, encoded.zstd);
  }
  const networkBytes = zstd.values().reduce((n, z) => n + z.length, 0);
  return { raw, manifest: sealManifest(raw.length, frames), zstd, networkBytes };
}
