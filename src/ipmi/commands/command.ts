import type { ByteReader } from '../../wire/reader.ts';
import type { Route } from '../bridge.ts';

/**
 * One IPMI request with the decoder of its answer. Each command has a file of its own, with both directions: what the client
 * sends and reads, what a virtual BMC reads and sends.
 */
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
  /**
   * One of hundreds of reads from a table of the BMC. Each waits for the answer to the one before, which is pace enough:
   * at five commands a second a full event log would take minutes.
   */
  bulk?: boolean;
  /** Logical unit of the controller; 0 when absent. */
  lun?: number;
  /** The satellite controller it is for; absent: the BMC itself. */
  route?: Route;
  /** For how many commands it counts in the pace; default 1. */
  cost?: number;
  /** Reads the data after the completion code. */
  parse(reader: ByteReader): T;
}

export const NO_DATA = new Uint8Array(0);

/** Runs a command on some BMC: `IpmiClient.run`, or a test's own. */
export type RunCommand = <T>(command: Command<T>, signal: AbortSignal) => Promise<T>;

/** A command that only reads. */
export function query<T>(
  name: string,
  netFn: number,
  cmd: number,
  data: Uint8Array,
  parse: (reader: ByteReader) => T,
): Command<T> {
  return { name, netFn, cmd, data, idempotent: true, parse };
}

/** A command whose answer has no data. It may run twice. */
export function order(name: string, netFn: number, cmd: number, data: Uint8Array): Command<void> {
  return { name, netFn, cmd, data, idempotent: true, parse: () => undefined };
}

/** The same command for a logical unit other than 0, or for a controller behind the BMC. */
export function at<T>(command: Command<T>, where: { lun?: number; route?: Route }): Command<T> {
  return { ...command, ...where };
}
