import { diskErrors } from './errors.ts';

/** One of the four primary entries of a master boot record. LBAs are in sectors of the disk. */
export interface MbrPartition {
  /** 1..4 */
  number: number;
  bootable: boolean;
  type: number;
  firstLba: number;
  sectors: number;
}

export interface Mbr {
  diskSignature: number;
  /** Used entries only. */
  partitions: MbrPartition[];
  /** True when an entry of type 0xEE says "this disk has a GPT". */
  protective: boolean;
}

const TABLE = 446;
const ENTRY = 16;
const SIGNATURE = 510;
const PROTECTIVE = 0xee;
export const MBR_TYPE_LINUX = 0x83;

/**
 * Parses sector 0 as a master boot record.
 * @returns undefined when the 55 AA signature is not there
 */
export function parseMbr(sector0: Uint8Array): Mbr | undefined {
  if (sector0.length < 512 || sector0[SIGNATURE] !== 0x55 || sector0[SIGNATURE + 1] !== 0xaa) return undefined;
  const view = new DataView(sector0.buffer, sector0.byteOffset, 512);
  const partitions: MbrPartition[] = [];
  for (let i = 0; i < 4; i++) {
    const at = TABLE + i * ENTRY;
    const type = view.getUint8(at + 4);
    const sectors = view.getUint32(at + 12, true);
    if (type === 0 || sectors === 0) continue;
    const bootable = view.getUint8(at) === 0x80;
    partitions.push({ number: i + 1, bootable, type, firstLba: view.getUint32(at + 8, true), sectors });
  }
  return {
    diskSignature: view.getUint32(440, true),
    partitions,
    protective: partitions.some((p) => p.type === PROTECTIVE),
  };
}

/**
 * A copy of `sector0` with one more primary partition; boot code and the other entries stay as they are.
 * @param at where and what; LBAs in sectors
 * @throws DISK_MBR_FULL, DISK_MBR_INVALID (overlap, no MBR), DISK_NO_ROOM (beyond 32-bit LBAs)
 */
export function addMbrPartition(
  sector0: Uint8Array,
  at: { firstLba: number; sectors: number; type: number },
): { sector0: Uint8Array; number: number } {
  const mbr = parseMbr(sector0);
  if (mbr === undefined) throw diskErrors.make('DISK_MBR_INVALID', 'sector 0 carries no master boot record');
  if (at.firstLba + at.sectors > 2 ** 32) {
    throw diskErrors.make(
      'DISK_NO_ROOM',
      'an MBR partition cannot lie beyond sector 2^32 (2 TiB with 512-byte sectors)',
    );
  }
  for (const p of mbr.partitions) {
    if (at.firstLba < p.firstLba + p.sectors && p.firstLba < at.firstLba + at.sectors) {
      throw diskErrors.make(
        'DISK_NO_ROOM',
        `sectors ${at.firstLba}..${at.firstLba + at.sectors - 1} overlap partition ${p.number}`,
      );
    }
  }
  const number = [1, 2, 3, 4].find((n) => mbr.partitions.every((p) => p.number !== n));
  if (number === undefined) throw diskErrors.make('DISK_MBR_FULL', 'all four primary partitions are in use');
  const out = new Uint8Array(sector0);
  const view = new DataView(out.buffer, TABLE + (number - 1) * ENTRY, ENTRY);
  view.setUint8(0, 0);
  setLbaOnlyChs(view, 1);
  view.setUint8(4, at.type);
  setLbaOnlyChs(view, 5);
  view.setUint32(8, at.firstLba, true);
  view.setUint32(12, at.sectors, true);
  return { sector0: out, number };
}

/** CHS 1023/254/63 says "beyond CHS, use the LBA fields". */
function setLbaOnlyChs(view: DataView, at: number): void {
  view.setUint8(at, 0xfe);
  view.setUint8(at + 1, 0xff);
  view.setUint8(at + 2, 0xff);
}

/**
 * A copy of `sector0` whose protective entry covers a disk of `diskSectors` (UEFI §5.2.3). A hybrid MBR (other entries
 * beside 0xEE) is somebody's deliberate work and is left alone.
 */
export function resizeProtectiveMbr(sector0: Uint8Array, diskSectors: number): Uint8Array {
  const mbr = parseMbr(sector0);
  const [only, other] = mbr?.partitions ?? [];
  const out = new Uint8Array(sector0);
  if (only === undefined || other !== undefined || only.type !== PROTECTIVE) return out;
  const view = new DataView(out.buffer, TABLE + (only.number - 1) * ENTRY, ENTRY);
  setEndChs(view, diskSectors - 1);
  view.setUint32(12, Math.min(diskSectors - only.firstLba, 0xffffffff), true);
  return out;
}

/** CHS of the last sector with 255 heads and 63 sectors, or FF FF FF when it has none (UEFI table 5.4). */
function setEndChs(view: DataView, lba: number): void {
  const cylinder = Math.floor(lba / (255 * 63));
  const fits = cylinder <= 1023;
  const sector = (lba % 63) + 1;
  view.setUint8(5, fits ? Math.floor((lba % (255 * 63)) / 63) : 0xff);
  view.setUint8(6, fits ? sector | ((cylinder >>> 2) & 0xc0) : 0xff);
  view.setUint8(7, fits ? cylinder & 0xff : 0xff);
}
