import type { FakeClock } from '../../src/core/clock.ts';

/** Moves a fake clock until `promise` settles; returns its result and how long it took, ms. */
export async function runClock<T>(
  clock: FakeClock,
  promise: Promise<T>,
  limitMs = 600_000,
): Promise<{ value: T; ms: number }> {
  const start = clock.monotonic();
  const state = { done: false };
  const watched = promise.finally(() => (state.done = true));
  watched.catch(() => {});
  while (!state.done && clock.monotonic() - start < limitMs) await clock.advance(25);
  if (!state.done) throw new Error(`still waiting after ${limitMs} ms`);
  return { value: await watched, ms: clock.monotonic() - start };
}
