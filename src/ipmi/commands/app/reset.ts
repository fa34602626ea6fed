import { NetFn } from '../../numbers.ts';
import { type Command, NO_DATA, order } from '../command.ts';
import { AppCmd } from './numbers.ts';

/** Cold or warm reset of the BMC (§20.2, §20.3). Its answer may never come, and minutes of silence follow. */
export function resetBmc(kind: 'cold' | 'warm'): Command<void> {
  const cmd = kind === 'cold' ? AppCmd.coldReset : AppCmd.warmReset;
  return { ...order(`${kind === 'cold' ? 'Cold' : 'Warm'} Reset`, NetFn.app, cmd, NO_DATA), idempotent: false };
}
