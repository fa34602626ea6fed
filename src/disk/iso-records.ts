import { ByteWriter } from '../wire/writer.ts';

/** ISO 9660 structures (ECMA-119) as bytes. All extents are in sectors of 2048 bytes. */
export const ISO_SECTOR = 2048;

/** Where something lies on the volume. */
export interface Extent {
  sector: number;
  bytes: number;
}

/** Both-endian 32-bit number (§7.3.3). */
function both32(w: ByteWriter, value: number): ByteWriter {
  return w.u32le(value).u32be(value);
}

function both16(w: ByteWriter, value: number): ByteWriter {
  return w.u16le(value).u16be(value);
}

/** Directory record time (§9.1.5), UTC. */
export function recordTime(atMs: number): Uint8Array {
  const d = new Date(atMs);
  return Uint8Array.of(
    d.getUTCFullYear() - 1900,
    d.getUTCMonth() + 1,
    d.getUTCDate(),
    d.getUTCHours(),
    d.getUTCMinutes(),
    d.getUTCSeconds(),
    0,
  );
}

/** Volume descriptor time (§8.4.26.1), UTC; undefined means "not specified". */
function volumeTime(atMs: number | undefined): Uint8Array {
  const digits =
    atMs === undefined
      ? '0'.repeat(16)
      : `${new Date(atMs).toISOString().replaceAll(/\D/g, '').slice(0, 14)}00`.padEnd(16, '0');
  return new ByteWriter(17).bytes(Buffer.from(digits, 'latin1')).u8(0).finish();
}

/**
 * One directory record (§9.1): `name` as it is on disk (0 and 1 for "." and ".."), `systemUse` the Rock Ridge entries.
 * At most 255 bytes, which the callers' name limits guarantee.
 */
export function dirRecord(
  name: Uint8Array,
  extent: Extent,
  options: { directory: boolean; atMs: number; systemUse?: Uint8Array },
): Uint8Array {
  const use = options.systemUse ?? new Uint8Array(0);
  const padded = 33 + name.length + (name.length % 2 === 0 ? 1 : 0);
  const length = padded + use.length + (use.length % 2);
  const w = new ByteWriter(length).u8(length).u8(0);
  both32(w, extent.sector);
  both32(w, extent.bytes);
  w.bytes(recordTime(options.atMs))
    .u8(options.directory ? 2 : 0)
    .u8(0)
    .u8(0);
  both16(w, 1);
  w.u8(name.length).bytes(name);
  w.fill(padded - 33 - name.length).bytes(use);
  return w.fill(length - w.length).finish();
}

/** Packs records into whole sectors: none crosses a sector's end (§6.8.1.1). */
export function packRecords(records: readonly Uint8Array[]): Uint8Array {
  const w = new ByteWriter(ISO_SECTOR);
  for (const record of records) {
    const room = ISO_SECTOR - (w.length % ISO_SECTOR);
    if (record.length > room) w.fill(room);
    w.bytes(record);
  }
  return w.fill((ISO_SECTOR - (w.length % ISO_SECTOR)) % ISO_SECTOR).finish();
}

/** One path table record (§9.4). */
export function pathRecord(name: Uint8Array, sector: number, parent: number, endian: 'le' | 'be'): Uint8Array {
  const w = new ByteWriter(8 + name.length + 1).u8(name.length).u8(0);
  if (endian === 'le') w.u32le(sector).u16le(parent);
  else w.u32be(sector).u16be(parent);
  return w
    .bytes(name)
    .fill(name.length % 2)
    .finish();
}

export interface VolumeFacts {
  label: string;
  sectors: number;
  root: Extent;
  pathTable: { bytes: number; le: number; be: number };
  atMs: number;
}

/** Text padded with blanks: ASCII for the primary descriptor, UCS-2 big-endian for Joliet. */
function text(value: string, bytes: number, joliet: boolean): Uint8Array {
  if (!joliet) return Buffer.from(value.padEnd(bytes, ' ').slice(0, bytes), 'latin1');
  return ucs2be(value.padEnd(bytes / 2, ' ').slice(0, Math.floor(bytes / 2)), bytes);
}

/** UCS-2 big-endian, filled with zeros to `bytes` when given. */
export function ucs2be(value: string, bytes?: number): Uint8Array {
  const out = Buffer.from(value, 'utf16le').swap16();
  return bytes === undefined ? out : Buffer.concat([out], bytes);
}

/** Primary (§8.4) or, with `joliet`, supplementary (§8.5, UCS-2 level 3 escape) volume descriptor. */
export function volumeDescriptor(v: VolumeFacts, joliet: boolean): Uint8Array {
  const w = new ByteWriter(ISO_SECTOR)
    .u8(joliet ? 2 : 1)
    .bytes(Buffer.from('CD001', 'latin1'))
    .u8(1)
    .u8(0)
    .bytes(text('LINUX', 32, joliet))
    .bytes(text(v.label, 32, joliet))
    .fill(8);
  both32(w, v.sectors);
  w.bytes(Buffer.from(joliet ? '%/E' : '', 'latin1')).fill(joliet ? 29 : 32);
  both16(w, 1);
  both16(w, 1);
  both16(w, ISO_SECTOR);
  both32(w, v.pathTable.bytes);
  w.u32le(v.pathTable.le).u32le(0).u32be(v.pathTable.be).u32be(0);
  w.bytes(dirRecord(Uint8Array.of(0), v.root, { directory: true, atMs: v.atMs }));
  for (const size of [128, 128, 128, 128]) w.bytes(text('', size, joliet));
  for (const size of [37, 37, 37]) w.bytes(text('', size, joliet));
  w.bytes(volumeTime(v.atMs)).bytes(volumeTime(v.atMs)).bytes(volumeTime(undefined)).bytes(volumeTime(v.atMs));
  return w
    .u8(1)
    .fill(ISO_SECTOR - w.length)
    .finish();
}

/** The descriptor that ends the list (§8.3). */
export function terminator(): Uint8Array {
  return new ByteWriter(ISO_SECTOR)
    .u8(255)
    .bytes(Buffer.from('CD001', 'latin1'))
    .u8(1)
    .fill(ISO_SECTOR - 7)
    .finish();
}
