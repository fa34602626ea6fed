import { concatBytes, latin1, utf8Bytes } from '../wire/hex.ts';
import { type Ipv4, ipv4Bytes, ipv4FromBytes } from '../wire/ipv4.ts';
import { OPT } from './codes.ts';
import type { DhcpOptions } from './options.ts';

/** One IPv4 address; undefined when absent or not 4 bytes long. */
export function readIp(options: DhcpOptions, code: number): Ipv4 | undefined {
  const value = options.get(code);
  return value?.length === 4 ? ipv4FromBytes(value) : undefined;
}

/** A 16-bit number; undefined when absent or shorter. Lists (option 93) give their first. */
export function readU16(options: DhcpOptions, code: number): number | undefined {
  const [hi, lo] = options.get(code) ?? [];
  return hi === undefined || lo === undefined ? undefined : hi * 256 + lo;
}

/** Text without trailing NULs (RFC 2132 §2); control characters become `?`, so that logs and file names stay whole. */
export function readText(options: DhcpOptions, code: number): string | undefined {
  const value = options.get(code);
  return value === undefined ? undefined : cleanText(value);
}

export function cleanText(value: Uint8Array): string {
  let end = value.length;
  while (end > 0 && value[end - 1] === 0) end -= 1;
  return Array.from(latin1(value.subarray(0, end)), (c) => (isControl(c) ? '?' : c)).join('');
}

function isControl(c: string): boolean {
  return c < ' ' || (c >= '\u007f' && c <= '\u009f');
}

export function messageType(options: DhcpOptions): number | undefined {
  const value = options.get(OPT.messageType);
  return value?.length === 1 ? value[0] : undefined;
}

export function u8(value: number): Uint8Array {
  return Uint8Array.of(value & 0xff);
}

export function u16(value: number): Uint8Array {
  return Uint8Array.of((value >>> 8) & 0xff, value & 0xff);
}

export function u32(value: number): Uint8Array {
  return ipv4Bytes(value >>> 0);
}

export function ipList(addresses: readonly Ipv4[]): Uint8Array {
  return concatBytes(...addresses.map(ipv4Bytes));
}

export function text(value: string): Uint8Array {
  return utf8Bytes(value);
}

/**
 * The sub-options inside options 43, 82 and 175. Vendors put anything there: what cannot be read as code, length, value
 * ends the list without an error.
 * @param marks true where 0 is padding and 255 ends the list (43, 175); option 82 has neither
 */
export function readSubOptions(value: Uint8Array | undefined, marks = true): DhcpOptions {
  const out: DhcpOptions = new Map();
  if (value === undefined) return out;
  for (let at = 0; at < value.length;) {
    const code = value[at] ?? OPT.end;
    if (marks && code === OPT.end) break;
    if (marks && code === OPT.pad) {
      at += 1;
      continue;
    }
    const length = value[at + 1];
    if (length === undefined || at + 2 + length > value.length) break;
    if (!out.has(code)) out.set(code, value.slice(at + 2, at + 2 + length));
    at += 2 + length;
  }
  return out;
}

/** Writes sub-options; values are at most 255 bytes. `end` adds the End mark PXE ROMs look for in option 43. */
export function writeSubOptions(options: DhcpOptions, end: boolean): Uint8Array {
  const parts = [...options].map(([code, value]) => concatBytes(Uint8Array.of(code, value.length), value));
  return concatBytes(...parts, ...(end ? [Uint8Array.of(OPT.end)] : []));
}
