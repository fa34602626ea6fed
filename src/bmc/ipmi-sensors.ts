import { errorText } from '../core/errors.ts';
import { type Command, at } from '../ipmi/commands/command.ts';
import { getPowerReading } from '../ipmi/commands/dcmi/power-reading.ts';
import { getSensorFactors } from '../ipmi/commands/sensor/factors.ts';
import { getSensorReading, type SensorReading } from '../ipmi/commands/sensor/reading.ts';
import { type ThresholdName, THRESHOLDS } from '../ipmi/commands/sensor/thresholds.ts';
import { isUnreached, unlessRefused } from '../ipmi/errors.ts';
import { NON_LINEAR, reading } from '../ipmi/sdr/convert.ts';
import { readSdrs } from '../ipmi/sdr/read.ts';
import type { CompactSensor, FullSensor, SdrRecord } from '../ipmi/sdr/record.ts';
import { EventType, type StateSeverity, stateSeverity, stateTexts } from '../ipmi/sdr/states.ts';
import { unitText } from '../ipmi/sdr/units.ts';
import type { Health, Sensor, SensorControl } from './capabilities.ts';
import type { IpmiPartDoors } from './ipmi-doors.ts';
import { wayTo } from './ipmi-way.ts';

/** Sensor types (§42.2) that have a kind of their own. */
const KINDS: Readonly<Record<number, Sensor['kind']>> = { 1: 'temperature', 2: 'voltage', 3: 'current', 4: 'fan' };
const WATTS = 6;

/** How bad it is to be beyond each threshold. */
const SEVERITY: Readonly<Record<ThresholdName, StateSeverity>> = {
  'lower non-critical': 'warning',
  'lower critical': 'critical',
  'lower non-recoverable': 'critical',
  'upper non-critical': 'warning',
  'upper critical': 'critical',
  'upper non-recoverable': 'critical',
};

/** Sensors by SDRs and Get Sensor Reading, and the power that DCMI reports. */
export class IpmiSensors implements SensorControl {
  readonly #doors: IpmiPartDoors;
  /** The repository is read once: it takes hundreds of commands and changes with the firmware only. */
  #sdrs: readonly SdrRecord[] | undefined;
  /** Addresses of controllers that could not be reached in this round. */
  readonly #unreached = new Set<number>();

  constructor(doors: IpmiPartDoors) {
    this.#doors = doors;
  }

  /** The SDR repository; for names of sensors in the event log too. @throws IPMI_* */
  async records(signal: AbortSignal): Promise<readonly SdrRecord[]> {
    if (this.#sdrs !== undefined) return this.#sdrs;
    const { records, problems } = await readSdrs(this.#doors.run, signal);
    for (const why of problems) this.#doors.log.warn('SDR repository: not all was readable', { why });
    // What was cut may come whole next time.
    if (problems.length === 0) this.#sdrs = records;
    return records;
  }

  async sensors(signal: AbortSignal): Promise<Sensor[]> {
    return await this.#doors.guard(async () => {
      const found: Sensor[] = [];
      this.#unreached.clear();
      for (const sdr of await this.records(signal)) {
        if (sdr.kind === 'full') found.push(await this.#one(sdr, sdr.sensor, sdr.name, signal));
        if (sdr.kind !== 'compact') continue;
        for (let i = 0; i < sdr.shared; i++) {
          const name = sdr.shared === 1 ? sdr.name : `${sdr.name} ${i + 1}`;
          found.push(await this.#one(sdr, (sdr.sensor + i) & 0xff, name, signal));
        }
      }
      const power = await this.#power(signal);
      return power === undefined ? found : [...found, power];
    });
  }

  async #one(sdr: FullSensor | CompactSensor, number: number, name: string, signal: AbortSignal): Promise<Sensor> {
    const base: Sensor = { name, kind: kindOf(sdr), unit: unitText(sdr.units) };
    const raw = await this.#ask(getSensorReading(number), sdr, signal);
    if (raw === undefined || raw.unavailable || !raw.scanning) return base;
    if (sdr.eventType !== EventType.threshold) return { ...base, ...discrete(sdr, raw) };
    const value = sdr.kind === 'full' ? await this.#value(sdr, raw, signal) : undefined;
    return { ...base, health: beyond(raw), ...(value === undefined ? {} : { reading: value }) };
  }

  /**
   * Asks the owner of a sensor, which may be a controller behind the BMC. One that cannot be reached is not asked for its
   * other sensors too: each question to a dead one takes seconds.
   * @returns undefined when it refuses or cannot be reached
   */
  async #ask<T>(command: Command<T>, sdr: FullSensor | CompactSensor, signal: AbortSignal): Promise<T | undefined> {
    const { run, log, own } = this.#doors;
    const way = wayTo({ ...sdr, address: sdr.owner }, own);
    if (way === undefined || this.#unreached.has(sdr.owner)) return undefined;
    try {
      return await run(at(command, way), signal);
    } catch (error) {
      if (!isUnreached(error)) return await unlessRefused<T>(() => Promise.reject(error));
      this.#unreached.add(sdr.owner);
      log.info('sensors of a controller behind the BMC have no readings', { why: errorText(error) });
      return undefined;
    }
  }

  async #value(sdr: FullSensor, raw: SensorReading, signal: AbortSignal): Promise<number | undefined> {
    const bent = sdr.linearization >= NON_LINEAR;
    const own = bent ? await this.#ask(getSensorFactors(sdr.sensor, raw.raw), sdr, signal) : sdr.factors;
    return own === undefined ? undefined : reading(raw.raw, sdr.units.format, own, bent ? 0 : sdr.linearization);
  }

  async #power(signal: AbortSignal): Promise<Sensor | undefined> {
    const power = await unlessRefused(() => this.#doors.run(getPowerReading(), signal));
    if (power?.active !== true) return undefined;
    return { name: 'DCMI power', kind: 'power', reading: power.watts, unit: 'W', health: 'ok' };
  }
}

function kindOf(sdr: FullSensor | CompactSensor): Sensor['kind'] {
  const kind = KINDS[sdr.sensorType];
  if (kind !== undefined) return kind;
  return sdr.units.base === WATTS ? 'power' : 'other';
}

const RANK: Readonly<Record<Health, number>> = { ok: 0, warning: 1, critical: 2 };
const worst = (all: readonly Health[]): Health => all.reduce<Health>((a, b) => (RANK[b] > RANK[a] ? b : a), 'ok');

/** Bits 0..5 of the states of a threshold sensor say which thresholds are passed. */
function beyond(raw: SensorReading): Health {
  return worst(THRESHOLDS.filter((_, i) => ((raw.states >> i) & 1) === 1).map((name) => SEVERITY[name]));
}

function discrete(sdr: FullSensor | CompactSensor, raw: SensorReading): Pick<Sensor, 'states' | 'health'> {
  const { eventType, sensorType } = sdr;
  const offsets = Array.from({ length: 15 }, (_, n) => n).filter((n) => ((raw.states >> n) & 1) === 1);
  return {
    states: stateTexts(eventType, sensorType, raw.states),
    health: worst(offsets.map((offset) => stateSeverity(eventType, sensorType, offset))),
  };
}
