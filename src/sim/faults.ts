import type { BurstRule } from '../core/burst-guard.ts';

/**
 * What goes wrong between clients and a BMC, and with the BMC itself, by either protocol. What is lost over UDP is a
 * datagram; over HTTP it is a request or an answer, seen by the client as a connection that was reset.
 */
export interface BmcFaults {
  /** Share of what is lost in each direction, 0..1. */
  loss?: number;
  /** Every answer comes this much later, ms. */
  delayMs?: number;
  /** Share of requests that arrive twice (and over UDP of answers too), 0..1. */
  duplicates?: number;
  /** Share of answers that are overtaken by those after them, 0..1. */
  reordered?: number;
  /** The BMC hangs after a burst. */
  burst?: BurstRule;
  /** In the middle of every n-th change the BMC restarts: it has done it and does not get to say so. */
  restartEvery?: number;
  /** For how long it is away then, ms. Default 3000. */
  restartMs?: number;
}

/** How long an overtaken answer is held back, ms. */
export const OVERTAKEN_MS = 60;

/** Counts changes for `restartEvery`. */
export class RestartCounter {
  readonly #faults: BmcFaults;
  #changes = 0;

  constructor(faults: BmcFaults) {
    this.#faults = faults;
  }

  /** One more change is done. @returns whether the BMC goes down over it */
  hit(): boolean {
    const { restartEvery } = this.#faults;
    if (restartEvery === undefined) return false;
    this.#changes++;
    return this.#changes % restartEvery === 0;
  }
}
