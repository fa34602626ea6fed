import type { Command } from '../command.ts';
import { reservation } from '../records.ts';
import { SdrCmd } from './numbers.ts';

/** Reserve SDR Repository (§33.11). */
export function reserveSdr(): Command<number> {
  return reservation('Reserve SDR Repository', SdrCmd.reserve);
}
