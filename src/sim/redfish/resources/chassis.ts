import { type Paths, ROOT } from '../paths.ts';
import type { Personality } from '../personality.ts';
import { type Body, OK_HEALTH, type Route, collection, link, resource } from '../router.ts';
import type { RedfishService } from '../service.ts';
import { members } from './hardware.ts';

/** The box: temperatures, fans, power, in the old form (Thermal, Power) and the new one (Sensors). */
export function chassisRoutes(paths: Paths, personality: Personality): Route[] {
  const { chassis } = paths;
  return [
    {
      path: `${ROOT}/Chassis`,
      get: () => collection(`${ROOT}/Chassis`, 'Chassis.Chassis', 'Chassis', [chassis]),
    },
    {
      path: chassis,
      get: ({ service }) =>
        resource(chassis, 'Chassis.v1_22_0.Chassis', personality.ids.chassis, 'Chassis', {
          ChassisType: 'RackMount',
          Manufacturer: personality.manufacturer,
          Model: personality.model,
          SerialNumber: service.machine.facts.serial,
          PowerState: service.machine.power() === 'Off' ? 'Off' : 'On',
          IndicatorLED: service.indicator,
          Status: OK_HEALTH,
          Thermal: link(`${chassis}/Thermal`),
          Power: link(`${chassis}/Power`),
          Sensors: link(`${chassis}/Sensors`),
          NetworkAdapters: link(`${chassis}/NetworkAdapters`),
          Links: { ComputerSystems: [link(paths.system)], ManagedBy: [link(paths.manager)] },
        }),
    },
    { path: `${chassis}/Thermal`, get: ({ service }) => thermal(service, `${chassis}/Thermal`), noEtag: true },
    { path: `${chassis}/Power`, get: ({ service }) => power(service, `${chassis}/Power`), noEtag: true },
    ...members(`${chassis}/Sensors`, 'Sensor.Sensor', 'Sensors', sensors).map((r) => ({ ...r, noEtag: true })),
  ];
}

interface Reading {
  id: string;
  name: string;
  type: 'Temperature' | 'Rotational' | 'Voltage' | 'Power';
  units: string;
  off: number;
  on: number;
  /** How far it wanders. */
  swing: number;
  critical?: number;
}

const READINGS: readonly Reading[] = [
  { id: 'InletTemp', name: 'Inlet Temp', type: 'Temperature', units: 'Cel', off: 22, on: 24, swing: 1, critical: 47 },
  { id: 'CPU1Temp', name: 'CPU1 Temp', type: 'Temperature', units: 'Cel', off: 24, on: 52, swing: 6, critical: 95 },
  { id: 'Fan1', name: 'System Board Fan1', type: 'Rotational', units: 'RPM', off: 0, on: 7200, swing: 240 },
  { id: 'Fan2', name: 'System Board Fan2', type: 'Rotational', units: 'RPM', off: 0, on: 7080, swing: 240 },
  { id: 'PS1Voltage', name: 'PS1 Voltage', type: 'Voltage', units: 'V', off: 230, on: 229, swing: 2 },
  { id: 'SystemPower', name: 'System Board Pwr Consumption', type: 'Power', units: 'W', off: 12, on: 210, swing: 30 },
];

/** A reading of this moment: wanders slowly and the same way for each machine. */
function valueOf(service: RedfishService, reading: Reading): number {
  if (service.machine.power() === 'Off') return reading.off;
  const wave = Math.sin(service.clock.monotonic() / 20_000 + reading.id.length);
  return Math.round((reading.on + reading.swing * wave) * 10) / 10;
}

function sensors(service: RedfishService, path: string): Body[] {
  return READINGS.map((reading) =>
    resource(`${path}/${reading.id}`, 'Sensor.v1_7_0.Sensor', reading.id, reading.name, {
      ReadingType: reading.type,
      ReadingUnits: reading.units,
      Reading: valueOf(service, reading),
      ...(reading.critical === undefined ? {} : { Thresholds: { UpperCritical: { Reading: reading.critical } } }),
      Status: OK_HEALTH,
    }),
  );
}

function thermal(service: RedfishService, path: string): Body {
  const of = (type: Reading['type']) => READINGS.filter((r) => r.type === type);
  return resource(path, 'Thermal.v1_7_1.Thermal', 'Thermal', 'Thermal', {
    Temperatures: of('Temperature').map((r, i) => ({
      '@odata.id': `${path}#/Temperatures/${i}`,
      MemberId: String(i),
      Name: r.name,
      ReadingCelsius: valueOf(service, r),
      UpperThresholdCritical: r.critical,
      Status: OK_HEALTH,
    })),
    Fans: of('Rotational').map((r, i) => ({
      '@odata.id': `${path}#/Fans/${i}`,
      MemberId: String(i),
      Name: r.name,
      Reading: Math.round(valueOf(service, r)),
      ReadingUnits: 'RPM',
      Status: OK_HEALTH,
    })),
  });
}

function power(service: RedfishService, path: string): Body {
  const watts = READINGS.find((r) => r.type === 'Power');
  const volts = READINGS.find((r) => r.type === 'Voltage');
  return resource(path, 'Power.v1_7_2.Power', 'Power', 'Power', {
    PowerControl: [
      {
        '@odata.id': `${path}#/PowerControl/0`,
        MemberId: '0',
        Name: 'System Power Control',
        PowerConsumedWatts: watts === undefined ? null : Math.round(valueOf(service, watts)),
        PowerCapacityWatts: 800,
        Status: OK_HEALTH,
      },
    ],
    Voltages: [
      {
        '@odata.id': `${path}#/Voltages/0`,
        MemberId: '0',
        Name: volts?.name,
        ReadingVolts: volts === undefined ? null : valueOf(service, volts),
        Status: OK_HEALTH,
      },
    ],
    PowerSupplies: [1, 2].map((n) => ({
      '@odata.id': `${path}#/PowerSupplies/${n - 1}`,
      MemberId: String(n - 1),
      Name: `PS${n} Status`,
      PowerCapacityWatts: 800,
      LineInputVoltage: 230,
      Status: OK_HEALTH,
    })),
  });
}
