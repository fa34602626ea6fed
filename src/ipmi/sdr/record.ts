import { ByteReader } from '../../wire/reader.ts';
import { ByteWriter } from '../../wire/writer.ts';
import { encodeFactors, readFactors, type SensorFactors } from '../commands/sensor/factors.ts';
import type { RawThresholds } from '../commands/sensor/thresholds.ts';
import { encodeSdrText, readSdrText } from '../text-field.ts';

/** Record types of the SDR repository (§43) that we read. */
export const SdrType = { full: 0x01, compact: 0x02, eventOnly: 0x03, fruLocator: 0x11, mcLocator: 0x12 } as const;

export const SDR_HEADER_BYTES = 5;
const SDR_VERSION = 0x51;

export type SdrRecord = FullSensor | CompactSensor | EventOnlySensor | FruLocator | McLocator | OtherSdr;

interface SensorBase {
  id: number;
  /** Slave address of the controller that owns the sensor; 20h: the BMC. Odd: software, which nobody can ask. */
  owner: number;
  /** Channel on which the owner is to be found; 0: the primary IPMB. */
  channel: number;
  lun: number;
  sensor: number;
  entity: number;
  entityInstance: number;
  sensorType: number;
  /** Event/reading type code (§42.1); 01: threshold. */
  eventType: number;
  name: string;
}

export interface SensorUnits {
  /** How the raw byte is to be read (§43.1 byte 21 bits 7:6). */
  format: 'unsigned' | 'ones-complement' | 'twos-complement' | 'none';
  percent: boolean;
  /** Unit codes (§43.17). */
  base: number;
  modifier: number;
  /** "base / modifier", "base × modifier". */
  relation: 'none' | 'divide' | 'multiply';
  /** §43.1: per ms, per s, …; 0: no rate. */
  rate: number;
}

/** §43.1: a sensor with numbers. */
export interface FullSensor extends SensorBase {
  kind: 'full';
  units: SensorUnits;
  /** 0 linear … 0Bh; 70h and above: factors must be asked for each value. */
  linearization: number;
  factors: SensorFactors;
  /** Raw, only those that the mask says are readable. */
  thresholds: RawThresholds;
}

/** §43.2: a sensor without numbers of its own; some stand for several (`shared`). */
export interface CompactSensor extends SensorBase {
  kind: 'compact';
  units: SensorUnits;
  /** Sensors this record describes, with numbers that follow one another. */
  shared: number;
}

/** §43.3: only makes events. */
export interface EventOnlySensor extends SensorBase {
  kind: 'event-only';
}

/** §43.8 */
export interface FruLocator {
  kind: 'fru-locator';
  id: number;
  address: number;
  channel: number;
  lun: number;
  /** FRU id behind a controller, when logical; else the address of an EEPROM. */
  device: number;
  logical: boolean;
  entity: number;
  entityInstance: number;
  name: string;
}

/** §43.9 */
export interface McLocator {
  kind: 'mc-locator';
  id: number;
  address: number;
  channel: number;
  capabilities: number;
  entity: number;
  entityInstance: number;
  name: string;
}

export interface OtherSdr {
  kind: 'other';
  id: number;
  type: number;
  body: Uint8Array;
}

/** Length of the record whose first five bytes are `head`. */
export function sdrLength(head: Uint8Array): number {
  return SDR_HEADER_BYTES + (head[4] ?? 0);
}

/** @throws WIRE_SHORT */
export function decodeSdr(bytes: Uint8Array): SdrRecord {
  const reader = new ByteReader(bytes);
  const id = reader.u16le('record id');
  reader.skip(1, 'SDR version');
  const type = reader.u8('record type');
  const body = reader.sub(Math.min(reader.u8('length'), reader.remaining));
  switch (type) {
    case SdrType.full:
      return readFull(id, body);
    case SdrType.compact:
      return readCompact(id, body);
    case SdrType.eventOnly:
      return readEventOnly(id, body);
    case SdrType.fruLocator:
      return readFruLocator(id, body);
    case SdrType.mcLocator:
      return readMcLocator(id, body);
    default:
      return { kind: 'other', id, type, body: body.rest() };
  }
}

function readPlace(reader: ByteReader) {
  const owner = reader.u8('owner');
  const second = reader.u8('channel and LUN');
  return {
    owner,
    channel: second >> 4,
    lun: second & 0x03,
    sensor: reader.u8('sensor number'),
    entity: reader.u8('entity'),
    entityInstance: reader.u8('entity instance') & 0x7f,
  };
}

const FORMATS = ['unsigned', 'ones-complement', 'twos-complement', 'none'] as const;
const RELATIONS = ['none', 'divide', 'multiply', 'none'] as const;

function readUnits(reader: ByteReader): SensorUnits {
  const first = reader.u8('units');
  return {
    format: FORMATS[first >> 6] ?? 'none',
    rate: (first >> 3) & 0x07,
    relation: RELATIONS[(first >> 1) & 0x03] ?? 'none',
    percent: (first & 1) === 1,
    base: reader.u8('base unit'),
    modifier: reader.u8('modifier unit'),
  };
}

/** Order of the threshold bytes in a full SDR, and the bit of each in the mask of readable ones. */
const FULL_THRESHOLDS = [
  ['upper non-recoverable', 5],
  ['upper critical', 4],
  ['upper non-critical', 3],
  ['lower non-recoverable', 2],
  ['lower critical', 1],
  ['lower non-critical', 0],
] as const;

function readFull(id: number, reader: ByteReader): FullSensor {
  const place = readPlace(reader);
  reader.skip(2, 'initialization and capabilities');
  const sensorType = reader.u8('sensor type');
  const eventType = reader.u8('event type');
  reader.skip(4, 'event masks');
  const readable = reader.u8('readable thresholds');
  reader.skip(1, 'settable thresholds');
  const units = readUnits(reader);
  const linearization = reader.u8('linearization') & 0x7f;
  const factors = readFactors(reader);
  reader.skip(6, 'nominal values');
  const values = FULL_THRESHOLDS.map(([name, bit]) => [name, reader.u8(name), bit] as const);
  reader.skip(5, 'hysteresis and OEM');
  const mask = eventType === 1 ? readable : 0;
  const thresholds: RawThresholds = Object.fromEntries(values.filter(([, , bit]) => ((mask >> bit) & 1) === 1));
  const base = { kind: 'full' as const, id, ...place, sensorType, eventType, units, linearization, factors };
  return { ...base, thresholds, name: readSdrText(reader) };
}

function readCompact(id: number, reader: ByteReader): CompactSensor {
  const place = readPlace(reader);
  reader.skip(2, 'initialization and capabilities');
  const sensorType = reader.u8('sensor type');
  const eventType = reader.u8('event type');
  reader.skip(6, 'event masks');
  const units = readUnits(reader);
  const shared = Math.max(1, reader.u8('shared') & 0x0f);
  reader.skip(7, 'sharing, hysteresis and OEM');
  return { kind: 'compact', id, ...place, sensorType, eventType, units, shared, name: readSdrText(reader) };
}

function readEventOnly(id: number, reader: ByteReader): EventOnlySensor {
  const place = readPlace(reader);
  const sensorType = reader.u8('sensor type');
  const eventType = reader.u8('event type');
  reader.skip(4, 'sharing and OEM');
  return { kind: 'event-only', id, ...place, sensorType, eventType, name: readSdrText(reader) };
}

function readFruLocator(id: number, reader: ByteReader): FruLocator {
  const address = reader.u8('address');
  const device = reader.u8('FRU id');
  const access = reader.u8('access');
  const [logical, lun] = [(access & 0x80) !== 0, (access >> 3) & 0x03];
  const channel = reader.u8('channel') >> 4;
  reader.skip(3, 'device type');
  const entity = reader.u8('entity');
  const entityInstance = reader.u8('entity instance');
  reader.skip(1, 'OEM');
  const name = readSdrText(reader);
  return { kind: 'fru-locator', id, address, channel, lun, device, logical, entity, entityInstance, name };
}

function readMcLocator(id: number, reader: ByteReader): McLocator {
  const address = reader.u8('address');
  const channel = reader.u8('channel') & 0x0f;
  reader.skip(1, 'power state');
  const capabilities = reader.u8('capabilities');
  reader.skip(3, 'reserved');
  const entity = reader.u8('entity');
  const entityInstance = reader.u8('entity instance');
  reader.skip(1, 'OEM');
  return { kind: 'mc-locator', id, address, channel, capabilities, entity, entityInstance, name: readSdrText(reader) };
}

/** A record as a repository holds it. What our types leave out is written as 0. */
export function encodeSdr(record: SdrRecord): Uint8Array {
  const [type, body] = encodeBody(record);
  return new ByteWriter(64).u16le(record.id).u8(SDR_VERSION).u8(type).u8(body.length).bytes(body).finish();
}

function encodeBody(record: SdrRecord): [number, Uint8Array] {
  const w = new ByteWriter(64);
  switch (record.kind) {
    case 'full':
      return [SdrType.full, full(w, record)];
    case 'compact':
      place(w, record).u8(0).u8(0x40).u8(record.sensorType).u8(record.eventType);
      // Every discrete state may be read (§43.2 bytes 19..20).
      w.u32le(0).u16le(0x7fff);
      units(w, record.units).u8(record.shared).fill(7);
      return [SdrType.compact, w.bytes(encodeSdrText(record.name)).finish()];
    case 'event-only':
      place(w, record).u8(record.sensorType).u8(record.eventType).u8(1).fill(3);
      return [SdrType.eventOnly, w.bytes(encodeSdrText(record.name)).finish()];
    case 'fru-locator':
      w.u8(record.address)
        .u8(record.device)
        .u8((record.logical ? 0x80 : 0) | (record.lun << 3))
        .u8(record.channel << 4)
        .u8(0)
        .u8(0x10)
        .u8(0);
      w.u8(record.entity).u8(record.entityInstance).u8(0);
      return [SdrType.fruLocator, w.bytes(encodeSdrText(record.name)).finish()];
    case 'mc-locator':
      w.u8(record.address).u8(record.channel).u8(0).u8(record.capabilities).fill(3);
      w.u8(record.entity).u8(record.entityInstance).u8(0);
      return [SdrType.mcLocator, w.bytes(encodeSdrText(record.name)).finish()];
    default:
      return [record.type, record.body];
  }
}

function place(w: ByteWriter, r: SensorBase): ByteWriter {
  return w
    .u8(r.owner)
    .u8((r.channel << 4) | r.lun)
    .u8(r.sensor)
    .u8(r.entity)
    .u8(r.entityInstance);
}

function units(w: ByteWriter, u: SensorUnits): ByteWriter {
  const first = (FORMATS.indexOf(u.format) << 6) | (u.rate << 3) | (RELATIONS.indexOf(u.relation) << 1);
  return w
    .u8(first | (u.percent ? 1 : 0))
    .u8(u.base)
    .u8(u.modifier);
}

function full(w: ByteWriter, r: FullSensor): Uint8Array {
  const mask = FULL_THRESHOLDS.reduce((m, [name, bit]) => m | (r.thresholds[name] === undefined ? 0 : 1 << bit), 0);
  // Initialized and scanned; thresholds are readable and fixed (§43.1 byte 12: threshold access 01b).
  place(w, r).u8(0x7f).u8(0x44).u8(r.sensorType).u8(r.eventType).u32le(0).u8(mask).u8(0);
  units(w, r.units).u8(r.linearization).bytes(encodeFactors(r.factors)).fill(6);
  for (const [name] of FULL_THRESHOLDS) w.u8(r.thresholds[name] ?? 0);
  return w.fill(5).bytes(encodeSdrText(r.name)).finish();
}
