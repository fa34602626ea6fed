import { type Clock, sleep } from '../core/clock.ts';
import { IngotError } from '../core/errors.ts';
import type { RedfishCalls, TaskHandle, TaskState } from './calls.ts';
import { redfishErrors } from './errors.ts';

const POLL_MS = 1000;
const POLL_MAX_MS = 10_000;
/** A BMC that updates itself restarts meanwhile. */
const SILENCE_MS = 900_000;
/** A task that was just made is not always there yet. */
const MISSING_TRIES = 3;

/**
 * Polls a task until it has ended. `gone`: it is no longer there (Dell purges tasks that ended); whether it did its work
 * is for the caller to look at.
 * @throws REDFISH_TASK_FAILED
 */
export async function followTask(
  doors: { calls: RedfishCalls; clock: Clock; address: string },
  handle: TaskHandle,
  signal: AbortSignal,
  onState: (state: TaskState) => void = () => {},
): Promise<TaskState> {
  const { calls, clock, address } = doors;
  let missing = 0;
  let heard = clock.monotonic();
  let running = false;
  for (let pause = POLL_MS; ; pause = Math.min(POLL_MAX_MS, pause * 1.5)) {
    const state = await look(calls, handle, signal);
    if (state !== undefined) heard = clock.monotonic();
    else if (clock.monotonic() - heard > SILENCE_MS) {
      const text = `${address}: silent for ${SILENCE_MS / 1000} s while its task ${nameOf(handle)} ran`;
      throw redfishErrors.make('REDFISH_UNREACHABLE', text);
    }
    if (state?.kind === 'gone' && !running && ++missing < MISSING_TRIES) {
      await sleep(clock, POLL_MS, signal);
      continue;
    }
    if (state !== undefined) onState(state);
    if (state?.kind === 'done' || state?.kind === 'gone') return state;
    if (state?.kind === 'failed') throw failure(address, handle, state);
    running ||= state !== undefined;
    // A BMC that says how long is asked neither sooner nor much later.
    await sleep(clock, Math.max(POLL_MS, state?.retryAfterMs ?? pause), signal);
  }
}

/** Undefined: the BMC does not answer just now. */
async function look(calls: RedfishCalls, handle: TaskHandle, signal: AbortSignal): Promise<TaskState | undefined> {
  try {
    return await calls.task(handle, signal);
  } catch (error) {
    if (signal.aborted || !(error instanceof IngotError) || !error.retry) throw error;
    return undefined;
  }
}

function failure(address: string, handle: TaskHandle, { state, messages }: TaskState): IngotError {
  const said = messages.join(' ');
  return redfishErrors.make(
    'REDFISH_TASK_FAILED',
    `${address}: task ${nameOf(handle)}: ${state}${said === '' ? '' : `: ${said}`}`,
    {
      seen: { state, messages },
    },
  );
}

function nameOf(handle: TaskHandle): string {
  return handle.task ?? handle.monitor ?? '';
}
