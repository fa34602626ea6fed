import { Command, InvalidArgumentError } from 'commander';
import type { MediaSlot } from '../../bmc/capabilities.ts';
import { type LeafOptions, leaf, need, runLeaf } from './leaf.ts';
import type { Row } from './output.ts';
import { pick } from './pick.ts';

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
      .argument('<url>', 'what the BMC fetches, http or https; it must reach it from its own network', webUrl)
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
      .argument('[slot]', 'id of the slot, as `media list` shows it (default: all)')
      .action((target: string, slot: string | undefined, options: LeafOptions) =>
        runLeaf(target, options, async (bmc, signal) => {
          const control = need(bmc, 'media');
          const id = slot === undefined ? undefined : pick('slot', slot, await control.slots(signal)).id;
          await control.eject(id, signal);
          return { rows: (await control.slots(signal)).map(row), none: 'no slots' };
        }),
      ),
  );
  return media;
}

function webUrl(text: string): string {
  if (/^https?:\/\/[^/]/i.test(text) && URL.canParse(text)) return text;
  throw new InvalidArgumentError('a URL that begins with http:// or https:// is needed');
}

function row(slot: MediaSlot): Row {
  const { id, name, kinds, inserted, image } = slot;
  return { id, name, kinds: kinds.join(' '), inserted, image };
}
