import { latin1 } from '../wire/hex.ts';
import type { ByteReader } from '../wire/reader.ts';

/**
 * Strings with a type/length byte, as SDRs (§43.15) and FRU areas (Platform Management FRU Information Storage
 * Definition §13) hold them. They differ in type 0 and 3 and in the width of the length.
 */
export type TextCoding = 'binary' | 'unicode' | 'bcd-plus' | 'six-bit' | 'eight-bit';

const BCD_PLUS = '0123456789 -.:,_';

/** Text of `bytes`; zero bytes and blanks at the end, with which vendors fill fields, are dropped. */
export function decodeText(coding: TextCoding, bytes: Uint8Array): string {
  switch (coding) {
    case 'binary':
      return Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join(' ');
    case 'unicode':
      return trimmed(utf16(bytes));
    case 'bcd-plus':
      return trimmed(Array.from(bytes, (b) => `${BCD_PLUS[b >> 4] ?? ''}${BCD_PLUS[b & 0x0f] ?? ''}`).join(''));
    case 'six-bit':
      return trimmed(sixBit(bytes));
    default:
      return trimmed(latin1(bytes));
  }
}

/**
 * Packs text: the reverse of `decodeText`. Characters that a coding lacks become blanks; a half-filled last byte is
 * filled with blanks.
 */
export function encodeText(coding: Exclude<TextCoding, 'binary'>, text: string): Uint8Array {
  switch (coding) {
    case 'unicode':
      return new Uint8Array(Buffer.from(text, 'utf16le'));
    case 'bcd-plus': {
      const digits = Array.from(text, (c) => Math.max(0, BCD_PLUS.indexOf(c) === -1 ? 10 : BCD_PLUS.indexOf(c)));
      return Uint8Array.from(
        { length: Math.ceil(digits.length / 2) },
        (_, i) => ((digits[2 * i] ?? 10) << 4) | (digits[2 * i + 1] ?? 10),
      );
    }
    case 'six-bit':
      return packSixBit(text);
    default:
      return Uint8Array.from(text, (c) => c.charCodeAt(0) & 0xff);
  }
}

/** 6-bit packed ASCII: 0 is the blank, four characters in three bytes, least significant bits first. */
function sixBit(bytes: Uint8Array): string {
  let out = '';
  for (let bit = 0; bit + 6 <= bytes.length * 8; bit += 6) {
    const at = bit >> 3;
    const pair = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
    out += String.fromCharCode(0x20 + ((pair >> (bit & 7)) & 0x3f));
  }
  return out;
}

function packSixBit(text: string): Uint8Array {
  const out = new Uint8Array(Math.ceil((text.length * 6) / 8));
  for (const [i, c] of [...text].entries()) {
    const code = c.charCodeAt(0) - 0x20;
    const value = code >= 0 && code < 64 ? code : 0;
    const bit = i * 6;
    const at = bit >> 3;
    const shifted = value << (bit & 7);
    out[at] = (out[at] ?? 0) | (shifted & 0xff);
    if (shifted > 0xff) out[at + 1] = (out[at + 1] ?? 0) | (shifted >> 8);
  }
  return out;
}

function utf16(bytes: Uint8Array): string {
  let out = '';
  for (let at = 0; at + 1 < bytes.length; at += 2) {
    out += String.fromCharCode((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8));
  }
  return out;
}

const trimmed = (text: string): string => text.replace(/[\0 ]+$/, '');

const SDR_CODING: readonly TextCoding[] = ['unicode', 'bcd-plus', 'six-bit', 'eight-bit'];

/** The id string that ends an SDR. Lengths that run past the record are cut: some boards count wrong. */
export function readSdrText(reader: ByteReader): string {
  const byte = reader.u8('id string type and length');
  const length = Math.min(byte & 0x1f, reader.remaining);
  return decodeText(SDR_CODING[byte >> 6] ?? 'eight-bit', reader.bytes(length, 'id string'));
}

/** Type/length byte and text of an SDR's id string, 8-bit, at most 16 characters (§43.1). */
export function encodeSdrText(text: string): Uint8Array {
  const bytes = encodeText('eight-bit', text.slice(0, 16));
  return Uint8Array.of(0xc0 | bytes.length, ...bytes);
}
