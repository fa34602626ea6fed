import type { Clock } from '../core/clock.ts';
import type { AddressSource } from './commands/lan/address-source.ts';
import type { SensorReading } from './commands/sensor/reading.ts';
import type { RawThresholds } from './commands/sensor/thresholds.ts';
import { encodeFru } from './fru/encode.ts';
import { BMC_ADDRESS, type PrivilegeName } from './numbers.ts';
import { rawOf } from './sdr/convert.ts';
import type { FullSensor, SdrRecord, SensorUnits } from './sdr/record.ts';
import { SelStore } from './sel/store.ts';

/** What a virtual BMC knows beside power and boot. */
export interface BmcModel {
  sel: SelStore;
  sdrs: readonly SdrRecord[];
  /** By FRU id; 0: the system. */
  frus: ReadonlyMap<number, Uint8Array>;
  lan: LanModel;
  users: readonly { name: string; privilege: PrivilegeName }[];
  /** Seconds since 1970 at which the SDRs were made. */
  madeAt: number;
  /** Reading of a sensor; undefined: there is none with this number. */
  reading(sensor: number, powerOn: boolean): SensorReading | undefined;
  /** Power drawn. */
  watts(powerOn: boolean): number;
}

export interface LanModel {
  /** Four bytes each. */
  address: Uint8Array;
  netmask: Uint8Array;
  gateway: Uint8Array;
  /** Six bytes. */
  mac: Uint8Array;
  source: AddressSource;
}

export interface ModelOptions {
  clock: Clock;
  users: BmcModel['users'];
  manufacturer?: string;
  product?: string;
  serialNumber?: string;
  lan?: Partial<LanModel>;
}

interface Numbers {
  name: string;
  sensorType: number;
  entity: number;
  unit: number;
  /** Of the raw byte: value = raw × step. */
  factors: FullSensor['factors'];
  on: number;
  /** What it reads with the power off; undefined: nothing. */
  off?: number;
  limits: Partial<Record<keyof RawThresholds, number>>;
}

const times = (m: number, rExp = 0) => ({ m, b: 0, bExp: 0, rExp });

/** Sensors of a small server with one processor. */
const SENSORS: readonly Numbers[] = [
  {
    name: 'CPU Temp',
    sensorType: 0x01,
    entity: 0x03,
    unit: 1,
    factors: times(1),
    on: 46,
    limits: { 'upper non-critical': 85, 'upper critical': 95, 'upper non-recoverable': 100 },
  },
  {
    name: 'Inlet Temp',
    sensorType: 0x01,
    entity: 0x37,
    unit: 1,
    factors: times(1),
    on: 23,
    off: 21,
    limits: { 'lower non-critical': 3, 'upper non-critical': 38, 'upper critical': 42 },
  },
  {
    name: 'Fan 1',
    sensorType: 0x04,
    entity: 0x1d,
    unit: 18,
    factors: times(60),
    on: 5400,
    off: 0,
    limits: { 'lower non-critical': 720, 'lower critical': 480 },
  },
  {
    name: '12V',
    sensorType: 0x02,
    entity: 0x07,
    unit: 4,
    factors: times(63, -3),
    on: 12.096,
    limits: { 'lower critical': 10.773, 'upper critical': 13.23 },
  },
  { name: 'System Power', sensorType: 0x0b, entity: 0x07, unit: 6, factors: times(4), on: 184, off: 8, limits: {} },
];

const PRESENCE = { sensor: 0x20, sensorType: 0x08, eventType: 0x6f };
const POWER = 5;
const PLAIN: SensorUnits = { format: 'unsigned', percent: false, base: 0, modifier: 0, relation: 'none', rate: 0 };
const RACK_MOUNT = 0x17;

/** A plausible small server. Every part may be replaced by the caller. */
export function plausibleModel(options: ModelOptions): BmcModel {
  const { clock, users, lan = {} } = options;
  const { manufacturer = 'Ingot', product = 'Simulated server', serialNumber = 'SIM0001' } = options;
  const fru = encodeFru({
    chassis: { type: RACK_MOUNT, fields: ['SIM-CHASSIS', serialNumber] },
    board: {
      made: new Date(Date.UTC(2026, 0, 5)),
      fields: [manufacturer, `${product} board`, `${serialNumber}-B`, 'SIM-BOARD', ''],
    },
    product: { fields: [manufacturer, product, 'SIM-1', '1.0', serialNumber, '', ''] },
  });
  const byNumber = new Map(SENSORS.map((s, i) => [i + 1, s] as const));
  return {
    sel: new SelStore(clock),
    sdrs: sdrs(),
    frus: new Map([[0, fru]]),
    users,
    lan: {
      address: Uint8Array.of(127, 0, 0, 1),
      netmask: Uint8Array.of(255, 255, 255, 0),
      gateway: Uint8Array.of(0, 0, 0, 0),
      mac: Uint8Array.of(0x52, 0x54, 0x00, 0x00, 0x00, 0x01),
      source: 'static',
      ...lan,
    },
    madeAt: Math.floor(clock.now() / 1000),
    reading(sensor, powerOn) {
      if (sensor === PRESENCE.sensor) return { raw: 0, scanning: true, unavailable: false, states: 0x01 };
      const numbers = byNumber.get(sensor);
      if (numbers === undefined) return undefined;
      const value = powerOn ? numbers.on : numbers.off;
      if (value === undefined) return { raw: 0, scanning: true, unavailable: true, states: 0 };
      return { raw: rawOf(value, numbers.factors), scanning: true, unavailable: false, states: 0xc0 };
    },
    watts: (powerOn) => (powerOn ? SENSORS[POWER - 1]?.on : SENSORS[POWER - 1]?.off) ?? 0,
  };
}

function sdrs(): SdrRecord[] {
  const numbers = SENSORS.map((s, i): SdrRecord => ({
    kind: 'full',
    id: i + 1,
    owner: BMC_ADDRESS,
    channel: 0,
    lun: 0,
    sensor: i + 1,
    entity: s.entity,
    entityInstance: 1,
    sensorType: s.sensorType,
    eventType: 0x01,
    name: s.name,
    units: { ...PLAIN, base: s.unit },
    linearization: 0,
    factors: s.factors,
    thresholds: Object.fromEntries(Object.entries(s.limits).map(([name, value]) => [name, rawOf(value, s.factors)])),
  }));
  const next = numbers.length + 1;
  const place = { owner: BMC_ADDRESS, channel: 0, lun: 0, entity: 0x0a, entityInstance: 1 };
  return [
    ...numbers,
    { kind: 'compact', id: next, ...place, ...PRESENCE, units: { ...PLAIN, format: 'none' }, shared: 1, name: 'PSU 1' },
    {
      kind: 'event-only',
      id: next + 1,
      ...place,
      entity: 0x22,
      sensor: 0xf0,
      sensorType: 0x22,
      eventType: 0x6f,
      name: 'ACPI State',
    },
    {
      kind: 'mc-locator',
      id: next + 2,
      address: BMC_ADDRESS,
      channel: 0,
      capabilities: 0x8f,
      entity: 6,
      entityInstance: 1,
      name: 'BMC',
    },
  ];
}
