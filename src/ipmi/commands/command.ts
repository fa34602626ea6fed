import type { ByteReader } from '../../wire/reader.ts';

/** One IPMI request with the decoder of its answer. */
export interface Command<T> {
  /** For messages: "Get Chassis Status". */
  name: string;
  netFn: number;
  cmd: number;
  data: Uint8Array;
  /**
   * May it run twice without harm? A BMC without duplicate detection runs a re-sent command again, so one that says
   * false is sent exactly once.
   */
  idempotent: boolean;
  /** Reads the data after the completion code. */
  parse(reader: ByteReader): T;
}

export const NO_DATA = new Uint8Array(0);
