import { ByteReader } from '../wire/reader.ts';
import { kubeTime } from '../core/clock.ts';

/** How one field of a protocol buffer message becomes JSON. */
export type ProtoField =
  | { name: string; kind: 'text' | 'bytes' | 'integer' | 'boolean' | 'time' | 'microtime' | 'json' }
  | { name: string; kind: 'message'; fields: ProtoMessage }
  | { name: string; kind: 'map'; value: 'text' | 'bytes' }
  | { name: string; kind: 'list'; item: 'text' | ProtoMessage };

export type ProtoMessage = Readonly<Record<number, ProtoField>>;

const MAX_DEPTH = 20;

/**
 * Decodes a message by its table; fields that the table lacks are skipped.
 * @throws WIRE_… on bytes that are no message
 */
export function decodeProto(bytes: Uint8Array, fields: ProtoMessage, depth = 0): Record<string, unknown> {
  if (depth > MAX_DEPTH) throw new RangeError('message nested too deeply');
  const reader = new ByteReader(bytes);
  const out: Record<string, unknown> = {};
  while (reader.remaining > 0) {
    const tag = varint(reader);
    const field = fields[Math.floor(tag / 8)];
    const wire = tag % 8;
    if (wire === 0) setNumber(out, field, varint(reader));
    else if (wire === 2) setBytes(out, field, reader.bytes(varint(reader), 'field'), depth);
    else if (wire === 1) reader.skip(8);
    else if (wire === 5) reader.skip(4);
    else throw new RangeError(`wire type ${wire} is not used by Kubernetes`);
  }
  return out;
}

/** Up to 2^53; the numbers of these messages are seconds, counts and switches. Negative ones come out as 0. */
function varint(reader: ByteReader): number {
  let value = 0;
  for (let i = 0; i < 10; i++) {
    const byte = reader.u8('varint');
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return Number.isSafeInteger(value) ? value : 0;
  }
  throw new RangeError('varint is too long');
}

function setNumber(out: Record<string, unknown>, field: ProtoField | undefined, value: number): void {
  if (field?.kind === 'boolean') out[field.name] = value !== 0;
  else if (field?.kind === 'integer') out[field.name] = value;
}

function setBytes(out: Record<string, unknown>, field: ProtoField | undefined, bytes: Uint8Array, depth: number): void {
  if (field === undefined) return;
  switch (field.kind) {
    case 'text':
      // Kubernetes writes empty texts where nothing is set.
      if (bytes.length > 0) out[field.name] = text(bytes);
      return;
    case 'bytes':
      out[field.name] = Buffer.from(bytes).toString('base64');
      return;
    case 'json':
      out[field.name] = JSON.parse(text(decodeRaw(bytes))) as unknown;
      return;
    case 'time':
    case 'microtime': {
      const value = timeOf(bytes, field.kind === 'microtime');
      if (value !== undefined) out[field.name] = value;
      return;
    }
    case 'message': {
      const value = decodeProto(bytes, field.fields, depth + 1);
      if (Object.keys(value).length > 0) out[field.name] = value;
      return;
    }
    case 'map':
      putEntry(childOf(out, field.name), decodeProto(bytes, ENTRY[field.value], depth + 1));
      return;
    case 'list':
      listOf(out, field.name).push(field.item === 'text' ? text(bytes) : decodeProto(bytes, field.item, depth + 1));
      return;
    case 'integer':
    case 'boolean':
      return;
  }
}

const ENTRY: Record<'text' | 'bytes', ProtoMessage> = {
  text: { 1: { name: 'key', kind: 'text' }, 2: { name: 'value', kind: 'text' } },
  bytes: { 1: { name: 'key', kind: 'text' }, 2: { name: 'value', kind: 'bytes' } },
};

function putEntry(map: Record<string, unknown>, entry: Record<string, unknown>): void {
  const key = typeof entry['key'] === 'string' ? entry['key'] : '';
  if (key !== '__proto__') map[key] = entry['value'] ?? '';
}

function childOf(out: Record<string, unknown>, name: string): Record<string, unknown> {
  const known = out[name];
  if (typeof known === 'object' && known !== null) return known as Record<string, unknown>;
  const made: Record<string, unknown> = {};
  out[name] = made;
  return made;
}

function listOf(out: Record<string, unknown>, name: string): unknown[] {
  const known = out[name];
  if (Array.isArray(known)) return known as unknown[];
  const made: unknown[] = [];
  out[name] = made;
  return made;
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('utf8');
}

function decodeRaw(bytes: Uint8Array): Uint8Array {
  const raw = decodeProto(bytes, { 1: { name: 'raw', kind: 'bytes' } })['raw'];
  return Buffer.from(typeof raw === 'string' ? raw : '', 'base64');
}

/** A time that was never set is written as an empty message. */
function timeOf(bytes: Uint8Array, micro: boolean): string | undefined {
  const { seconds = 0, nanos = 0 } = decodeProto(bytes, {
    1: { name: 'seconds', kind: 'integer' },
    2: { name: 'nanos', kind: 'integer' },
  }) as { seconds?: number; nanos?: number };
  if (seconds === 0 || seconds > 253_402_300_799) return undefined;
  const whole = kubeTime(seconds * 1000);
  return micro ? whole.replace('Z', `.${String(Math.floor(nanos / 1000)).padStart(6, '0')}Z`) : whole;
}
