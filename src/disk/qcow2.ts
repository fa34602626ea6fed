import { ByteReader } from '../wire/reader.ts';
import { diskErrors } from './errors.ts';

/** The parts of a qcow2 header (QEMU's docs/interop/qcow2.txt) that are needed to read the active layer. */
export interface Qcow2Header {
  version: 2 | 3;
  clusterBits: number;
  clusterBytes: number;
  /** Virtual size, bytes. */
  diskBytes: number;
  l1Offset: number;
  l1Entries: number;
  compression: 'deflate' | 'zstd';
}

export const QCOW2_MAGIC = 0x514649fb;
/** Enough for the fixed part and every extension that is looked at. */
export const QCOW2_HEADER_BYTES = 512;

const MIN_CLUSTER_BITS = 9;
const MAX_CLUSTER_BITS = 21;
/** 32 MiB of L1 table, the limit QEMU itself keeps. */
const MAX_L1_ENTRIES = (32 * 1024 * 1024) / 8;
const INCOMPATIBLE = { corrupt: 2n, externalData: 4n, compression: 8n, extendedL2: 16n } as const;
const KNOWN_INCOMPATIBLE = 1n | 2n | 4n | 8n | 16n;

function invalid(message: string, hint?: string): never {
  throw diskErrors.make('DISK_QCOW2_INVALID', message, hint === undefined ? {} : { hint });
}

export function isQcow2(head: Uint8Array): boolean {
  return head.length >= 4 && new ByteReader(head).u32be() === QCOW2_MAGIC;
}

/**
 * Checks a header that may be hostile. Anything that would make a reader open another file (backing file, external data
 * file) or that cannot be read without a key is refused, as are sizes that cannot be true.
 * @param head the first bytes of the file, at least `QCOW2_HEADER_BYTES` or the whole file
 * @param fileBytes size of the file
 * @param maxDiskBytes largest virtual size accepted
 * @throws DISK_QCOW2_INVALID
 */
export function parseQcow2Header(head: Uint8Array, fileBytes: number, maxDiskBytes: number): Qcow2Header {
  if (head.length < 72) invalid('the file ends inside its header');
  const r = new ByteReader(head);
  if (r.u32be() !== QCOW2_MAGIC) invalid('the file does not begin with the qcow2 magic');
  const version = r.u32be();
  if (version !== 2 && version !== 3) invalid(`version ${version} is not 2 or 3`);
  const backingOffset = r.u64be();
  const backingSize = r.u32be();
  if (backingOffset !== 0n || backingSize !== 0) {
    invalid('it needs a backing file', 'flatten it with `qemu-img convert -O qcow2`; Ingot reads no second file');
  }
  const clusterBits = r.u32be();
  if (clusterBits < MIN_CLUSTER_BITS || clusterBits > MAX_CLUSTER_BITS) invalid(`cluster bits are ${clusterBits}`);
  const size = r.u64be();
  if (size === 0n) invalid('its disk size is 0');
  if (size > BigInt(maxDiskBytes)) invalid(`its disk size is ${size} bytes, the limit is ${maxDiskBytes}`);
  if (r.u32be() !== 0) invalid('it is encrypted', 'decrypt it with `qemu-img convert`');
  const l1Entries = r.u32be();
  const l1Offset = r.u64be();
  const clusterBytes = 2 ** clusterBits;
  const diskBytes = Number(size);
  checkL1({ l1Entries, l1Offset, clusterBytes, diskBytes, fileBytes });
  const compression = version === 3 ? parseFeatures(head) : 'deflate';
  return { version, clusterBits, clusterBytes, diskBytes, l1Offset: Number(l1Offset), l1Entries, compression };
}

function checkL1(l1: {
  l1Entries: number;
  l1Offset: bigint;
  clusterBytes: number;
  diskBytes: number;
  fileBytes: number;
}): void {
  const perL1 = l1.clusterBytes * (l1.clusterBytes / 8);
  const needed = Math.ceil(l1.diskBytes / perL1);
  if (l1.l1Entries < needed) invalid(`its L1 table has ${l1.l1Entries} entries, its disk size needs ${needed}`);
  if (l1.l1Entries > MAX_L1_ENTRIES) invalid(`its L1 table has ${l1.l1Entries} entries`);
  if (l1.l1Offset % BigInt(l1.clusterBytes) !== 0n || l1.l1Offset === 0n) invalid('its L1 table is not on a cluster');
  if (l1.l1Offset + BigInt(l1.l1Entries * 8) > BigInt(l1.fileBytes)) invalid('its L1 table lies beyond the file');
}

function parseFeatures(head: Uint8Array): 'deflate' | 'zstd' {
  if (head.length < 104) invalid('the file ends inside its header');
  const r = new ByteReader(head);
  r.skip(72);
  const incompatible = r.u64be();
  r.skip(16 + 4, 'other features, refcount order');
  const headerBytes = r.u32be();
  if (headerBytes < 104 || headerBytes % 8 !== 0 || headerBytes > head.length)
    invalid(`header length is ${headerBytes}`);
  if ((incompatible & INCOMPATIBLE.corrupt) !== 0n)
    invalid('it is marked corrupt', 'repair it with `qemu-img check -r all`');
  if ((incompatible & INCOMPATIBLE.externalData) !== 0n) {
    invalid('it keeps its data in another file', 'convert it with `qemu-img convert -O qcow2`');
  }
  if ((incompatible & INCOMPATIBLE.extendedL2) !== 0n) {
    invalid('it uses extended L2 entries', 'convert it with `qemu-img convert -O qcow2 -o extended_l2=off`');
  }
  if ((incompatible & ~KNOWN_INCOMPATIBLE) !== 0n) invalid(`it needs unknown features ${incompatible.toString(16)}`);
  const type = headerBytes > 104 ? r.u8() : 0;
  if ((incompatible & INCOMPATIBLE.compression) === 0n) return 'deflate';
  if (type === 1) return 'zstd';
  return invalid(`its compression type is ${type}`);
}

/** What an L2 entry says of its cluster. */
export type ClusterPlace =
  | { kind: 'hole' }
  | { kind: 'zero' }
  | { kind: 'data'; offset: number }
  | { kind: 'compressed'; offset: number; bytes: number };

const OFFSET_MASK = 0x00fffffffffffe00n;
const COMPRESSED = 1n << 62n;

/** Offset of the L2 table an L1 entry names; 0: not allocated. */
export function l2Offset(l1Entry: bigint): number {
  return Number(l1Entry & OFFSET_MASK);
}

/**
 * Decodes an L2 entry.
 * @param fileBytes no offset beyond it is believed
 * @throws DISK_QCOW2_INVALID
 */
export function clusterPlace(header: Qcow2Header, entry: bigint, fileBytes: number): ClusterPlace {
  if ((entry & COMPRESSED) !== 0n) {
    const offsetBits = BigInt(62 - (header.clusterBits - 8));
    const offset = Number(entry & ((1n << offsetBits) - 1n));
    const sectors = Number((entry & (COMPRESSED - 1n)) >> offsetBits) + 1;
    const bytes = Math.min(sectors * 512 - (offset % 512), fileBytes - offset);
    if (bytes <= 0) invalid(`a compressed cluster lies beyond the file, at ${offset}`);
    return { kind: 'compressed', offset, bytes };
  }
  if (header.version === 3 && (entry & 1n) !== 0n) return { kind: 'zero' };
  const offset = Number(entry & OFFSET_MASK);
  if (offset === 0) return { kind: 'hole' };
  if (offset % header.clusterBytes !== 0) invalid(`a cluster is at ${offset}, which is not on a cluster`);
  if (offset >= fileBytes) invalid(`a cluster lies beyond the file, at ${offset}`);
  return { kind: 'data', offset };
}
