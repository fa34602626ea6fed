import { concatBytes } from '../wire/hex.ts';
import { cleanText, text } from './values.ts';

/**
 * Option 77 in either of its two forms: the length-prefixed list of RFC 3004, or plain text as iPXE and many ROMs send.
 * A value that divides into lengths and texts without rest is taken as a list; `iPXE` does not, since its first byte
 * (105) is larger than what follows.
 */
export function readUserClass(value: Uint8Array | undefined): string[] {
  if (value === undefined || value.length === 0) return [];
  return readList(value) ?? [cleanText(value)];
}

function readList(value: Uint8Array): string[] | undefined {
  const out: string[] = [];
  for (let at = 0; at < value.length;) {
    const length = value[at] ?? 0;
    if (length === 0 || at + 1 + length > value.length) return undefined;
    out.push(cleanText(value.subarray(at + 1, at + 1 + length)));
    at += 1 + length;
  }
  return out;
}

/** The RFC 3004 form; each class is 1 to 255 bytes. */
export function writeUserClass(classes: readonly string[]): Uint8Array {
  return concatBytes(
    ...classes.map((c) => {
      const bytes = text(c).slice(0, 255);
      return concatBytes(Uint8Array.of(bytes.length), bytes);
    }),
  );
}
