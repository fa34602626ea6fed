/** What one transfer runs with. */
export interface TransferTerms {
  /** Bytes per block. */
  blockSize: number;
  /** Blocks per acknowledgement (RFC 7440). */
  windowSize: number;
  /** The longest wait for an answer, ms, when the client named one (RFC 2349). */
  timeoutMs: number | undefined;
  /** What is confirmed to the client; empty: no OACK, the first block is sent at once. */
  confirmed: Map<string, string>;
}

export interface TransferLimits {
  /** No larger blocks, whatever is asked: 1468 keeps packets whole on a 1500-byte link. */
  maxBlockSize: number;
  maxWindowSize: number;
  /** Bytes in flight per transfer; a wide window of large blocks is narrowed to this. */
  maxWindowBytes: number;
}

export const TFTP_LIMITS: TransferLimits = { maxBlockSize: 1468, maxWindowSize: 64, maxWindowBytes: 512 << 10 };

/**
 * Settles the options of a read request (RFC 2347, 2348, 2349, 7440). An option that is unknown or out of its range is left
 * out of the answer, which tells the client that it does not hold.
 * @param size of the file, bytes
 */
export function negotiate(
  asked: ReadonlyMap<string, string>,
  size: number,
  limits: TransferLimits = TFTP_LIMITS,
): TransferTerms {
  const confirmed = new Map<string, string>();
  const blksize = number(asked.get('blksize'), 8, 65464);
  const blockSize = blksize === undefined ? 512 : Math.min(blksize, limits.maxBlockSize);
  if (blksize !== undefined) confirmed.set('blksize', String(blockSize));
  const timeout = number(asked.get('timeout'), 1, 255);
  if (timeout !== undefined) confirmed.set('timeout', String(timeout));
  if (number(asked.get('tsize'), 0, Number.MAX_SAFE_INTEGER) !== undefined) confirmed.set('tsize', String(size));
  const window = number(asked.get('windowsize'), 1, 65535);
  const widest = Math.max(1, Math.min(limits.maxWindowSize, Math.floor(limits.maxWindowBytes / blockSize)));
  const windowSize = window === undefined ? 1 : Math.min(window, widest);
  if (window !== undefined) confirmed.set('windowsize', String(windowSize));
  return { blockSize, windowSize, timeoutMs: timeout === undefined ? undefined : timeout * 1000, confirmed };
}

function number(text: string | undefined, min: number, max: number): number | undefined {
  if (text === undefined || !/^\d{1,15}$/.test(text)) return undefined;
  const value = Number(text);
  return value >= min && value <= max ? value : undefined;
}
