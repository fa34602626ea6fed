import { IngotError } from '../../core/errors.ts';
import { ByteReader } from '../../wire/reader.ts';
import { checksum } from '../lan-message.ts';
import { type TextCoding, decodeText } from '../text-field.ts';

/** Platform Management FRU Information Storage Definition v1.0: what an inventory EEPROM says. */
export interface FruData {
  fields: FruText[];
  /** Wrong checksums and areas that end early. Real boards have them: what could be read is right all the same. */
  warnings: string[];
}

export interface FruText {
  area: 'Chassis' | 'Board' | 'Product';
  name: string;
  value: string;
}

/** Byte 0 of the header and of each area: format version 1. */
const VERSION = 0x01;
/** Areas are placed and measured in multiples of eight bytes. */
const UNIT = 8;
export const FRU_HEADER_BYTES = 8;
const END_OF_FIELDS = 0xc1;
/** Language codes under which type 3 is 8-bit text (§15): unspecified and English. */
const ENGLISH: ReadonlySet<number> = new Set([0, 25]);
/** Minutes are counted from 1996-01-01 00:00 UTC (§11). */
const EPOCH_1996 = Date.UTC(1996, 0, 1);

const CHASSIS_NAMES = ['part number', 'serial number'] as const;
const BOARD_NAMES = ['manufacturer', 'product name', 'serial number', 'part number', 'FRU file id'] as const;
const PRODUCT_NAMES = [
  'manufacturer',
  'name',
  'part number',
  'version',
  'serial number',
  'asset tag',
  'FRU file id',
] as const;

/** SMBIOS chassis types (DSP0134 §7.4.1), by code. */
const CHASSIS_TYPES: readonly string[] = (
  '|Other|Unknown|Desktop|Low Profile Desktop|Pizza Box|Mini Tower|Tower|Portable|Laptop|Notebook|Hand Held|' +
  'Docking Station|All in One|Sub Notebook|Space-saving|Lunch Box|Main Server Chassis|Expansion Chassis|SubChassis|' +
  'Bus Expansion Chassis|Peripheral Chassis|RAID Chassis|Rack Mount Chassis|Sealed-case PC|Multi-system Chassis|' +
  'Compact PCI|Advanced TCA|Blade|Blade Enclosure|Tablet|Convertible|Detachable|IoT Gateway|Embedded PC|Mini PC|Stick PC'
).split('|');

/** Offsets of the areas in bytes, from the common header (§8). */
export interface FruHeader {
  chassis?: number;
  board?: number;
  product?: number;
  /** Last byte that an area could begin at, for whoever reads no more than needed. */
  checksumRight: boolean;
}

/** @throws WIRE_SHORT */
export function decodeFruHeader(bytes: Uint8Array): FruHeader | undefined {
  const reader = new ByteReader(bytes);
  const version = reader.u8('FRU version') & 0x0f;
  reader.skip(1, 'internal area');
  const [chassis, board, product] = [reader.u8('chassis'), reader.u8('board'), reader.u8('product')];
  reader.skip(3, 'multi-record area and checksum');
  // An EEPROM that nobody wrote to is all FFh or all 0.
  if (version !== VERSION) return undefined;
  return {
    ...(chassis === 0 ? {} : { chassis: chassis * UNIT }),
    ...(board === 0 ? {} : { board: board * UNIT }),
    ...(product === 0 ? {} : { product: product * UNIT }),
    checksumRight: checksum(bytes.subarray(0, FRU_HEADER_BYTES)) === 0,
  };
}

/** Decodes an inventory. Never throws: what cannot be read becomes a warning. */
export function decodeFru(bytes: Uint8Array): FruData {
  const data: FruData = { fields: [], warnings: [] };
  const header = guarded(data, 'common header', () => decodeFruHeader(bytes));
  if (header === undefined) {
    if (data.warnings.length === 0) data.warnings.push('no FRU data of format version 1');
    return data;
  }
  if (!header.checksumRight) data.warnings.push('checksum of the common header is wrong');
  const areas = [
    ['Chassis', header.chassis, chassisArea],
    ['Board', header.board, boardArea],
    ['Product', header.product, productArea],
  ] as const;
  for (const [area, offset, read] of areas) {
    if (offset === undefined) continue;
    guarded(data, `${area} area`, () => {
      const body = areaBytes(data, area, bytes, offset);
      read(new ByteReader(body), (name, value) => {
        if (value !== '') data.fields.push({ area, name, value });
      });
    });
  }
  return data;
}

function guarded<T>(data: FruData, what: string, work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof IngotError)) throw error;
    data.warnings.push(`${what}: ${error.message}`);
    return undefined;
  }
}

/** The bytes of one area, after its version and length. */
function areaBytes(data: FruData, area: string, bytes: Uint8Array, offset: number): Uint8Array {
  const reader = new ByteReader(bytes.subarray(offset));
  reader.skip(1, 'area version');
  const length = reader.u8('area length') * UNIT;
  const whole = bytes.subarray(offset, offset + length);
  if (whole.length < length) data.warnings.push(`${area} area: ${length} bytes announced, ${whole.length} are there`);
  else if (checksum(whole) !== 0) data.warnings.push(`${area} area: checksum is wrong`);
  return whole.subarray(2);
}

type Emit = (name: string, value: string) => void;

function chassisArea(reader: ByteReader, emit: Emit): void {
  const type = reader.u8('chassis type') & 0x7f;
  emit('type', CHASSIS_TYPES[type] ?? `type ${type}`);
  texts(reader, CHASSIS_NAMES, true, emit);
}

function boardArea(reader: ByteReader, emit: Emit): void {
  const english = ENGLISH.has(reader.u8('language'));
  const minutes = reader.u24le('date of manufacture');
  if (minutes !== 0) emit('manufactured', new Date(EPOCH_1996 + minutes * 60_000).toISOString().slice(0, 10));
  texts(reader, BOARD_NAMES, english, emit);
}

function productArea(reader: ByteReader, emit: Emit): void {
  const english = ENGLISH.has(reader.u8('language'));
  texts(reader, PRODUCT_NAMES, english, emit);
}

/** Fields with their names, then the vendor's own without, up to the end mark or the end of the area. */
function texts(reader: ByteReader, names: readonly string[], english: boolean, emit: Emit): void {
  for (let i = 0; reader.remaining > 0; i++) {
    const byte = reader.u8('field');
    if (byte === END_OF_FIELDS) return;
    const name = names[i] ?? `custom ${i - names.length + 1}`;
    // Serial numbers, part numbers and file ids are English whatever the language of the area is (§11, §12).
    const eightBit = english || /serial|part|file/.test(name);
    emit(name, decodeText(coding(byte >> 6, eightBit), reader.bytes(byte & 0x3f, name)));
  }
}

function coding(type: number, english: boolean): TextCoding {
  if (type === 3) return english ? 'eight-bit' : 'unicode';
  return (['binary', 'bcd-plus', 'six-bit'] as const)[type] ?? 'binary';
}
