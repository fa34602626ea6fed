import type { Clock, Timer } from '../core/clock.ts';
import { errorCode, errorText } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import type { Metrics } from '../core/metrics.ts';
import { storeErrors } from './errors.ts';

/** What one run over a key asks for. */
export interface WorkResult {
  /** Run the key again after so many ms; undefined: when it is added again. */
  requeueMs: number | undefined;
}

export interface WorkQueueOptions {
  /** For metrics and logs: `baremetalhost`. */
  name: string;
  clock: Clock;
  log: Logger;
  metrics: Metrics;
  /** Keys worked on at the same time; one key never runs twice at once. */
  concurrency: number;
  /**
   * A run that lasts longer makes room for another, ms: it waits for something far away, and dead BMCs must not keep the
   * living ones waiting. Such runs are bounded by the number of keys alone. Undefined: never.
   */
  patienceMs?: number;
  signal: AbortSignal;
  work: (key: string, signal: AbortSignal) => Promise<WorkResult>;
}

/** Delay after the first thrown error; doubles with each further one up to the maximum (metal3-compat §2.6). */
const FIRST_DELAY_MS = 5;
const MAX_DELAY_MS = 1_000_000;

interface Item {
  /** Waiting to run now. */
  queued: boolean;
  running: boolean;
  /** Added while running: runs once more. */
  again: boolean;
  errors: number;
  addedAt: number;
  timer: Timer | undefined;
}

/**
 * A work queue over keys, with the promises of a controller's queue: a key that is added many times runs once, never
 * twice at the same time, and once more when it was added during its run. A run's own `requeueMs` is the only delay a
 * key has; adding the key runs it at once and forgets that delay. Thrown errors delay the key exponentially.
 */
export class WorkQueue {
  /** Resolves when `signal` has aborted and no run is left. */
  readonly done: Promise<void>;
  readonly #options: WorkQueueOptions;
  readonly #items = new Map<string, Item>();
  readonly #ready: string[] = [];
  readonly #finished: () => void;
  readonly #metrics;
  /** Runs that count against the concurrency, and all runs. */
  #hands = 0;
  #running = 0;

  constructor(options: WorkQueueOptions) {
    this.#options = options;
    this.#metrics = queueMetrics(options.metrics);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.done = promise;
    this.#finished = resolve;
    if (options.signal.aborted) this.#stop();
    else options.signal.addEventListener('abort', () => this.#stop(), { once: true });
  }

  /** Keys known to the queue: waiting, delayed or running. */
  get size(): number {
    return this.#items.size;
  }

  /** Runs `key` as soon as there is a free hand. */
  add(key: string): void {
    if (this.#options.signal.aborted) return;
    const item = this.#item(key);
    item.timer?.cancel();
    item.timer = undefined;
    if (item.running) item.again = true;
    else this.#queue(key, item);
    this.#pump();
  }

  #item(key: string): Item {
    const known = this.#items.get(key);
    if (known !== undefined) return known;
    const item: Item = { queued: false, running: false, again: false, errors: 0, addedAt: 0, timer: undefined };
    this.#items.set(key, item);
    return item;
  }

  #queue(key: string, item: Item): void {
    if (item.queued) return;
    item.queued = true;
    item.addedAt = this.#options.clock.monotonic();
    this.#ready.push(key);
    this.#metrics.adds.inc({ name: this.#options.name });
    this.#showDepth();
  }

  #pump(): void {
    while (this.#hands < this.#options.concurrency) {
      const key = this.#ready.shift();
      if (key === undefined) return;
      const item = this.#item(key);
      item.queued = false;
      item.running = true;
      this.#hands += 1;
      this.#running += 1;
      this.#showDepth();
      void this.#run(key, item);
    }
  }

  async #run(key: string, item: Item): Promise<void> {
    const { clock, work, signal, name, patienceMs } = this.#options;
    let hand = 1;
    const patience =
      patienceMs === undefined
        ? undefined
        : clock.timer(
            patienceMs,
            () => {
              hand = 0;
              this.#hands -= 1;
              this.#pump();
            },
            true,
          );
    const started = clock.monotonic();
    this.#metrics.waited.observe({ name }, (started - item.addedAt) / 1000);
    let delay: number | undefined;
    try {
      const { requeueMs } = await work(key, signal);
      item.errors = 0;
      delay = requeueMs;
      this.#count(requeueMs === undefined ? 'success' : requeueMs === 0 ? 'requeue' : 'requeue_after');
    } catch (error) {
      delay = this.#failed(key, item, error);
    }
    this.#metrics.worked.observe({ name }, (clock.monotonic() - started) / 1000);
    patience?.cancel();
    this.#hands -= hand;
    this.#settle(key, item, delay);
  }

  #failed(key: string, item: Item, error: unknown): number {
    const { log, signal } = this.#options;
    item.errors += 1;
    const delay = Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(item.errors - 1, 30));
    if (!signal.aborted) {
      this.#metrics.retries.inc({ name: this.#options.name });
      this.#count('error');
      // Two writers met: nothing is wrong, the next run reads what the other one wrote.
      const level = storeErrors.is(error, 'STORE_CONFLICT') && item.errors < 5 ? 'debug' : 'error';
      log[level]('pass failed', { key, code: errorCode(error), error: errorText(error), retryInMs: delay });
    }
    return delay;
  }

  #settle(key: string, item: Item, delay: number | undefined): void {
    item.running = false;
    this.#running -= 1;
    if (this.#options.signal.aborted) {
      this.#items.delete(key);
      if (this.#running === 0) this.#finished();
      return;
    }
    if (item.again || delay === 0) {
      item.again = false;
      this.#queue(key, item);
    } else if (delay === undefined) {
      this.#items.delete(key);
    } else {
      item.timer = this.#options.clock.timer(delay, () => {
        item.timer = undefined;
        this.#queue(key, item);
        this.#pump();
      });
    }
    this.#pump();
  }

  #stop(): void {
    for (const item of this.#items.values()) item.timer?.cancel();
    this.#ready.length = 0;
    this.#showDepth();
    for (const [key, item] of this.#items) if (!item.running) this.#items.delete(key);
    if (this.#running === 0) this.#finished();
  }

  #count(result: string): void {
    this.#metrics.runs.inc({ controller: this.#options.name, result });
  }

  #showDepth(): void {
    this.#metrics.depth.set({ name: this.#options.name }, this.#ready.length);
  }
}

type QueueMetrics = ReturnType<typeof makeMetrics>;

/** Queues of one process share their metrics: a name can only be registered once. */
const made = new WeakMap<Metrics, QueueMetrics>();

function queueMetrics(metrics: Metrics): QueueMetrics {
  const known = made.get(metrics);
  if (known !== undefined) return known;
  const fresh = makeMetrics(metrics);
  made.set(metrics, fresh);
  return fresh;
}

/** Names of Kubernetes' own controllers, so that existing dashboards work. */
function makeMetrics(metrics: Metrics) {
  return {
    depth: metrics.gauge('workqueue_depth', 'keys that wait for a free hand', ['name']),
    adds: metrics.counter('workqueue_adds_total', 'keys queued', ['name']),
    retries: metrics.counter('workqueue_retries_total', 'keys queued again after an error', ['name']),
    waited: metrics.histogram('workqueue_queue_duration_seconds', 'time from queued to running', ['name']),
    worked: metrics.histogram('workqueue_work_duration_seconds', 'length of a run', ['name']),
    runs: metrics.counter('controller_runtime_reconcile_total', 'runs by result', ['controller', 'result']),
  };
}
