import type { Refusal } from './errors.ts';
import { hasMessage } from './faults.ts';

export interface RetryTiming {
  /** Sends of what may be repeated, while the BMC does not answer. */
  lostTries: number;
  lostPauseMs: number;
  /** Sends while the BMC says that it is busy. */
  busyTries: number;
  busyPauseMs: number;
  /** The machine is in its power-on self test: tries, first pause and longest one. */
  postTries: number;
  postPauseMs: number;
  postPauseMaxMs: number;
}

/** After sushy and Ironic (facts §2.1, §2.2). */
export const RETRY_TIMING: RetryTiming = {
  lostTries: 3,
  lostPauseMs: 1000,
  busyTries: 10,
  busyPauseMs: 3000,
  postTries: 6,
  postPauseMs: 5000,
  postPauseMaxMs: 30_000,
};

/** Longest pause that a BMC may ask for. */
const MAX_RETRY_AFTER_MS = 60_000;

/**
 * Refusals that say: nothing was done, come back later. They are the only ones after which a write is sent again, and
 * come with a 503 as well as with a 400.
 */
const BUSY_KEYS = [
  'SYS518',
  'InvalidOperationForSystemState',
  'ServiceTemporarilyUnavailable',
  'ServiceInUnknownState',
];
/** HPE iLO, while the machine starts. */
const POST_KEYS = ['UnableToModifyDuringSystemPOST'];

/**
 * How long to wait before a refused request is sent again; undefined: it stays refused.
 * @param attempt sends so far
 * @param read a GET, which changes nothing
 */
export function pauseAfter(
  refusal: Refusal,
  attempt: number,
  read: boolean,
  timing: RetryTiming,
  retryAfter: number | undefined,
): number | undefined {
  if (hasMessage(refusal, ...POST_KEYS)) {
    if (attempt >= timing.postTries) return undefined;
    return Math.min(timing.postPauseMaxMs, timing.postPauseMs * 2 ** (attempt - 1));
  }
  const busy = hasMessage(refusal, ...BUSY_KEYS) || refusal.status === 429;
  // 501 and 505 say that the BMC cannot do this at all.
  const failed = read && refusal.status >= 500 && refusal.status !== 501 && refusal.status !== 505;
  if ((!busy && !failed) || attempt >= triesOf(refusal, busy, timing)) return undefined;
  return retryAfter ?? (busy || refusal.status === 503 ? timing.busyPauseMs : timing.lostPauseMs);
}

/** A plain 500 is more often a bug of the BMC than a bad moment. */
function triesOf(refusal: Refusal, busy: boolean, timing: RetryTiming): number {
  return busy || refusal.status === 503 ? timing.busyTries : timing.lostTries;
}

/** `Retry-After` in seconds (RFC 9110 §10.2.3), as ms. A date is not used: the clocks of BMCs are wrong. */
export function retryAfterMs(headers: ReadonlyMap<string, string>): number | undefined {
  const text = headers.get('retry-after')?.trim() ?? '';
  return /^\d{1,6}$/.test(text) ? Math.min(MAX_RETRY_AFTER_MS, Number(text) * 1000) : undefined;
}
