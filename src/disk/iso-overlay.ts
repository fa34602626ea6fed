/** A file of fixed size inside an ISO: its bytes are filled in per machine. */
export interface IsoArea {
  /** From the start of the image. */
  offset: number;
  bytes: number;
}

/** An ISO that all machines share, and where the parts of one machine go. `iso` in `ramdisk.json`. */
export interface IsoInfo {
  file: 'ramdisk.iso';
  bytes: number;
  sha256: string;
  /** `host.cfg` of GRUB: sets the kernel's arguments. */
  arguments: IsoArea;
  /** `host.cpio`: the last part of the initramfs. */
  host: IsoArea;
}

/** Bytes that lie over the base from `offset` on. */
export interface IsoPatch {
  offset: number;
  data: Uint8Array;
}

/** What to send, in order: a stretch of the base (`end` is past the last byte), or bytes. */
export type IsoPiece = { kind: 'base'; start: number; end: number } | { kind: 'data'; data: Uint8Array };

/**
 * The bytes `start` to `end` (past the last) of the base with patches laid over it. Pure: nothing is copied, data are
 * views of the patches.
 * @param patches in any order, not overlapping
 */
export function overlayPieces(patches: readonly IsoPatch[], start: number, end: number): IsoPiece[] {
  const pieces: IsoPiece[] = [];
  let at = start;
  for (const { offset, data } of patches.toSorted((a, b) => a.offset - b.offset)) {
    const from = Math.max(at, offset);
    const to = Math.min(end, offset + data.length);
    if (from >= to) continue;
    if (at < from) pieces.push({ kind: 'base', start: at, end: from });
    pieces.push({ kind: 'data', data: data.subarray(from - offset, to - offset) });
    at = to;
  }
  if (at < end) pieces.push({ kind: 'base', start: at, end });
  return pieces;
}

/**
 * `data` filled up to the area's size, which never changes: neither does the size of the ISO.
 * @param fill what the reader of the file passes over: a line feed for GRUB, zero for the kernel's cpio reader
 * @returns undefined when it does not fit
 */
export function patchOf(area: IsoArea, data: Uint8Array, fill: number): IsoPatch | undefined {
  if (data.length > area.bytes) return undefined;
  const filled = new Uint8Array(area.bytes).fill(fill);
  filled.set(data);
  return { offset: area.offset, data: filled };
}
