import type { BmcFaults } from '../faults.ts';

/** Ways in which a BMC fails its clients whatever its vendor. All may be changed while it runs. */
export interface RedfishFaults extends BmcFaults {
  /** The next so many requests are refused with 503 and `Retry-After: 1`. */
  busyRequests?: number;
  /** Of the next so many answers the first half is sent, then the connection is reset. */
  cutAnswers?: number;
  /** The BMC restarts after it did what this request asked, without an answer. One request; then it is cleared. */
  restartOn?: (method: string, path: string) => boolean;
}
