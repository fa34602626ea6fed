import { type Command, Option } from 'commander';
import { EXTRA_QUIRK_NAMES } from '../sim/redfish/extra-quirks.ts';
import type { BmcFaults } from '../sim/faults.ts';
import type { ControllerMode, StorageOptions } from '../sim/redfish/state/storage.ts';
import { wholeNumber } from './whole-number.ts';

/** How long a BMC hangs after a burst, and how close together its requests are, ms. */
const FREEZE = { withinMs: 1000, forMs: 5000 };

export interface TroubleOptions {
  quirk?: string[];
  loss?: number;
  delay?: number;
  duplicates?: number;
  reordered?: number;
  freeze?: number;
  restartEvery?: number;
  raidMode?: ControllerMode;
  foreignDrives?: string[];
  passedThrough?: string[];
  stagedRaid?: boolean;
}

/** Options that make simulated BMCs fail as BMCs and networks do, and their storage be as it is found. */
export function addTroubleOptions(command: Command): Command {
  const percent = (flags: string, text: string) => new Option(flags, text).argParser(wholeNumber(0, 100));
  const count = (flags: string, text: string) => new Option(flags, text).argParser(wholeNumber(1, 1_000_000));
  return command
    .optionsGroup('Trouble (by both protocols where nothing else is said):')
    .addOption(percent('--loss <percent>', 'datagrams, requests and answers that are lost, in each direction'))
    .addOption(new Option('--delay <ms>', 'how late every answer is').argParser(wholeNumber(0, 600_000)))
    .addOption(percent('--duplicates <percent>', 'requests that arrive twice'))
    .addOption(percent('--reordered <percent>', 'answers that are overtaken by later ones'))
    .addOption(count('--freeze <requests>', 'hang for 5 s after more than so many requests within a second'))
    .addOption(
      count('--restart-every <n>', 'restart in the middle of every n-th change: it is done, and nobody is told'),
    )
    .addOption(
      new Option('--quirk <name...>', 'ways of BMCs that no personality has, added to all (Redfish)').choices(
        EXTRA_QUIRK_NAMES,
      ),
    )
    .optionsGroup('Storage:')
    .addOption(
      new Option('--raid-mode <mode>', 'mode of the RAID controller; only Dell’s can be changed').choices([
        'RAID',
        'EnhancedHBA',
        'HBA',
      ]),
    )
    .addOption(new Option('--foreign-drives <id...>', 'drives with a foreign configuration: Disk.Bay.0 to Disk.Bay.3'))
    .addOption(new Option('--passed-through <id...>', 'drives that are not the RAID controller’s yet'))
    .addOption(new Option('--staged-raid', 'volumes are made at the next start of the machine alone'));
}

export function faultsOf(options: TroubleOptions): BmcFaults {
  const { loss, delay, duplicates, reordered, freeze, restartEvery } = options;
  return {
    ...(loss === undefined ? {} : { loss: loss / 100 }),
    ...(delay === undefined ? {} : { delayMs: delay }),
    ...(duplicates === undefined ? {} : { duplicates: duplicates / 100 }),
    ...(reordered === undefined ? {} : { reordered: reordered / 100 }),
    ...(freeze === undefined ? {} : { burst: { requests: freeze, ...FREEZE } }),
    ...(restartEvery === undefined ? {} : { restartEvery }),
  };
}

export function storageOf(options: TroubleOptions): StorageOptions {
  const { raidMode, foreignDrives, passedThrough, stagedRaid } = options;
  return {
    ...(raidMode === undefined ? {} : { mode: raidMode }),
    ...(foreignDrives === undefined ? {} : { foreign: foreignDrives }),
    ...(passedThrough === undefined ? {} : { nonRaid: passedThrough }),
    ...(stagedRaid === true ? { realTime: false } : {}),
  };
}
