import { ByteReader } from '../../wire/reader.ts';
import { ByteWriter } from '../../wire/writer.ts';

/** One record of the event log, 16 bytes (§32). */
export type SelRecord = SystemEvent | OemStamped | OemPlain;

interface RecordBase {
  id: number;
  /** Record type as it stands on the wire: 02, C0h..DFh, E0h..FFh. Others are read as system events. */
  type: number;
}

/** A sensor's event (§32.1). */
export interface SystemEvent extends RecordBase {
  kind: 'event';
  /** Seconds, see `ipmiTime`. */
  time: number;
  /** Who made it: slave address or software id, and channel with LUN. */
  generator: number;
  /** 04h for IPMI 1.5 and later. */
  format: number;
  sensorType: number;
  sensor: number;
  /** The state was left, not entered. */
  deasserted: boolean;
  /** Event/reading type code (§42.1): 01 threshold, 02..0C generic, 6F by sensor type. */
  eventType: number;
  /** Three bytes. */
  data: Uint8Array;
}

/** A vendor's record with a stamp (§32.2). */
export interface OemStamped extends RecordBase {
  kind: 'oem-stamped';
  time: number;
  manufacturer: number;
  /** Six bytes. */
  data: Uint8Array;
}

/** A vendor's record without a stamp (§32.3). */
export interface OemPlain extends RecordBase {
  kind: 'oem';
  /** Thirteen bytes. */
  data: Uint8Array;
}

export const SEL_RECORD_BYTES = 16;
export const SYSTEM_EVENT = 0x02;

/** @throws WIRE_SHORT */
export function decodeSelRecord(bytes: Uint8Array): SelRecord {
  const reader = new ByteReader(bytes);
  const id = reader.u16le('record id');
  const type = reader.u8('record type');
  if (type >= 0xe0) return { kind: 'oem', id, type, data: reader.bytes(13, 'OEM data') };
  const time = reader.u32le('time');
  if (type >= 0xc0) {
    return { kind: 'oem-stamped', id, type, time, manufacturer: reader.u24le('manufacturer'), data: reader.bytes(6) };
  }
  const generator = reader.u16le('generator');
  const format = reader.u8('format');
  const sensorType = reader.u8('sensor type');
  const sensor = reader.u8('sensor');
  const event = reader.u8('event');
  return {
    kind: 'event',
    id,
    type,
    time,
    generator,
    format,
    sensorType,
    sensor,
    deasserted: (event & 0x80) !== 0,
    eventType: event & 0x7f,
    data: reader.bytes(3, 'event data'),
  };
}

/** 16 bytes. */
export function encodeSelRecord(record: SelRecord): Uint8Array {
  const writer = new ByteWriter(SEL_RECORD_BYTES).u16le(record.id).u8(record.type);
  if (record.kind === 'oem') return writer.bytes(record.data).finish();
  writer.u32le(record.time);
  if (record.kind === 'oem-stamped') return writer.u24le(record.manufacturer).bytes(record.data).finish();
  return writer
    .u16le(record.generator)
    .u8(record.format)
    .u8(record.sensorType)
    .u8(record.sensor)
    .u8(record.eventType | (record.deasserted ? 0x80 : 0))
    .bytes(record.data)
    .finish();
}
