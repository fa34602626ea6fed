import type { BurstRule } from '../../core/burst-guard.ts';

/** Ways in which a BMC fails its clients whatever its vendor. All may be changed while it runs. */
export interface RedfishFaults {
  /** Every answer comes this much later, ms. */
  delayMs?: number;
  /** The next so many requests are refused with 503 and `Retry-After: 1`. */
  busyRequests?: number;
  /** Of the next so many answers the first half is sent, then the connection is reset. */
  cutAnswers?: number;
  /** Answers of a hanging BMC come when it has recovered. */
  burst?: BurstRule;
  /** The BMC restarts after it did what this request asked, without an answer. One request; then it is cleared. */
  restartOn?: (method: string, path: string) => boolean;
}
