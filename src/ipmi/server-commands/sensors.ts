import { ByteReader } from '../../wire/reader.ts';
import { DCMI, DcmiCmd, encodePowerReading } from '../commands/dcmi/power-reading.ts';
import { encodeFactors } from '../commands/sensor/factors.ts';
import { SensorCmd } from '../commands/sensor/numbers.ts';
import { encodeSensorReading } from '../commands/sensor/reading.ts';
import { encodeThresholds } from '../commands/sensor/thresholds.ts';
import { Completion, NetFn, Privilege } from '../numbers.ts';
import type { FullSensor } from '../sdr/record.ts';
import { type Answer, type CommandParts, type Family, give, refuse } from './handler.ts';

/** Period over which the power reading is averaged. */
const POWER_PERIOD_MS = 60_000;

/** Sensors (§35). */
export const sensorFamily: Family = (parts) => {
  const netFn = NetFn.sensor;
  const privilege = Privilege.user;
  const numbers = new Map(
    parts.model.sdrs.filter((r): r is FullSensor => r.kind === 'full').map((r) => [r.sensor, r] as const),
  );
  const ofSensor = (data: Uint8Array, answer: (sdr: FullSensor) => Uint8Array): Answer => {
    const sdr = numbers.get(new ByteReader(data).u8('sensor'));
    return sdr === undefined ? refuse(Completion.notPresent) : give(answer(sdr));
  };
  return [
    { netFn, cmd: SensorCmd.getReading, privilege, run: (data) => readSensor(data, parts) },
    {
      netFn,
      cmd: SensorCmd.getThresholds,
      privilege,
      run: (data) => ofSensor(data, (sdr) => encodeThresholds(sdr.thresholds)),
    },
    { netFn, cmd: SensorCmd.getHysteresis, privilege, run: (data) => ofSensor(data, () => Uint8Array.of(0, 0)) },
    {
      netFn,
      cmd: SensorCmd.getFactors,
      privilege,
      run: (data) => ofSensor(data, (sdr) => Uint8Array.of(0, ...encodeFactors(sdr.factors))),
    },
  ];
};

async function readSensor(data: Uint8Array, { model, chassis }: CommandParts): Promise<Answer> {
  const number = new ByteReader(data).u8('sensor');
  const reading = model.reading(number, (await chassis.powerState()) === 'on');
  return reading === undefined ? refuse(Completion.notPresent) : give(encodeSensorReading(reading));
}

/** Data centre manageability: power. */
export const dcmiFamily: Family = ({ model, chassis, clock }) => [
  {
    netFn: NetFn.groupExtension,
    cmd: DcmiCmd.powerReading,
    privilege: Privilege.user,
    async run(data) {
      if (new ByteReader(data).u8('group extension') !== DCMI) return refuse(Completion.invalidCommand);
      const watts = model.watts((await chassis.powerState()) === 'on');
      return give(
        encodePowerReading({
          watts,
          minimum: watts,
          maximum: watts,
          average: watts,
          time: Math.floor(clock.now() / 1000),
          periodMs: POWER_PERIOD_MS,
          active: true,
        }),
      );
    },
  },
];
