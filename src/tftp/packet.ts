import { utf8Bytes, latin1 } from '../wire/hex.ts';
import { ByteReader } from '../wire/reader.ts';
import { ByteWriter } from '../wire/writer.ts';
import { tftpErrors } from './errors.ts';

const OP = { rrq: 1, wrq: 2, data: 3, ack: 4, error: 5, oack: 6 } as const;

/** Error codes (RFC 1350 §5, 8 from RFC 2347). */
export const TFTP_ERROR = {
  undefined: 0,
  notFound: 1,
  accessViolation: 2,
  illegalOperation: 4,
  unknownTransfer: 5,
  optionRefused: 8,
} as const;

export type TftpPacket =
  | { kind: 'rrq' | 'wrq'; path: string; mode: string; options: Map<string, string> }
  | { kind: 'data'; block: number; data: Uint8Array }
  | { kind: 'ack'; block: number }
  | { kind: 'error'; code: number; message: string }
  | { kind: 'oack'; options: Map<string, string> };

/** A request longer than this is not one (RFC 2347 §2 allows 512). */
const MAX_REQUEST_BYTES = 1024;

/**
 * Reads a packet. Option names come out in lower case; of a repeated option the first counts.
 * @throws TFTP_MALFORMED or WIRE_SHORT
 */
export function decodePacket(bytes: Uint8Array): TftpPacket {
  const r = new ByteReader(bytes);
  const op = r.u16be('opcode');
  switch (op) {
    case OP.rrq:
    case OP.wrq:
      return readRequest(op === OP.rrq ? 'rrq' : 'wrq', r);
    case OP.data:
      return { kind: 'data', block: r.u16be('block'), data: r.rest() };
    case OP.ack:
      return { kind: 'ack', block: r.u16be('block') };
    case OP.error:
      return { kind: 'error', code: r.u16be('error code'), message: printable(latin1(until0(r.rest()))) };
    case OP.oack:
      return { kind: 'oack', options: pairs(strings(r.rest())) };
    default:
      throw tftpErrors.make('TFTP_MALFORMED', `opcode ${op}`);
  }
}

export function encodePacket(packet: TftpPacket): Uint8Array {
  const w = new ByteWriter(64);
  switch (packet.kind) {
    case 'rrq':
    case 'wrq':
      w.u16be(packet.kind === 'rrq' ? OP.rrq : OP.wrq);
      return zeroEnded(w, [packet.path, packet.mode, ...[...packet.options].flat()]);
    case 'data':
      return w.u16be(OP.data).u16be(packet.block).bytes(packet.data).finish();
    case 'ack':
      return w.u16be(OP.ack).u16be(packet.block).finish();
    case 'error':
      return zeroEnded(w.u16be(OP.error).u16be(packet.code), [packet.message]);
    case 'oack':
      return zeroEnded(w.u16be(OP.oack), [...packet.options].flat());
  }
}

function readRequest(kind: 'rrq' | 'wrq', r: ByteReader): TftpPacket {
  if (r.remaining > MAX_REQUEST_BYTES) throw tftpErrors.make('TFTP_MALFORMED', `request of ${r.remaining} bytes`);
  const [path, mode, ...rest] = strings(r.rest());
  if (path === undefined || path === '' || mode === undefined) {
    throw tftpErrors.make('TFTP_MALFORMED', 'request without file name or mode');
  }
  return { kind, path, mode: mode.toLowerCase(), options: pairs(rest) };
}

/** Texts that end with NUL. Some ROMs pad the packet or leave the last NUL out: a rest without NUL is no text. */
function strings(bytes: Uint8Array): string[] {
  const parts = latin1(bytes).split('\0');
  parts.pop();
  return parts;
}

function pairs(texts: string[]): Map<string, string> {
  const out = new Map<string, string>();
  for (let i = 0; i + 1 < texts.length; i += 2) {
    const name = (texts[i] ?? '').toLowerCase();
    if (name !== '' && !out.has(name)) out.set(name, texts[i + 1] ?? '');
  }
  return out;
}

function until0(bytes: Uint8Array): Uint8Array {
  const end = bytes.indexOf(0);
  return end === -1 ? bytes : bytes.subarray(0, end);
}

/** `text` with control characters replaced, so that a packet cannot write into a terminal. */
export function printable(text: string): string {
  return Array.from(text, (c) => (c < ' ' || (c >= '\u007f' && c <= '\u009f') ? '?' : c)).join('');
}

function zeroEnded(w: ByteWriter, texts: string[]): Uint8Array {
  for (const text of texts) w.bytes(utf8Bytes(text)).u8(0);
  return w.finish();
}
