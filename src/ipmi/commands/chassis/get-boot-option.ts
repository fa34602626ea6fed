import { ByteWriter } from '../../../wire/writer.ts';
import { NetFn } from '../../numbers.ts';
import type { Command } from '../command.ts';
import { ChassisCmd } from './numbers.ts';

const VERSION = 0x01;

export interface BootOption {
  parameter: number;
  /** The BMC marks the parameter as invalid or locked. */
  invalid: boolean;
  data: Uint8Array;
}

/** Get System Boot Options (§28.13). Extra bytes that some BMCs add are kept in `data`. */
export function getBootOption(parameter: number): Command<BootOption> {
  return {
    name: `Get System Boot Options ${parameter}`,
    netFn: NetFn.chassis,
    cmd: ChassisCmd.getBootOptions,
    data: Uint8Array.of(parameter, 0, 0),
    idempotent: true,
    parse(reader) {
      reader.skip(1, 'parameter version');
      const byte = reader.u8('parameter');
      return { parameter: byte & 0x7f, invalid: (byte & 0x80) !== 0, data: reader.rest() };
    },
  };
}

/** Answer to Get System Boot Options. */
export function encodeBootOption(option: BootOption): Uint8Array {
  const parameter = option.parameter | (option.invalid ? 0x80 : 0);
  return new ByteWriter(16).u8(VERSION).u8(parameter).bytes(option.data).finish();
}
