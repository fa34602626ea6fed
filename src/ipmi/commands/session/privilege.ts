import { NetFn } from '../../numbers.ts';
import { AppCmd } from '../app/numbers.ts';
import type { Command } from '../command.ts';

/** Set Session Privilege Level (§22.18). Answers the level now in force. */
export function setSessionPrivilege(level: number): Command<number> {
  return {
    name: 'Set Session Privilege Level',
    netFn: NetFn.app,
    cmd: AppCmd.setSessionPrivilege,
    data: Uint8Array.of(level),
    idempotent: true,
    parse: (reader) => reader.u8('privilege level') & 0x0f,
  };
}
