import type { Counter, Metrics } from '../core/metrics.ts';

/** Bytes served to machines, by what they were. */
export class ByteCounter {
  readonly #counter: Counter<'kind'>;

  constructor(metrics: Metrics) {
    this.#counter = metrics.counter('ingot_served_bytes_total', 'Bytes served to machines over HTTP.', ['kind']);
  }

  add(kind: 'ramdisk' | 'image', bytes: number): void {
    this.#counter.inc({ kind }, bytes);
  }
}
