import { ByteWriter } from '../../../wire/writer.ts';
import { NetFn, PayloadType } from '../../numbers.ts';
import { type Command, query } from '../command.ts';
import { PayloadCmd, SOL_INSTANCE } from './numbers.ts';

/** Get Payload Instance Info for SOL (§24.4). @returns the session that has it; 0: none */
export function solInstance(): Command<number> {
  const data = Uint8Array.of(PayloadType.sol, SOL_INSTANCE);
  return query('Get Payload Instance Info SOL', NetFn.app, PayloadCmd.instanceInfo, data, (reader) =>
    reader.u32le('session'),
  );
}

/** Answer to Get Payload Instance Info: session and, for SOL, the number of the serial port. */
export function encodeInstance(session: number): Uint8Array {
  return new ByteWriter(12)
    .u32le(session)
    .u8(session === 0 ? 0 : 1)
    .fill(7)
    .finish();
}
