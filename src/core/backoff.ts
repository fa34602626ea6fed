import { type Clock, sleep } from './clock.ts';
import { IngotError } from './errors.ts';

export interface BackoffPolicy {
  /** Delay before the second attempt, ms. */
  initialMs: number;
  /** No delay is longer than this, ms. */
  maxMs: number;
  /** Growth per attempt, 2 doubles. */
  factor: number;
  /** Share of the delay that is random, 0..1: 0.5 gives a delay in (d/2, d]. */
  jitter: number;
  /** Attempts in all, the first included. */
  attempts: number;
}

/**
 * Delay in ms before attempt number `attempt + 1` (attempt counts from 1).
 * @param random uniform in [0, 1)
 */
export function backoffMs(policy: BackoffPolicy, attempt: number, random: () => number): number {
  const full = Math.min(policy.maxMs, policy.initialMs * policy.factor ** Math.max(0, attempt - 1));
  return full - full * policy.jitter * random();
}

export interface RetryDoors {
  clock: Clock;
  random: () => number;
  signal?: AbortSignal;
  /** Default: an IngotError decides by its own `retry`, anything else is retried. */
  retryable?: (error: unknown) => boolean;
  onRetry?: (error: unknown, attempt: number, delayMs: number) => void;
}

/**
 * Runs `action` up to `policy.attempts` times with growing delays.
 * @throws the last error, or at once one that is not retryable, or the signal's reason
 */
export async function retry<T>(
  policy: BackoffPolicy,
  doors: RetryDoors,
  action: (attempt: number) => Promise<T>,
): Promise<T> {
  const retryable = doors.retryable ?? ((e) => !(e instanceof IngotError) || e.retry);
  for (let attempt = 1; ; attempt++) {
    doors.signal?.throwIfAborted();
    try {
      return await action(attempt);
    } catch (error) {
      if (attempt >= policy.attempts || doors.signal?.aborted === true || !retryable(error)) throw error;
      const delay = backoffMs(policy, attempt, doors.random);
      doors.onRetry?.(error, attempt, delay);
      await sleep(doors.clock, delay, doors.signal);
    }
  }
}
