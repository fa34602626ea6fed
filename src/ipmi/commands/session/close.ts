import { ByteWriter } from '../../../wire/writer.ts';
import { NetFn } from '../../numbers.ts';
import { AppCmd } from '../app/numbers.ts';
import type { Command } from '../command.ts';

/** Close Session (§22.19). @param bmcSessionId the session to end */
export function closeSession(bmcSessionId: number): Command<void> {
  return {
    name: 'Close Session',
    netFn: NetFn.app,
    cmd: AppCmd.closeSession,
    data: new ByteWriter(4).u32le(bmcSessionId).finish(),
    idempotent: true,
    parse: () => undefined,
  };
}
