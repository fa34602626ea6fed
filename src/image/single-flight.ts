/** Work shared by everybody who asks for the same key; it stops only when the last of them has gone. */
interface Flight<T, P> {
  promise: Promise<T>;
  controller: AbortController;
  waiting: number;
  listeners: Set<(progress: P) => void>;
  last: P | undefined;
}

export class SingleFlight<T, P> {
  readonly #flights = new Map<string, Flight<T, P>>();

  /**
   * Joins the work for `key`, or starts it.
   * @throws what the work throws, or the caller's own signal's reason
   */
  async run(
    key: string,
    options: { signal: AbortSignal; onProgress?: (progress: P) => void },
    work: (signal: AbortSignal, report: (progress: P) => void) => Promise<T>,
  ): Promise<T> {
    options.signal.throwIfAborted();
    const flight = this.#flights.get(key) ?? this.#start(key, work);
    flight.waiting++;
    const { onProgress } = options;
    if (onProgress !== undefined) {
      flight.listeners.add(onProgress);
      if (flight.last !== undefined) onProgress(flight.last);
    }
    let onAbort = () => {};
    const gone = new Promise<never>((_resolve, reject) => {
      onAbort = () => reject(options.signal.reason);
      options.signal.addEventListener('abort', onAbort, { once: true });
    });
    try {
      return await Promise.race([flight.promise, gone]);
    } finally {
      options.signal.removeEventListener('abort', onAbort);
      if (onProgress !== undefined) flight.listeners.delete(onProgress);
      flight.waiting--;
      if (flight.waiting === 0) this.#leave(key, flight);
    }
  }

  #start(key: string, work: (signal: AbortSignal, report: (progress: P) => void) => Promise<T>): Flight<T, P> {
    const controller = new AbortController();
    const flight: Flight<T, P> = {
      controller,
      waiting: 0,
      listeners: new Set(),
      last: undefined,
      promise: work(controller.signal, (progress) => {
        flight.last = progress;
        for (const listener of flight.listeners) listener(progress);
      }).finally(() => {
        if (this.#flights.get(key) === flight) this.#flights.delete(key);
      }),
    };
    flight.promise.catch(() => {});
    this.#flights.set(key, flight);
    return flight;
  }

  #leave(key: string, flight: Flight<T, P>): void {
    if (this.#flights.get(key) !== flight) return;
    this.#flights.delete(key);
    flight.controller.abort(new Error('nobody waits for this image any more'));
  }
}
