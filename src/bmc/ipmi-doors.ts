import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/log.ts';
import type { RunCommand } from '../ipmi/commands/command.ts';

/** What the parts of an IPMI BMC work with. Errors of `run` are those of the protocol; `guard` makes them ours. */
export interface IpmiPartDoors {
  clock: Clock;
  log: Logger;
  run: RunCommand;
  /** Slave address of the controller that `run` reaches: 20h, or that of the satellite that is bridged to. */
  own: number;
  /** Runs `action`; its protocol errors become errors about this BMC. */
  guard<T>(action: () => Promise<T>): Promise<T>;
}
