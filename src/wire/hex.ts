import { wireErrors } from './errors.ts';

/** Lower-case hex without separators. */
export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');
}

/** Parses hex; spaces, colons and newlines are ignored, so captures can be pasted as printed. @throws WIRE_RANGE */
export function fromHex(text: string): Uint8Array {
  const clean = text.replaceAll(/[\s:]/g, '');
  if (clean.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(clean)) throw wireErrors.make('WIRE_RANGE', 'not a hex string');
  return Uint8Array.from(clean.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

export function bytesEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((v, i) => v === b[i]);
}

export function concatBytes(...parts: Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

const utf8 = new TextEncoder();

/**
 * Bytes as text, one character per byte: never throws, loses nothing. (TextDecoder's 'latin1' is windows-1252 and
 * would change 0x80..0x9f.)
 */
export function latin1(bytes: Uint8Array): string {
  return Array.from(bytes, (b) => String.fromCharCode(b)).join('');
}

export function utf8Bytes(text: string): Uint8Array {
  return utf8.encode(text);
}
