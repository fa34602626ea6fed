import type { BareMetalHost } from '../api/baremetalhost.ts';
import type { Bmc } from '../bmc/bmc.ts';
import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/log.ts';
import type { Metrics } from '../core/metrics.ts';
import type { Store } from '../store/store.ts';

/** What the controllers of the smaller kinds work with. */
export interface ControllerDoors {
  store: Store;
  /** The open BMC of a host, shared with the lifecycle. @throws HOST_*, BMC_*, STORE_* */
  bmcOf: (host: BareMetalHost, signal: AbortSignal) => Promise<Bmc>;
  clock: Clock;
  log: Logger;
  metrics: Metrics;
  signal: AbortSignal;
}

/** One exchange with a BMC, all its requests together: dozens on some, each slow. */
export const BMC_LOOK_MS = 120_000;
