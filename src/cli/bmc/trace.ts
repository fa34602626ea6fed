import type { Command } from 'commander';
import type { Bmc } from '../../bmc/bmc.ts';
import { errorCode, errorText } from '../../core/errors.ts';
import { type LeafOptions, leaf, runLeaf } from './leaf.ts';
import type { Row } from './output.ts';

/** Everything that can be read of a BMC without changing it, in the order of use. */
const LOOKS: readonly [string, (bmc: Bmc, signal: AbortSignal) => Promise<unknown> | undefined][] = [
  ['verify', (bmc, signal) => bmc.verify(signal)],
  ['power state', (bmc, signal) => bmc.powerState(signal)],
  ['boot override', (bmc, signal) => bmc.bootOverride(signal)],
  ['boot mode', (bmc, signal) => bmc.bootMode?.bootMode(signal)],
  ['Secure Boot', (bmc, signal) => bmc.bootMode?.secureBoot(signal)],
  ['virtual media', (bmc, signal) => bmc.media?.slots(signal)],
  ['inventory', (bmc, signal) => bmc.inspection?.inventory(signal)],
  ['sensors', (bmc, signal) => bmc.sensing?.sensors(signal)],
  ['event log', (bmc, signal) => bmc.eventLog?.entries(10, signal)],
  ['FRU', (bmc, signal) => bmc.frus?.fru(signal)],
  ['BIOS settings', (bmc, signal) => bmc.bios?.state(signal)],
  ['firmware', (bmc, signal) => bmc.firmware?.components(signal)],
  ['RAID', (bmc, signal) => bmc.storage?.controllers(signal)],
  ['event subscriptions', (bmc, signal) => bmc.events?.subscriptions(signal)],
  ['network of the BMC', (bmc, signal) => bmc.management?.network(signal)],
];

/** `trace`: what a bug report needs. Changes nothing on the machine. */
export function traceCommand(): Command {
  return leaf('trace', 'Read all that the BMC shows and write every exchange down, ready for a bug report').action(
    (target: string, options: LeafOptions) => {
      const file = options.trace ?? `bmc-trace-${process.pid}.jsonl`;
      return runLeaf(target, { ...options, trace: file }, async (bmc, signal) => ({
        facts: { address: bmc.address, trace: file },
        rows: await tour(bmc, signal),
      }));
    },
  );
}

/** One refusal does not end the tour; a deadline or an interrupt does. */
async function tour(bmc: Bmc, signal: AbortSignal): Promise<Row[]> {
  const rows: Row[] = [];
  for (const [what, look] of LOOKS) {
    try {
      const work = look(bmc, signal);
      if (work !== undefined) await work;
      rows.push({ what, result: work === undefined ? 'not offered' : 'read' });
    } catch (error) {
      if (signal.aborted) throw error;
      rows.push({ what, result: errorCode(error), detail: errorText(error).slice(0, 200) });
      // Nobody home, or not for us: the rest would fail the same way.
      if (what === 'verify') break;
    }
  }
  return rows;
}
