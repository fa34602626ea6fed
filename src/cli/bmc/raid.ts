import { Command, InvalidArgumentError } from 'commander';
import type { StorageController } from '../../bmc/capabilities.ts';
import { type LeafOptions, leaf, need, runLeaf } from './leaf.ts';
import type { Row } from './output.ts';

interface CreateOptions extends LeafOptions {
  name?: string;
  sizeGib?: number;
}

/** raid list, create, delete */
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
      .argument('<controller>', 'id of the controller')
      .argument('<level>', '0, 1, 5, 6, 1+0, 5+0 or 6+0')
      .argument('<drives...>', 'ids of the drives')
      .option('--name <name>', 'name of the volume')
      .option('--size-gib <n>', 'size (default: all there is)', gib)
      .action((target: string, controller: string, level: string, drives: readonly string[], options: CreateOptions) =>
        runLeaf(target, options, async (bmc, signal) => {
          const volume = {
            controller,
            level,
            drives,
            ...(options.name === undefined ? {} : { name: options.name }),
            ...(options.sizeGib === undefined ? {} : { bytes: options.sizeGib * 2 ** 30 }),
          };
          return { facts: { address: bmc.address, volume: await need(bmc, 'storage').createVolume(volume, signal) } };
        }),
      ),
  );
  raid.addCommand(
    leaf('delete', 'Delete a volume and all that is on it')
      .argument('<volume>', 'id of the volume')
      .action((target: string, volume: string, options: LeafOptions) =>
        runLeaf(target, options, async (bmc, signal) => ({
          facts: { address: bmc.address, deleted: await need(bmc, 'storage').deleteVolume(volume, signal) },
        })),
      ),
  );
  return raid;
}

function rows(controller: StorageController): Row[] {
  const gibOf = (bytes: number | undefined) => (bytes === undefined ? undefined : Math.round(bytes / 2 ** 30));
  return [
    {
      what: 'controller',
      name: controller.name,
      gib: undefined,
      detail: controller.raidTypes.join(' '),
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
      detail: [d.media, d.model, d.serialNumber].filter(Boolean).join(' '),
      health: d.failurePredicted === true ? 'failing' : d.health,
      id: d.id,
    })),
  ];
}

function gib(text: string): number {
  if (!/^[1-9]\d{0,6}$/.test(text)) throw new InvalidArgumentError('a whole number of GiB is needed');
  return Number(text);
}
