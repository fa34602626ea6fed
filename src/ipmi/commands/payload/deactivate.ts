import { NetFn, PayloadType } from '../../numbers.ts';
import { type Command, order } from '../command.ts';
import { PayloadCmd, SOL_INSTANCE } from './numbers.ts';

/** Deactivate Payload for SOL (§24.2), also of another session. */
export function deactivateSol(): Command<void> {
  return order(
    'Deactivate Payload SOL',
    NetFn.app,
    PayloadCmd.deactivate,
    Uint8Array.of(PayloadType.sol, SOL_INSTANCE, 0, 0, 0, 0),
  );
}
