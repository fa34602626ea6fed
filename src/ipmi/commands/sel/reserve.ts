import type { Command } from '../command.ts';
import { reservation } from '../records.ts';
import { SelCmd } from './numbers.ts';

/** Reserve SEL (§31.4). */
export function reserveSel(): Command<number> {
  return reservation('Reserve SEL', SelCmd.reserve);
}
