import { ByteReader } from '../../wire/reader.ts';

/** One structure of the SMBIOS table (DSP0134 §6.1). */
export interface SmbiosStructure {
  type: number;
  /** The formatted area, its 4-byte header included. */
  data: Uint8Array;
  strings: string[];
}

const END_OF_TABLE = 127;
/** The kernel hands out what the firmware wrote; a table with more structures than this is garbage. */
const MAX_STRUCTURES = 4096;

/** Splits `/sys/firmware/dmi/tables/DMI`. Stops quietly at the first thing that makes no sense. */
export function parseSmbios(table: Uint8Array): SmbiosStructure[] {
  const found: SmbiosStructure[] = [];
  let at = 0;
  while (at + 4 <= table.length && found.length < MAX_STRUCTURES) {
    const type = table[at] ?? 0;
    const length = table[at + 1] ?? 0;
    if (length < 4 || at + length > table.length) break;
    const end = endOfStrings(table, at + length);
    if (end === undefined) break;
    const text = Buffer.from(table.subarray(at + length, end)).toString('latin1');
    const strings = text.split('\0').filter((s) => s !== '');
    found.push({ type, data: table.slice(at, at + length), strings: strings.map((s) => s.trim()) });
    if (type === END_OF_TABLE) break;
    at = end;
  }
  return found;
}

/** The string set ends with two NULs; also when it is empty. */
function endOfStrings(table: Uint8Array, start: number): number | undefined {
  for (let at = start; at + 1 < table.length; at++) if (table[at] === 0 && table[at + 1] === 0) return at + 2;
  return undefined;
}

const MEMORY_DEVICE = 17;

/** Sum of all memory modules in MiB, "Memory Device" structures (DSP0134 §7.18); undefined when none is listed. */
export function installedMebibytes(structures: readonly SmbiosStructure[]): number | undefined {
  const sizes = structures.filter((s) => s.type === MEMORY_DEVICE).map((s) => moduleMebibytes(s.data));
  const sum = sizes.reduce((a, b) => a + b, 0);
  return sum === 0 ? undefined : sum;
}

/** Size at 0Ch: 0 empty slot, FFFFh unknown, 7FFFh look at the extended size, bit 15 means KiB instead of MiB. */
function moduleMebibytes(data: Uint8Array): number {
  if (data.length < 0x0e) return 0;
  const size = new ByteReader(data.subarray(0x0c)).u16le('size');
  if (size === 0 || size === 0xffff) return 0;
  if (size === 0x7fff) {
    return data.length < 0x20 ? 0 : new ByteReader(data.subarray(0x1c)).u32le('extended size') & 0x7fffffff;
  }
  return (size & 0x8000) === 0 ? size : Math.floor((size & 0x7fff) / 1024);
}
