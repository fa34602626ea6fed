import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

export type { Counter, Gauge, Histogram } from 'prom-client';

/** One process's metrics. A thin wrapper, so that prom-client has one home and tests get a registry each. */
export class Metrics {
  readonly #registry = new Registry();

  /** Adds `process_*` and `nodejs_*`. Called once by the compositions. */
  collectProcess(): void {
    collectDefaultMetrics({ register: this.#registry });
  }

  counter<L extends string>(name: string, help: string, labelNames: L[] = []): Counter<L> {
    return new Counter({ name, help, labelNames, registers: [this.#registry] });
  }

  gauge<L extends string>(name: string, help: string, labelNames: L[] = []): Gauge<L> {
    return new Gauge({ name, help, labelNames, registers: [this.#registry] });
  }

  /** @param buckets upper bounds in the metric's unit; prom-client's defaults when absent */
  histogram<L extends string>(name: string, help: string, labelNames: L[] = [], buckets?: number[]): Histogram<L> {
    return new Histogram({
      name,
      help,
      labelNames,
      registers: [this.#registry],
      ...(buckets === undefined ? {} : { buckets }),
    });
  }

  /** The Prometheus text exposition and its content type. */
  async expose(): Promise<{ contentType: string; body: string }> {
    return { contentType: this.#registry.contentType, body: await this.#registry.metrics() };
  }
}
