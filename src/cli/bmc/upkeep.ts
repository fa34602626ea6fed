import type { Command } from 'commander';
import type { Bmc } from '../../bmc/bmc.ts';
import { bmcErrors } from '../../bmc/errors.ts';
import { type LeafOptions, leaf, need, runLeaf } from './leaf.ts';

/** clock, clear-jobs */
export function upkeepCommands(): Command[] {
  return [
    leaf('clock', 'Show how far the clock of the BMC is off, or set it')
      .option('--set', 'to the clock of this machine, read back')
      .action((target: string, options: LeafOptions & { set?: boolean }) =>
        runLeaf(target, options, async (bmc, signal) => {
          const management = need(bmc, 'management');
          const time = await (options.set === true ? management.setClock?.(signal) : management.clock?.(signal));
          if (time === undefined) throw unsupported(bmc, 'does not tell its time');
          const facts = { clock: new Date(time.now).toISOString(), secondsAhead: Math.round(time.aheadMs / 1000) };
          return { facts: { address: bmc.address, ...facts } };
        }),
      ),
    leaf('clear-jobs', 'Forget the jobs of the BMC that wait or hang and stand in the way of others (iDRAC)').action(
      (target: string, options: LeafOptions) =>
        runLeaf(target, options, async (bmc, signal) => {
          const cleared = await need(bmc, 'management').clearJobs?.(signal);
          if (cleared === undefined) throw unsupported(bmc, 'has no queue of jobs');
          return { facts: { address: bmc.address, cleared } };
        }),
    ),
  ];
}

function unsupported(bmc: Bmc, why: string) {
  return bmcErrors.make('BMC_UNSUPPORTED', `BMC ${bmc.address} ${why}`);
}
