import { Argument, Command, InvalidArgumentError } from 'commander';
import type { Bmc } from '../../bmc/bmc.ts';
import type { StorageController } from '../../bmc/capabilities.ts';
import { bmcErrors } from '../../bmc/errors.ts';
import { type LeafOptions, leaf, need, runLeaf } from './leaf.ts';
import type { Row } from './output.ts';
import { pick, shortId } from './pick.ts';

interface CreateOptions extends LeafOptions {
  name?: string;
  clearForeign?: boolean;
  sizeGib?: number;
}

/** raid list, create, delete, mode, clear-foreign */
export function raidCommand(): Command {
  const raid = new Command('raid').description('RAID controllers, drives and volumes');
  raid.addCommand(
    leaf('list', 'List controllers with their drives and volumes').action((target: string, options: LeafOptions) =>
      runLeaf(target, options, async (bmc, signal) => ({
        rows: (await need(bmc, 'storage').controllers(signal)).flatMap(rows),
        none: 'no controllers',
      })),
    ),
  );
  raid.addCommand(
    leaf('create', 'Make a volume of whole drives, or of a part of them')
      .argument('<controller>', 'id of the controller, as `raid list` shows it')
      .addArgument(new Argument('<level>', 'RAID level').choices(['0', '1', '5', '6', '1+0', '5+0', '6+0']))
      .argument('<drives...>', 'ids of the drives, as `raid list` shows them')
      .option('--name <name>', 'name of the volume')
      .option('--clear-foreign', 'give up what other controllers left on any drive of this one')
      .option('--size-gib <n>', 'size (default: all there is)', gib)
      .action((target: string, controller: string, level: string, drives: readonly string[], options: CreateOptions) =>
        runLeaf(target, options, async (bmc, signal) => {
          const storage = need(bmc, 'storage');
          const found = pick('controller', controller, await storage.controllers(signal));
          const volume = {
            controller: found.id,
            level,
            drives: drives.map((drive) => pick('drive', drive, found.drives).id),
            clearForeign: options.clearForeign === true,
            ...(options.name === undefined ? {} : { name: options.name }),
            ...(options.sizeGib === undefined ? {} : { bytes: options.sizeGib * 2 ** 30 }),
          };
          const made = await storage.createVolume(volume, signal);
          return { facts: { address: bmc.address, volume: made }, ...afterwards(made) };
        }),
      ),
  );
  raid.addCommand(
    leaf('delete', 'Delete a volume and all that is on it')
      .argument('<volume>', 'id of the volume, as `raid list` shows it')
      .action((target: string, volume: string, options: LeafOptions) =>
        runLeaf(target, options, async (bmc, signal) => {
          const storage = need(bmc, 'storage');
          const known = (await storage.controllers(signal)).flatMap((c) => c.volumes);
          const { id } = pick('volume', volume, known);
          const deleted = await storage.deleteVolume(id, signal);
          return { facts: { address: bmc.address, volume: shortId(id), deleted }, ...afterwards(deleted) };
        }),
      ),
  );
  raid.addCommand(
    leaf('mode', 'Set the mode of a controller for the next start of the machine (Dell)')
      .argument('<controller>', 'id of the controller')
      .argument('<mode>', 'as the controller calls it: RAID, HBA, EnhancedHBA')
      .action((target: string, controller: string, mode: string, options: LeafOptions) =>
        runLeaf(target, options, async (bmc, signal) => {
          const storage = need(bmc, 'storage');
          const set = await (storage.setControllerMode?.(controller, mode, signal) ?? unsupported(bmc));
          return { facts: { address: bmc.address, controller, mode, set } };
        }),
      ),
  );
  raid.addCommand(
    leaf('clear-foreign', 'Clear what other controllers left on the drives of this one, and all that is on them (Dell)')
      .argument('<controller>', 'id of the controller')
      .action((target: string, controller: string, options: LeafOptions) =>
        runLeaf(target, options, async (bmc, signal) => {
          await (need(bmc, 'storage').clearForeign?.(controller, signal) ?? unsupported(bmc));
          return { facts: { address: bmc.address, controller, foreign: 'none' } };
        }),
      ),
  );
  return raid;
}

/** What `pending` means: the controller does not say which of the two. */
function afterwards(result: 'done' | 'pending'): { note?: string } {
  if (result === 'done') return {};
  return { note: 'Ordered. The controller is at it, or waits for the next start of the machine: see `raid list`.' };
}

function unsupported(bmc: Bmc): never {
  throw bmcErrors.make('BMC_UNSUPPORTED', `BMC ${bmc.address} has no such setting of its RAID controllers`);
}

function rows(controller: StorageController): Row[] {
  const gibOf = (bytes: number | undefined) => (bytes === undefined ? undefined : Math.round(bytes / 2 ** 30));
  return [
    {
      what: 'controller',
      name: controller.name,
      gib: undefined,
      detail: [controller.mode, ...controller.raidTypes].filter(Boolean).join(' '),
      health: undefined,
      id: controller.id,
    },
    ...controller.volumes.map((v) => ({
      what: 'volume',
      name: v.name,
      gib: gibOf(v.bytes),
      detail: `RAID ${v.level ?? '?'} of ${v.drives.length}`,
      health: undefined,
      id: v.id,
    })),
    ...controller.drives.map((d) => ({
      what: 'drive',
      name: d.name,
      gib: gibOf(d.bytes),
      detail: [d.media, d.model, d.serialNumber, d.raidStatus].filter(Boolean).join(' '),
      health: d.failurePredicted === true ? 'failing' : d.health,
      id: d.id,
    })),
  ];
}

function gib(text: string): number {
  if (!/^[1-9]\d{0,6}$/.test(text)) throw new InvalidArgumentError('a whole number of GiB is needed');
  return Number(text);
}
