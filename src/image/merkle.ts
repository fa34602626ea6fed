import { createHash } from 'node:crypto';
import { ByteWriter } from '../wire/writer.ts';
import { fromHex, toHex } from '../wire/hex.ts';
import type { Frame, ImageManifest } from './manifest-types.ts';

/**
 * The digest of an image: a Merkle tree over its frames, so that one frame from any source can be proven by a path of
 * hashes. Every hash begins with a byte that says what it is of, so a leaf can never be passed off as a node. How a frame
 * was compressed is not part of it: the same disk content always has the same digest.
 */
const LEAF = 0x00;
const NODE = 0x01;
const HEADER = 0x02;
const ROOT = 0x03;
const KINDS = { data: 0, zero: 1, hole: 2 } as const;

function sha256(...parts: Uint8Array[]): Uint8Array {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
}

/** Leaf of one frame: its kind and, for data, the SHA-256 of its raw bytes. */
export function leafHash(frame: Frame): Uint8Array {
  const head = Uint8Array.of(LEAF, KINDS[frame.kind]);
  return frame.kind === 'data' ? sha256(head, fromHex(frame.sha256)) : sha256(head);
}

/** Root of a tree over `leaves`; an odd last hash moves up unpaired (the header fixes their number). */
export function treeRoot(leaves: readonly Uint8Array[]): Uint8Array {
  let level = [...leaves];
  while (level.length > 1) {
    const next: Uint8Array[] = [];
    for (let i = 0; i < level.length; i += 2) {
      const [left, right] = [level[i], level[i + 1]];
      if (left !== undefined) next.push(right === undefined ? left : sha256(Uint8Array.of(NODE), left, right));
    }
    level = next;
  }
  return level[0] ?? sha256(Uint8Array.of(NODE));
}

/** `sha256:<hex>` of an image with these frames. */
export function imageDigest(image: Omit<ImageManifest, 'digest'>): string {
  const header = new ByteWriter(32)
    .u8(HEADER)
    .u32be(image.version)
    .u64be(BigInt(image.diskBytes))
    .u32be(image.frameBytes)
    .u32be(image.frames.length)
    .finish();
  const root = sha256(Uint8Array.of(ROOT), sha256(header), treeRoot(image.frames.map(leafHash)));
  return `sha256:${toHex(root)}`;
}
