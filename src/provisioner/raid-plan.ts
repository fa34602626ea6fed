import type { HardwareRaidVolume } from '../api/baremetalhost.ts';
import type { RaidVolumePlan } from '../api/hostprogress.ts';
import type { StorageController, StorageDrive, StorageVolume } from '../bmc/capabilities.ts';

export type RaidPlan = { kind: 'plan'; creates: RaidVolumePlan[] } | { kind: 'problem'; text: string };

/** Drives of a level: fewest, a number that theirs must be a multiple of, and how many drives' bytes n of them give. */
interface Level {
  min: number;
  multiple: number;
  usable: (drives: number) => number;
}

const LEVELS: ReadonlyMap<string, Level> = new Map<string, Level>([
  ['0', { min: 1, multiple: 1, usable: (n) => n }],
  ['1', { min: 2, multiple: 1, usable: () => 1 }],
  ['5', { min: 3, multiple: 1, usable: (n) => n - 1 }],
  ['6', { min: 4, multiple: 1, usable: (n) => n - 2 }],
  ['1+0', { min: 4, multiple: 2, usable: (n) => n / 2 }],
  ['5+0', { min: 6, multiple: 2, usable: (n) => n - 2 }],
  ['6+0', { min: 8, multiple: 2, usable: (n) => n - 4 }],
]);

const GIB = 2 ** 30;

/** Controllers round the size of a volume to their stripes. */
const ROUNDING = 0.99;

interface Choice {
  controller: StorageController;
  drives: readonly StorageDrive[];
}

/**
 * Which drives become which volumes (metal3-compat §4.5), once the volumes that are there are gone. The same input gives
 * the same plan. Drives that volumes name are kept for them; no drive is used twice; drives that fail are left alone.
 * @param wanted `spec.raid.hardwareRAIDVolumes`
 */
export function planRaid(wanted: readonly HardwareRaidVolume[], controllers: readonly StorageController[]): RaidPlan {
  const named = wanted.map((v) => v.name).filter((name) => name !== undefined && name !== '');
  const twice = named.find((name, i) => named.indexOf(name) !== i);
  if (twice !== undefined) return { kind: 'problem', text: `two volumes have the name "${twice}"` };
  const used = new Set<string>();
  const creates: (RaidVolumePlan | undefined)[] = wanted.map(() => undefined);
  const explicit = (v: HardwareRaidVolume) => (v.physicalDisks ?? []).length > 0;
  for (const turn of [true, false]) {
    for (const [i, volume] of wanted.entries()) {
      if (explicit(volume) !== turn) continue;
      const choice = choose(volume, controllers, used);
      if (typeof choice === 'string') {
        return { kind: 'problem', text: `volume ${i}${volume.name ? ` (${volume.name})` : ''}: ${choice}` };
      }
      for (const drive of choice.drives) used.add(drive.id);
      creates[i] = planned(volume, choice);
    }
  }
  return { kind: 'plan', creates: creates.filter((c) => c !== undefined) };
}

/** What counts as RAID: some services show every bare drive as a volume of its own. */
export function isRaid(volume: StorageVolume): boolean {
  return volume.level !== undefined || volume.drives.length > 1;
}

/** Is this volume what was planned? By its drives, or by its name where the BMC does not tell them. */
export function fulfils(volume: StorageVolume, plan: RaidVolumePlan): boolean {
  if (volume.level !== undefined && volume.level !== plan.level) return false;
  if (plan.bytes !== undefined && (volume.bytes ?? plan.bytes) < plan.bytes * ROUNDING) return false;
  if (volume.drives.length === 0) return plan.name !== undefined && volume.name === plan.name;
  return volume.drives.length === plan.drives.length && plan.drives.every((d) => volume.drives.includes(d));
}

function planned(volume: HardwareRaidVolume, { controller, drives }: Choice): RaidVolumePlan {
  const gib = volume.sizeGibibytes ?? 0;
  return {
    controller: controller.id,
    ...(volume.name === undefined || volume.name === '' ? {} : { name: volume.name }),
    level: volume.level,
    ...(gib > 0 ? { bytes: gib * GIB } : {}),
    drives: drives.map((d) => d.id),
  };
}

/** @returns a choice, or why there is none */
function choose(
  volume: HardwareRaidVolume,
  all: readonly StorageController[],
  used: ReadonlySet<string>,
): Choice | string {
  const level = LEVELS.get(volume.level);
  if (level === undefined) return `RAID level "${volume.level}" cannot be made by Redfish`;
  const raid = all.filter((c) => c.raidTypes.length === 0 || c.raidTypes.includes(typeOf(volume.level)));
  const named = raid.filter((c) => volume.controller === undefined || isCalled(c, volume.controller));
  if (named.length === 0) {
    const known = all.map((c) => c.name).join(', ');
    const which = volume.controller === undefined ? '' : ` "${volume.controller}"`;
    return `no controller${which} that makes RAID ${volume.level}; there are ${known === '' ? 'none' : known}`;
  }
  const disks = volume.physicalDisks ?? [];
  const wrong = wrongCount(volume, level, disks.length);
  if (wrong !== undefined) return wrong;
  return disks.length > 0 ? byName(volume, level, named, used) : byKind(volume, level, named, used);
}

function wrongCount(volume: HardwareRaidVolume, level: Level, disks: number): string | undefined {
  const count = volume.numberOfPhysicalDisks ?? (disks > 0 ? disks : undefined);
  if (count === undefined) return undefined;
  if (disks > 0 && count !== disks) return `numberOfPhysicalDisks is ${count}, and physicalDisks are ${disks}`;
  if (count < level.min) return `RAID ${volume.level} takes at least ${level.min} drives, not ${count}`;
  return count % level.multiple === 0 ? undefined : `RAID ${volume.level} takes an even number of drives, not ${count}`;
}

function byName(
  volume: HardwareRaidVolume,
  level: Level,
  controllers: readonly StorageController[],
  used: ReadonlySet<string>,
): Choice | string {
  let reason = '';
  for (const controller of controllers) {
    const drives: StorageDrive[] = [];
    const missing = (volume.physicalDisks ?? []).map((name) => {
      const found = controller.drives.filter((d) => isCalled(d, name));
      const [drive] = found;
      if (drive === undefined) return `no drive "${name}"`;
      if (found.length > 1) return `${found.length} drives are called "${name}"`;
      if (used.has(drive.id) || drives.includes(drive)) return `drive "${name}" is used twice`;
      if (fails(drive)) return `drive "${name}" is failing`;
      drives.push(drive);
      return undefined;
    });
    const problem = missing.find((m) => m !== undefined) ?? tooSmall(volume, level, drives);
    if (problem === undefined) return { controller, drives };
    reason ||= `controller ${controller.name}: ${problem}`;
  }
  return reason;
}

/** Drives of one controller and one kind, as alike as can be, and no larger than needed. */
function byKind(
  volume: HardwareRaidVolume,
  level: Level,
  controllers: readonly StorageController[],
  used: ReadonlySet<string>,
): Choice | string {
  const { rotational } = volume;
  const free = controllers.map((controller) => ({
    controller,
    drives: controller.drives.filter(
      (d) => !used.has(d.id) && !fails(d) && (rotational === undefined || d.rotational === rotational),
    ),
  }));
  const choices = free
    .flatMap((choice) => runsOf(choice, volume, level))
    .filter(({ drives }) => tooSmall(volume, level, drives) === undefined);
  const [best] = choices.toSorted(
    (a, b) => a.drives.length - b.drives.length || spread(a) - spread(b) || smallest(a) - smallest(b),
  );
  if (best !== undefined) return best;
  const kind = rotational === undefined ? '' : rotational ? ' rotating' : ' solid state';
  const size = (volume.sizeGibibytes ?? 0) > 0 ? ` of ${volume.sizeGibibytes} GiB` : '';
  const count = volume.numberOfPhysicalDisks ?? level.min;
  const most = Math.max(...free.map(({ drives }) => drives.length));
  return `RAID ${volume.level}${size} takes at least ${count}${kind} drives of one controller and kind; ${most} are free`;
}

/** Drives next to each other in size, of each number that may be tried. */
function runsOf({ controller, drives }: Choice, volume: HardwareRaidVolume, level: Level): Choice[] {
  const kinds = Map.groupBy(drives, (d) => `${d.media} ${d.rotational}`);
  return [...kinds.values()].flatMap((kind) => {
    const bySize = kind.toSorted((a, b) => (a.bytes ?? 0) - (b.bytes ?? 0));
    return counts(volume, level, bySize.length).flatMap((count) =>
      Array.from({ length: Math.max(0, bySize.length - count + 1) }, (_, at) => ({
        controller,
        drives: bySize.slice(at, at + count),
      })),
    );
  });
}

function smallest({ drives }: Choice): number {
  return drives[0]?.bytes ?? 0;
}

function spread(choice: Choice): number {
  return (choice.drives.at(-1)?.bytes ?? 0) - smallest(choice);
}

/** How many drives may be tried: those asked for, or, for a given size, ever more until it is reached. */
function counts(volume: HardwareRaidVolume, level: Level, most: number): number[] {
  const { numberOfPhysicalDisks: asked, sizeGibibytes = 0 } = volume;
  if (asked !== undefined) return [asked];
  if (sizeGibibytes === 0) return [level.min];
  const steps = Math.max(0, Math.floor((most - level.min) / level.multiple) + 1);
  return Array.from({ length: steps }, (_, i) => level.min + i * level.multiple);
}

/** Drives that do not tell their size are for the BMC to judge. */
function tooSmall(volume: HardwareRaidVolume, level: Level, drives: readonly StorageDrive[]): string | undefined {
  const gib = volume.sizeGibibytes ?? 0;
  const bytes = Math.min(...drives.map((d) => d.bytes ?? Number.POSITIVE_INFINITY)) * level.usable(drives.length);
  if (gib === 0 || gib * GIB <= bytes) return undefined;
  return `${drives.length} drives give ${Math.floor(bytes / GIB)} GiB at RAID ${volume.level}, not ${gib}`;
}

function fails(drive: StorageDrive): boolean {
  return drive.failurePredicted === true || drive.health === 'critical';
}

/** People write the whole path, the end of it, or the name. */
function isCalled(thing: { id: string; name: string }, name: string): boolean {
  return thing.id === name || thing.id.split('/').at(-1) === name || thing.name === name;
}

function typeOf(level: string): string {
  return `RAID${level.replace('+', '')}`;
}
