import type { DiskFacts } from '../agent-protocol/messages.ts';
import type { RootDeviceHints } from '../api/hardware.ts';
import type { IngotError } from '../core/errors.ts';
import { diskErrors } from './errors.ts';

export interface DiskRefusal {
  disk: string;
  /** "model is \"QEMU HARDDISK\"" */
  reason: string;
}

export type DiskChoice<D extends DiskFacts> =
  | { ok: true; disk: D }
  | { ok: false; error: IngotError; refusals: DiskRefusal[] };

/** Without hints a disk must have this much: smaller ones are boot sticks and virtual media. */
const MIN_ROOT_BYTES = 4 * 2 ** 30;
const GIB = 2 ** 30;

const normal = (text: string | undefined) => (text ?? '').trim().toLowerCase();

/** Each rule says why a disk does not fit, or undefined when it does. */
type Rule = (disk: DiskFacts) => string | undefined;

const said = (what: string, value: string | undefined) =>
  value === undefined || value === '' ? `it has no ${what}` : `${what} is "${value}"`;

function equalRule(what: string, wanted: string, get: (d: DiskFacts) => string | undefined): Rule {
  return (d) => (normal(get(d)) === normal(wanted) ? undefined : said(what, get(d)));
}

function containsRule(what: string, wanted: string, get: (d: DiskFacts) => string | undefined): Rule {
  return (d) => (normal(get(d)).includes(normal(wanted)) ? undefined : said(what, get(d)));
}

/** udev has more than one name for some: an ATA disk's ends in `-ata-3.0` and, shorter, in `-ata-3`. */
function byPathRule(wanted: string): Rule {
  return (d) =>
    [d.byPath, ...(d.byPathAlternates ?? [])].some((path) => normal(path) === normal(wanted))
      ? undefined
      : said('by-path link', d.byPath);
}

function deviceNameRule(wanted: string): Rule {
  return normal(wanted).startsWith('/dev/disk/by-path/')
    ? byPathRule(wanted)
    : equalRule('device name', wanted, (d) => d.name);
}

const minSizeRule =
  (gib: number): Rule =>
  (d) =>
    d.sizeBytes / GIB >= gib ? undefined : `it has ${sizeText(d.sizeBytes)}`;

const rotationalRule =
  (wanted: boolean): Rule =>
  (d) =>
    d.rotational === wanted ? undefined : `it is ${d.rotational ? '' : 'not '}rotational`;

function rulesOf(h: RootDeviceHints): Rule[] {
  const rules: Rule[] = [];
  const text = (value: string | undefined, make: (wanted: string) => Rule) => {
    if (value !== undefined && value.trim() !== '') rules.push(make(value));
  };
  text(h.deviceName, deviceNameRule);
  text(h.hctl, (w) => equalRule('hctl', w, (d) => d.hctl));
  text(h.model, (w) => containsRule('model', w, (d) => d.model));
  text(h.vendor, (w) => containsRule('vendor', w, (d) => d.vendor));
  text(h.serialNumber, (w) => equalRule('serial number', w, (d) => d.serial));
  text(h.wwn, (w) => equalRule('wwn', w, (d) => d.wwn));
  text(h.wwnWithExtension, (w) => equalRule('wwn with extension', w, (d) => d.wwnWithExtension));
  text(h.wwnVendorExtension, (w) => equalRule('wwn vendor extension', w, (d) => d.wwnVendorExtension));
  if (h.minSizeGigabytes !== undefined && h.minSizeGigabytes > 0) rules.push(minSizeRule(h.minSizeGigabytes));
  if (h.rotational !== undefined) rules.push(rotationalRule(h.rotational));
  return rules;
}

/**
 * The one disk the image goes to (metal3-compat §4.4). With hints: the first disk, in the order given, that all hints
 * match; text is compared without case and surrounding blanks. Without: the smallest of at least 4 GiB, ties by name.
 * A refusal (DISK_NO_MATCH) lists the hints and, disk by disk, the first hint that failed.
 * @param origin where the hints come from, for the refusal
 */
export function chooseDisk<D extends DiskFacts>(
  hints: RootDeviceHints | undefined,
  disks: readonly D[],
  origin = 'spec.rootDeviceHints',
): DiskChoice<D> {
  const rules = rulesOf(hints ?? {});
  if (rules.length === 0) return smallest(disks);
  const refusals: DiskRefusal[] = [];
  for (const disk of disks) {
    const reason = firstReason(rules, disk);
    if (reason === undefined) return { ok: true, disk };
    refusals.push({ disk: disk.name, reason });
  }
  return refuse(`no disk matches ${origin} (${hintsText(hints ?? {})})`, refusals);
}

function firstReason(rules: readonly Rule[], disk: DiskFacts): string | undefined {
  for (const rule of rules) {
    const reason = rule(disk);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

function smallest<D extends DiskFacts>(disks: readonly D[]): DiskChoice<D> {
  const [best] = disks
    .filter((d) => d.sizeBytes >= MIN_ROOT_BYTES)
    .sort((a, b) => a.sizeBytes - b.sizeBytes || (a.name < b.name ? -1 : 1));
  if (best !== undefined) return { ok: true, disk: best };
  const refusals = disks.map((d) => ({ disk: d.name, reason: `it has ${sizeText(d.sizeBytes)}` }));
  return refuse('no disk of at least 4 GiB, and spec.rootDeviceHints names none', refusals);
}

function refuse(what: string, refusals: DiskRefusal[]): DiskChoice<never> {
  const list = refusals.map((r) => `${r.disk}: ${r.reason}`).join('; ');
  const error = diskErrors.make('DISK_NO_MATCH', `${what}: ${list === '' ? 'the host has no disks' : list}`);
  return { ok: false, error, refusals };
}

function hintsText(hints: RootDeviceHints): string {
  return Object.entries(hints)
    .filter(([, v]) => v !== undefined && v !== '')
    .map(([k, v]) => `${k}: ${JSON.stringify(v)}`)
    .join(', ');
}

/** "7.5 GiB", "64 MiB". */
export function sizeText(bytes: number): string {
  if (bytes < GIB) return `${Math.round(bytes / 2 ** 20)} MiB`;
  return `${Math.round((bytes / GIB) * 10) / 10} GiB`;
}
