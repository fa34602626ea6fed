import { ByteWriter } from '../../../wire/writer.ts';
import { NetFn } from '../../numbers.ts';
import type { Command } from '../command.ts';
import { ChassisCmd } from './numbers.ts';

/** Set System Boot Options (§28.12). */
export function setBootOption(parameter: number, data: Uint8Array): Command<void> {
  return {
    name: `Set System Boot Options ${parameter}`,
    netFn: NetFn.chassis,
    cmd: ChassisCmd.setBootOptions,
    data: new ByteWriter(16).u8(parameter).bytes(data).finish(),
    idempotent: true,
    parse: () => undefined,
  };
}
