import type { AgentLogLine } from '../agent-protocol/messages.ts';
import { type Clock, sleep } from '../core/clock.ts';
import { IngotError } from '../core/errors.ts';
import type { LogBuffer } from './log.ts';

/** Lines in one request: with lines cut at 2000 characters a request stays below the server's limit. */
const BATCH = 200;
const IDLE_MS = 1000;
/** After a failed request; the lines stay in the buffer meanwhile. */
const FAILED_MS = 5000;

/**
 * Sends buffered log lines until `signal` aborts. Failures are silent: a log line about a log line that could not be sent
 * would feed itself.
 */
export async function shipLogs(
  buffer: LogBuffer,
  send: (lines: readonly AgentLogLine[], signal: AbortSignal) => Promise<void>,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const sent = await shipOnce(buffer, send, signal);
    await sleep(clock, sent ? IDLE_MS : FAILED_MS, signal).catch(() => {});
  }
}

/** Sends one batch if there is one. @returns false when the server did not take it */
export async function shipOnce(
  buffer: LogBuffer,
  send: (lines: readonly AgentLogLine[], signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<boolean> {
  const lines = buffer.take(BATCH);
  if (lines.length === 0) return true;
  try {
    await send(lines, signal);
    return true;
  } catch (error) {
    // Lines the server refuses would be refused again, and block all that follow.
    if (!(error instanceof IngotError) || error.retry) buffer.putBack(lines);
    return false;
  }
}
