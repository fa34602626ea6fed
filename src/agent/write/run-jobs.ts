/**
 * Runs `work` over `jobs` in order, at most `concurrency` at once. The first failure stops the others, and nothing is
 * running any more when this returns.
 * @throws the first failure, or the signal's reason
 */
export async function runJobs<J>(
  jobs: readonly J[],
  concurrency: number,
  signal: AbortSignal,
  work: (job: J, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const stop = new AbortController();
  const all = AbortSignal.any([signal, stop.signal]);
  let next = 0;
  let failure: { error: unknown } | undefined;
  const lane = async () => {
    while (next < jobs.length && !all.aborted) {
      const job = jobs[next++];
      if (job === undefined) return;
      try {
        await work(job, all);
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
