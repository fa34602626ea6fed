/**
 * Runs `work` over the jobs of `source` in order as they come, at most `concurrency` at once. The first failure stops the others, and
 * nothing is running any more when this returns.
 * @throws the first failure of the work or of its `source`, or the signal's reason
 */
export async function runJobs<J>(
  source: (signal: AbortSignal) => AsyncGenerator<J, void, undefined>,
  concurrency: number,
  signal: AbortSignal,
  work: (job: J, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const stop = new AbortController();
  const all = AbortSignal.any([signal, stop.signal]);
  const jobs = source(all);
  let failure: { error: unknown } | undefined;
  const lane = async () => {
    while (!all.aborted) {
      try {
        const next = await jobs.next();
        if (next.done === true) return;
        await work(next.value, all);
      } catch (error) {
        failure ??= { error };
        stop.abort(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, concurrency) }, lane));
  signal.throwIfAborted();
  if (failure !== undefined) throw failure.error;
}
