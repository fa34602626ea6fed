import { NetFn } from '../../numbers.ts';
import { type Command, order } from '../command.ts';
import { ChassisCmd } from './numbers.ts';

/**
 * Chassis Identify (§28.5): blink or light up.
 * @param seconds 0..255; 0 ends it; 'on': until told otherwise
 */
export function chassisIdentify(seconds: number | 'on'): Command<void> {
  // The second byte is optional and unknown to old BMCs: it is sent only when it says something.
  const data = seconds === 'on' ? Uint8Array.of(0, 1) : Uint8Array.of(seconds);
  return order('Chassis Identify', NetFn.chassis, ChassisCmd.identify, data);
}

/** What a Chassis Identify request asks for. Without data it means 15 s (§28.5). */
export function decodeChassisIdentify(data: Uint8Array): number | 'on' {
  return ((data[1] ?? 0) & 1) === 1 ? 'on' : (data[0] ?? 15);
}
