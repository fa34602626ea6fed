import type { JsonObject } from './calls.ts';
import { defined, healthAt, linkAt, linksAt, numberAt, objectsAt, textAt } from './json.ts';
import { type ServiceDoors, membersIfAny } from './service-doors.ts';

export interface Sensor {
  name: string;
  kind: 'temperature' | 'fan' | 'voltage' | 'current' | 'power' | 'other';
  reading?: number;
  unit: string;
  health?: 'ok' | 'warning' | 'critical';
}

const KINDS: Readonly<Record<string, Sensor['kind']>> = {
  Temperature: 'temperature',
  Rotational: 'fan',
  AirFlow: 'fan',
  Voltage: 'voltage',
  Current: 'current',
  Power: 'power',
};

/** Sensors of the chassis of a machine: the Sensors collection where there is one, Thermal and Power elsewhere. */
export class Sensors {
  readonly #doors: ServiceDoors;

  constructor(doors: ServiceDoors) {
    this.#doors = doors;
  }

  /** One request after the other: each may take a slow BMC seconds. */
  async sensors(signal: AbortSignal): Promise<Sensor[]> {
    const system = await this.#doors.system(signal);
    const found: Sensor[] = [];
    for (const link of linksAt(system.body, 'Links', 'Chassis')) {
      const chassis = await this.#doors.calls.find(link, signal);
      if (chassis === undefined) continue;
      const members = await membersIfAny(this.#doors, linkAt(chassis.body, 'Sensors'), signal);
      found.push(...members.flatMap((m) => readSensor(m.body)));
      if (members.length > 0) continue;
      const thermal = await this.#optional(linkAt(chassis.body, 'Thermal'), signal);
      const power = await this.#optional(linkAt(chassis.body, 'Power'), signal);
      found.push(...readThermal(thermal), ...readPower(power));
    }
    return found;
  }

  async #optional(link: string | undefined, signal: AbortSignal): Promise<JsonObject | undefined> {
    return link === undefined ? undefined : (await this.#doors.calls.find(link, signal))?.body;
  }
}

function readSensor(body: JsonObject): Sensor[] {
  const name = textAt(body, 'Name') ?? textAt(body, 'Id');
  if (name === undefined || absent(body)) return [];
  const type = textAt(body, 'ReadingType') ?? '';
  return [
    {
      name,
      kind: Object.hasOwn(KINDS, type) ? (KINDS[type] ?? 'other') : 'other',
      unit: unitOf(textAt(body, 'ReadingUnits') ?? ''),
      ...defined({ reading: numberAt(body, 'Reading'), health: healthAt(body) }),
    },
  ];
}

/** UCUM's names (DSP0266 §9.4) as people write them, the same as by IPMI. */
function unitOf(ucum: string): string {
  return ({ Cel: '°C', '{rev}/min': 'RPM' } as Record<string, string>)[ucum] ?? ucum;
}

function readThermal(body: JsonObject | undefined): Sensor[] {
  return [
    ...read(body, 'Temperatures', 'temperature', '°C', ['ReadingCelsius']),
    ...read(body, 'Fans', 'fan', 'RPM', ['Reading', 'ReadingRPM']),
  ];
}

function readPower(body: JsonObject | undefined): Sensor[] {
  return [
    ...read(body, 'Voltages', 'voltage', 'V', ['ReadingVolts']),
    ...read(body, 'PowerControl', 'power', 'W', ['PowerConsumedWatts']),
    ...read(body, 'PowerSupplies', 'power', 'W', ['PowerInputWatts', 'LastPowerOutputWatts']),
  ];
}

function read(
  body: JsonObject | undefined,
  list: string,
  kind: Sensor['kind'],
  unit: string,
  keys: readonly string[],
): Sensor[] {
  return objectsAt(body, list)
    .filter((item) => !absent(item))
    .map((item) => ({
      name: textAt(item, 'Name') ?? textAt(item, 'FanName') ?? textAt(item, 'MemberId') ?? kind,
      kind,
      unit: textAt(item, 'ReadingUnits') === 'Percent' ? '%' : unit,
      ...defined({
        reading: keys.map((key) => numberAt(item, key)).find((n) => n !== undefined),
        health: healthAt(item),
      }),
    }));
}

/** A socket with nothing in it. */
function absent(body: JsonObject): boolean {
  return textAt(body, 'Status', 'State') === 'Absent';
}
