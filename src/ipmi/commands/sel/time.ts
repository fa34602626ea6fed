import { ByteWriter } from '../../../wire/writer.ts';
import { NetFn } from '../../numbers.ts';
import { type Command, NO_DATA, order, query } from '../command.ts';
import { SelCmd } from './numbers.ts';

/** Get SEL Time (§31.10), seconds. */
export function getSelTime(): Command<number> {
  return query('Get SEL Time', NetFn.storage, SelCmd.getTime, NO_DATA, (reader) => reader.u32le('time'));
}

/** Set SEL Time (§31.11). @param seconds since 1970, local to the BMC */
export function setSelTime(seconds: number): Command<void> {
  return order('Set SEL Time', NetFn.storage, SelCmd.setTime, new ByteWriter(4).u32le(seconds).finish());
}

/** Stamps below this count seconds since the BMC started, not since 1970 (§37.1). */
const FIRST_TRUE_TIME = 0x2000_0000;
const NO_TIME = 0xffff_ffff;

/** A stamp of IPMI as ms since 1970; undefined from a clock that was not set. */
export function ipmiTime(seconds: number): number | undefined {
  return seconds < FIRST_TRUE_TIME || seconds === NO_TIME ? undefined : seconds * 1000;
}
