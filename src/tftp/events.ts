import type { TftpClient } from './file.ts';

/** What the server saw and did, as plain values: for logs, metrics and the timeline of a host. */
export type TftpEvent = TftpSeen &
  (
    | { kind: 'start'; size: number; blockSize: number; windowSize: number }
    | { kind: 'complete'; bytes: number; ms: number; retransmits: number }
    /** The client only wanted to know the size: PXE ROMs ask once for it, hang up, and ask again. Not an error. */
    | { kind: 'probe' }
    | { kind: 'aborted'; bytes: number; reason: string }
    | { kind: 'timeout'; bytes: number }
    | { kind: 'refused'; reason: string }
  );

export interface TftpSeen {
  /** Wall time, ms. */
  at: number;
  client: TftpClient;
  /** As asked for, cleaned. */
  file: string;
}

export type TftpEventBody = TftpEvent extends infer E ? (E extends TftpEvent ? Omit<E, keyof TftpSeen> : never) : never;
