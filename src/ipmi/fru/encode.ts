import { ByteWriter } from '../../wire/writer.ts';
import { checksum } from '../lan-message.ts';
import { type TextCoding, encodeText } from '../text-field.ts';
import { FRU_HEADER_BYTES } from './areas.ts';

/** What a simulated machine says of itself. Fields stand in the order of the specification, 8-bit English. */
export interface FruContent {
  chassis?: { type: number; fields: readonly string[] };
  board?: { made: Date; fields: readonly string[] };
  product?: { fields: readonly string[] };
}

const UNIT = 8;
const VERSION = 0x01;
const ENGLISH = 25;
const END_OF_FIELDS = 0xc1;
const EPOCH_1996 = Date.UTC(1996, 0, 1);

/** The bytes of a FRU inventory with right checksums. */
export function encodeFru(content: FruContent): Uint8Array {
  const areas = [chassisBytes(content), boardBytes(content), productBytes(content)];
  const header = new Uint8Array(FRU_HEADER_BYTES);
  header[0] = VERSION;
  let at = FRU_HEADER_BYTES;
  for (const [i, area] of areas.entries()) {
    if (area === undefined) continue;
    header[2 + i] = at / UNIT;
    at += area.length;
  }
  header[FRU_HEADER_BYTES - 1] = checksum(header);
  return areas
    .reduce<ByteWriter>((w, area) => (area === undefined ? w : w.bytes(area)), new ByteWriter().bytes(header))
    .finish();
}

function chassisBytes({ chassis }: FruContent): Uint8Array | undefined {
  return chassis && area(Uint8Array.of(chassis.type), chassis.fields);
}

function boardBytes({ board }: FruContent): Uint8Array | undefined {
  if (board === undefined) return undefined;
  const minutes = Math.max(0, Math.floor((board.made.getTime() - EPOCH_1996) / 60_000));
  return area(new ByteWriter(4).u8(ENGLISH).u24le(minutes).finish(), board.fields);
}

function productBytes({ product }: FruContent): Uint8Array | undefined {
  return product && area(Uint8Array.of(ENGLISH), product.fields);
}

function area(head: Uint8Array, fields: readonly string[]): Uint8Array {
  const w = new ByteWriter(64).u8(VERSION).u8(0).bytes(head);
  for (const field of fields) w.bytes(encodeFruField('eight-bit', field));
  w.u8(END_OF_FIELDS);
  // Zeros up to the checksum, which is the last byte of a multiple of eight.
  w.fill((UNIT - ((w.length + 1) % UNIT)) % UNIT).patchU8(1, (w.length + 1) / UNIT);
  const bytes = w.finish();
  return Uint8Array.of(...bytes, checksum(bytes));
}

const TYPE: Readonly<Record<Exclude<TextCoding, 'binary'>, number>> = {
  'bcd-plus': 1,
  'six-bit': 2,
  'eight-bit': 3,
  unicode: 3,
};

/** A type/length byte and the text, at most 63 bytes. One byte of 8-bit text would read as the end mark: it is padded. */
export function encodeFruField(coding: Exclude<TextCoding, 'binary'>, text: string): Uint8Array {
  const bytes = encodeText(coding, text.length === 1 ? `${text} ` : text).subarray(0, 0x3f);
  return Uint8Array.of((TYPE[coding] << 6) | bytes.length, ...bytes);
}
