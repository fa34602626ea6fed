import { unreachable } from '../../core/errors.ts';
import { toHex } from '../../wire/hex.ts';
import { EventType, type StateSeverity, sensorTypeText, stateSeverity, stateText } from '../sdr/states.ts';
import type { SelRecord, SystemEvent } from './record.ts';

/** A record of the event log for people. */
export interface SelText {
  text: string;
  severity: StateSeverity;
}

/** The name of a sensor by its owner and number, from the SDR repository; undefined: it is not in there. */
export type SensorName = (generator: number, sensor: number) => string | undefined;

/** What a record says: "Fan 3 (Fan): below lower critical". */
export function selText(record: SelRecord, nameOf: SensorName): SelText {
  switch (record.kind) {
    case 'event':
      return eventText(record, nameOf);
    case 'oem-stamped':
      return {
        text: `OEM record ${hex(record.type)} of IANA ${record.manufacturer}: ${toHex(record.data)}`,
        severity: 'ok',
      };
    case 'oem':
      return { text: `OEM record ${hex(record.type)}: ${toHex(record.data)}`, severity: 'ok' };
    default:
      return unreachable(record);
  }
}

function eventText(event: SystemEvent, nameOf: SensorName): SelText {
  const { eventType, sensorType } = event;
  const offset = (event.data[0] ?? 0) & 0x0f;
  const type = sensorTypeText(sensorType);
  const name = nameOf(event.generator, event.sensor);
  const who = name === undefined ? `${type} ${hex(event.sensor)}` : `${name} (${type})`;
  const gone = event.deasserted ? ', over' : '';
  return {
    text: `${who}: ${stateText(eventType, sensorType, offset)}${gone}`,
    severity: event.deasserted ? 'ok' : severityOf(eventType, sensorType, offset),
  };
}

function severityOf(eventType: number, sensorType: number, offset: number): StateSeverity {
  if (eventType !== EventType.threshold) return stateSeverity(eventType, sensorType, offset);
  // Offsets come in pairs of going low and going high: below a lower threshold and above an upper one is bad.
  const bad = offset < 6 ? offset % 2 === 0 : offset % 2 === 1;
  if (!bad) return 'ok';
  return offset < 2 || (offset >= 6 && offset < 8) ? 'warning' : 'critical';
}

const hex = (n: number): string => `0x${n.toString(16).padStart(2, '0')}`;
