import { Command } from 'commander';
import type { MediaSlot } from '../../bmc/capabilities.ts';
import { type LeafOptions, leaf, need, runLeaf } from './leaf.ts';
import type { Row } from './output.ts';

/** media list, insert, eject */
export function mediaCommand(): Command {
  const media = new Command('media').description('Virtual media: an ISO image as a CD of the machine');
  media.addCommand(
    leaf('list', 'List the slots and what is in them').action((target: string, options: LeafOptions) =>
      runLeaf(target, options, async (bmc, signal) => ({
        rows: (await need(bmc, 'media').slots(signal)).map(row),
        none: 'no slots',
      })),
    ),
  );
  media.addCommand(
    leaf('insert', 'Insert an ISO image, everything else ejected, read back')
      .argument('<url>', 'what the BMC fetches, http or https')
      .option('--keep-others', 'leave what is in other slots')
      .action((target: string, url: string, options: LeafOptions & { keepOthers?: boolean }) =>
        runLeaf(target, options, async (bmc, signal) => {
          const keepOthers = options.keepOthers === true;
          return { facts: row(await need(bmc, 'media').insert(url, { keepOthers }, signal)) };
        }),
      ),
  );
  media.addCommand(
    leaf('eject', 'Eject one slot, or all')
      .argument('[slot]', 'id of the slot, as `media list` shows it')
      .action((target: string, slot: string | undefined, options: LeafOptions) =>
        runLeaf(target, options, async (bmc, signal) => {
          const control = need(bmc, 'media');
          await control.eject(slot, signal);
          return { rows: (await control.slots(signal)).map(row), none: 'no slots' };
        }),
      ),
  );
  return media;
}

function row(slot: MediaSlot): Row {
  const { id, name, kinds, inserted, image } = slot;
  return { id, name, kinds: kinds.join(' '), inserted, image };
}
