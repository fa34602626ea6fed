/** Frames are 4 MiB of raw disk each; the last one may be shorter (architecture §5). */
export const FRAME_BYTES = 4 * 1024 * 1024;

/**
 * One frame. `data`: sha256 of the raw bytes, and the size of the zstd frame that carries them. `zero`: must read as zero
 * after writing. `hole`: the source has nothing here; not sent, not written, may keep what the disk has.
 */
export type Frame = { kind: 'data'; sha256: string; zstdBytes: number } | { kind: 'zero' } | { kind: 'hole' };

export interface ImageManifest {
  version: 1;
  /** Size of the raw disk image, bytes. */
  diskBytes: number;
  frameBytes: number;
  frames: Frame[];
  /** `sha256:<hex>`: Merkle root over the frames and the header; identifies the image. */
  digest: string;
}
